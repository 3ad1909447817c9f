package eval

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/talk"
)

func near(a, b, within float64) bool { return math.Abs(a-b) <= within }

// TestClopperPearson compares with values that R's binom.test prints (they are in
// many textbooks), and with closed forms at the ends.
func TestClopperPearson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{
		{0, 10, 0, .3084971},
		{1, 10, .002528579, .4450161},
		{5, 10, .187086, .812914},
		{10, 100, .04900469, .1762226},
		{10, 10, math.Pow(.025, 1./10), 1},
		{0, 30000, 0, 1 - math.Pow(.025, 1./30000)}, // 0.12 in 1,000
		{1000, 1000, math.Pow(.025, 1./1000), 1},
	} {
		got := share95(c.k, c.n)
		if !near(float64(got.Low), c.low, 5e-8) || !near(float64(got.High), c.high, 5e-8) {
			t.Errorf("%d of %d: %v to %v, want %v to %v", c.k, c.n, got.Low, got.High, c.low, c.high)
		}
	}
	if got := share95(0, 0); got.Low.Known() || got.High.Known() {
		t.Errorf("nothing of nothing: %v", got)
	}
}

// TestBeta: I_p(k, n-k+1) is the chance of k or more of n, summed term by term.
func TestBeta(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "n")
		k := rapid.IntRange(1, n).Draw(t, "k")
		p := rapid.Float64Range(.001, .999).Draw(t, "p")
		sum := 0.0
		for i := k; i <= n; i++ {
			a, _ := math.Lgamma(float64(n + 1))
			b, _ := math.Lgamma(float64(i + 1))
			c, _ := math.Lgamma(float64(n - i + 1))
			sum += math.Exp(a - b - c + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		}
		if got := betaRegularised(p, float64(k), float64(n-k+1)); !near(got, sum, 1e-9) {
			t.Fatalf("I_%v(%d, %d) = %v, summed %v", p, k, n-k+1, got, sum)
		}
		q := rapid.Float64Range(.001, .999).Draw(t, "q")
		x := betaQuantile(q, float64(k), float64(n-k+1))
		if got := betaRegularised(x, float64(k), float64(n-k+1)); !near(got, q, 1e-9) {
			t.Fatalf("the quantile of %v is %v, where the function is %v", q, x, got)
		}
	})
}

// TestSpeed compares with the table of our notes: speed after d messages with eSPD's
// and with eRisk's penalty.
func TestSpeed(t *testing.T) {
	for d, want := range map[int][2]float64{1: {1, 1}, 10: {.945, .965}, 25: {.853, .907}, 50: {.706, .811}, 90: {.5, .666}, 150: {.274, .477}} {
		for i, p := range []float64{penaltyESPD, penaltyERisk} {
			if got := float64(speed(p, []int{d})); !near(got, want[i], .001) {
				t.Errorf("speed after %d messages with p = %v: %v, want %v", d, p, got, want[i])
			}
		}
	}
	if speed(penaltyESPD, nil).Known() {
		t.Error("a speed without alerts")
	}
}

// at is a conversation that came to a tier after d messages, 0 for never.
func at(l Label, d, severe int) verdict {
	v := verdict{label: l}
	if d > 0 {
		v.tier, v.score = talk.Review, 7
		for t := talk.Tip; t <= talk.Review; t++ {
			v.after[t], v.waited[t] = d, time.Duration(d)*time.Minute
		}
	}
	v.severe = severe
	return v
}

// ten are three harmful conversations (found after 3 and 11 messages, and missed),
// one ordinary one that is flagged after 2, and six that are not.
func ten() *collector {
	k := &collector{o: &Options{Budgets: []int{2}}}
	k.verdicts = []verdict{at(Harm, 3, 9), at(Harm, 11, 4), at(Harm, 0, 0), at(Benign, 2, 0)}
	for range 6 {
		k.verdicts = append(k.verdicts, at(Benign, 0, 0))
	}
	k.verdicts = append(k.verdicts, at(Unlabelled, 1, 0)) // counts nowhere
	return k
}

// TestLatencyByHand. Two found, one false, one missed: precision 2/3, recall 2/3,
// F1 2/3.
//
// F-latency: the penalty -1 + 2/(1+exp(-p(d-1))) is tanh(p(d-1)/2). With p = 0.01234
// it is tanh(0.01234) = 0.01233937 after 3 messages and tanh(0.0617) = 0.06162183
// after 11; the median of two is their mean, 0.03698060; speed 0.96301940; times 2/3:
// 0.64201293. With p = 0.0078 it is tanh(0.0078) = 0.00779984 and tanh(0.039) =
// 0.03898024; mean 0.02339004; speed 0.97660996; times 2/3: 0.65107331.
//
// ERDE: a false alarm costs the share of harm, 3/10; one missed costs 1; one found
// after k costs 1 - 1/(1+exp(k-o)). ERDE 5: 1 - 1/(1+exp(-2)) = 0.11920292 and
// 1 - 1/(1+exp(6)) = 0.99752738; with 0.3 and 1 that is 2.41673030; of ten 0.24167303.
// ERDE 50: both are nought to sixteen places: 1.3 of ten, 0.13.
func TestLatencyByHand(t *testing.T) {
	l := ten().latency(talk.Review)
	for name, c := range map[string][2]float64{
		"F-latency, eSPD":  {float64(l.FLatency[0]), .64201293},
		"F-latency, eRisk": {float64(l.FLatency[1]), .65107331},
		"ERDE 5":           {float64(l.ERDE5), .24167303},
		"ERDE 50":          {float64(l.ERDE50), .13},
		"median messages":  {float64(l.Median), 7},
		"median seconds":   {float64(l.MedianSeconds), 7 * 60},
		"lead":             {float64(l.Lead), 6}, // alert at 3, severe sign at 9
	} {
		if !near(c[0], c[1], 5e-9) {
			t.Errorf("%s: %.9f, want %.9f", name, c[0], c[1])
		}
	}
	if l.Alerts != 2 || l.BeforeSevere != 1 || l.WithSevere != 2 || l.Messages[0].N != 1 || l.Messages[2].N != 1 || l.Time[1].N != 1 || l.Time[2].N != 1 {
		t.Errorf("%+v", l)
	}
}

// TestLevelByHand: F0.5 = 1.25·2/(1.25·2 + 0.25·1 + 1) = 2.5/3.75; F3 = 10·2/(10·2 +
// 9·1 + 1) = 20/30; all three are 2/3, as precision and recall are one. One false
// among seven ordinary: 142.857 in 1,000.
func TestLevelByHand(t *testing.T) {
	l := level("conversation", talk.Review, ten().conversations(talk.Review))
	for name, got := range map[string]Num{"precision": l.Precision, "recall": l.Recall, "F1": l.F1, "F0.5": l.F05, "F3": l.F3} {
		if !near(float64(got), 2./3, 1e-12) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !near(float64(l.Per1000), 1000./7, 1e-9) || l.TN != 6 || l.Conclusive {
		t.Errorf("%+v", l)
	}
	// 8 found, 2 false, 4 missed: precision 0.8, recall 2/3, F1 16/22, F0.5 10/13, F3 80/118.
	c := counts{8, 2, 4, 10}
	if !near(float64(c.f(1)), 16./22, 1e-12) || !near(float64(c.f(.5)), 10./13, 1e-12) || !near(float64(c.f(3)), 80./118, 1e-12) {
		t.Errorf("%v %v %v", c.f(1), c.f(.5), c.f(3))
	}
}

// TestBudgets: of three with one score, two of them harmful, two are looked at: 4/3 are
// found on average.
func TestBudgets(t *testing.T) {
	queue := []ranked{{talk.Tip, 4, true}, {talk.Tip, 4, false}, {talk.Tip, 4, true}, {talk.Review, 1, false}, {talk.None, 0, true}}
	for _, c := range []struct {
		n             int
		found, looked float64
	}{{1, 0, 1}, {3, 4. / 3, 3}, {4, 2, 4}, {100, 2, 4}, {0, 0, 0}} {
		found, all, looked := atBudget(queue, c.n)
		if !near(found, c.found, 1e-12) || looked != c.looked || all != 3 {
			t.Errorf("the first %d: %v of %v, looked at %v", c.n, found, all, looked)
		}
	}
}

// TestCalibrationByHand: 1 harmful of 4, so the prior odds are 1/3. Scores ln 3, 0,
// 0, 0 make probabilities 1/2 and three times 1/4. If the first is the harmful one:
// Brier (1/4 + 3/16)/4 = 0.109375; ECE (|0.5-1| + |0.75-0|)/4 = 0.3125.
func TestCalibrationByHand(t *testing.T) {
	k := &collector{}
	k.verdicts = []verdict{{label: Harm, climbed: climbed{score: math.Log(3)}}, {label: Benign}, {label: Benign}, {label: Benign}}
	c := k.calibration()
	if !near(float64(c.Brier), .109375, 1e-12) || !near(float64(c.ECE), .3125, 1e-12) || c.Prior != .25 {
		t.Errorf("%+v", c)
	}
	if c.Table[2].N != 3 || c.Table[5].N != 1 || c.Table[5].Observed != 1 {
		t.Errorf("%+v", c.Table)
	}
}

// TestBaseRates compares with the table of docs/talk.md: recall 0.7.
func TestBaseRates(t *testing.T) {
	for _, b := range baseRates(talk.Tip, counts{tp: 7000, fn: 3000, fp: 100, tn: 99_900}) { // FPR 1 in 1,000
		want := map[float64]float64{1e-3: .412, 1e-4: .0654, 1e-5: .00695}[b.Prevalence]
		if !near(float64(b.PPV), want, 1e-3) || b.PPVLow >= b.PPV {
			t.Errorf("%+v, want %v", b, want)
		}
	}
}

func TestGate(t *testing.T) {
	of := func(value string, fp, n int) Slice {
		in := share95(fp, n).times(1000)
		return Slice{Value: value, Benign: n, Sufficient: n >= enough, Per1000: [2]Num{ratio(1000*float64(fp), float64(n))}, In: [2]Interval{in}}
	}
	for name, c := range map[string]struct {
		of   []Slice
		want string
	}{
		"one slice":                          {[]Slice{of("en", 5, 2000)}, "insufficient"},
		"one of two is too small":            {[]Slice{of("en", 5, 2000), of("es", 900, 999)}, "insufficient"},
		"not said is no group":               {[]Slice{of("en", 5, 2000), of("not said", 500, 2000)}, "insufficient"},
		"about the same":                     {[]Slice{of("en", 50, 2000), of("es", 60, 2000)}, "passes"},
		"the same":                           {[]Slice{of("en", 50, 2000), of("es", 50, 2000)}, "passes"},
		"none at all":                        {[]Slice{of("en", 0, 2000), of("es", 0, 2000)}, "passes"},
		"three times, but few":               {[]Slice{of("en", 1, 2000), of("es", 3, 2000)}, "passes"},
		"three times":                        {[]Slice{of("en", 50, 2000), of("es", 150, 2000)}, "fails"},
		"intervals apart, but not 1.5 times": {[]Slice{of("en", 50_000, 200_000), of("es", 60_000, 200_000)}, "passes"},
		"none against many":                  {[]Slice{of("en", 0, 2000), of("es", 150, 2000)}, "fails"},
	} {
		if g := gate(c.of, 0, talk.Tip); g.Result != c.want {
			t.Errorf("%s: %+v", name, g)
		}
	}
}
