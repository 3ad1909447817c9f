package talk_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
	"pgregory.net/rapid"
)

func all(hs ...*talk.History) iter.Seq2[*talk.History, error] {
	return func(yield func(*talk.History, error) bool) {
		for _, h := range hs {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// judged is a conversation of n messages of the actor, of which the first ones show
// what is given.
func judged(id string, harm bool, weight float64, r talk.Relation, n int, shows ...talk.Set) *talk.History {
	h := &talk.History{ID: id, Harm: harm, Weight: weight, Relation: r, Language: "en"}
	for i := range n {
		m := talk.HistoryMessage{At: start.Add(time.Duration(i) * time.Minute)}
		if i < len(shows) {
			m.Found = shows[i]
		}
		h.Messages = append(h.Messages, m)
	}
	return h
}

func many(n int, one func(i int) *talk.History) (out []*talk.History) {
	for i := range n {
		out = append(out, one(i))
	}
	return out
}

// counts finds n1 and n0 of an indicator.
func counts(t *testing.T, w *talk.Weights, i talk.Indicator) (n1, n0 float64) {
	t.Helper()
	for _, c := range talk.Diff(weights(t), w).Indicators {
		if c.Indicator == i {
			return c.N1[1], c.N0[1]
		}
	}
	t.Fatalf("no %v", i)
	return 0, 0
}

// TestFitByHand: rates that can be worked out on paper. The present n1 and n0 of
// asks_age are 80 and 20 in 10,000.
func TestFitByHand(t *testing.T) {
	ask := talk.SetOf(talk.AsksAge)
	harm := func(n int, w float64, r talk.Relation, per int) []*talk.History {
		return many(n, func(i int) *talk.History {
			return judged(fmt.Sprint("h", i), true, w, r, per, ask, talk.SetOf(talk.Threatens, talk.DemandsMoney))
		})
	}
	benign := func(n int, w float64, r talk.Relation, per int, shows ...talk.Set) []*talk.History {
		return many(n, func(i int) *talk.History { return judged(fmt.Sprint("b", i), false, w, r, per, shows...) })
	}
	for _, c := range []struct {
		name    string
		from    []*talk.History
		n1, n0  float64
		skipped int
	}{
		// 50 conversations with 1 of 10 messages: (50·80 + 50·1000)/100 = 540; none of
		// 10: (50·20 + 0)/100 = 10.
		{"as many as the present ones stand for", slices.Concat(harm(50, 1, stranger, 10), benign(50, 1, stranger, 10)), 540, 10, 0},
		// Equal weights say what equal weights say, whatever they are.
		{"all with the weight of seven", slices.Concat(harm(50, 7, stranger, 10), benign(50, 7, stranger, 10)), 540, 10, 0},
		// Weights 1 ten times and 10 ten times: (10+100)²/(10+1000) = 12100/1010 = 11.9802
		// conversations; the rate is (10·0 + 10·10·1)/(10·10 + 10·100) = 1/11 of the messages:
		// (50·20 + 11.9802·909.0909)/61.9802 = 191.8530.
		{"some drawn by an audit", slices.Concat(harm(50, 1, stranger, 10), benign(10, 1, stranger, 10), benign(10, 10, stranger, 10, ask)), 540, 191.853, 0},
		// Between children of one age a question for age counts a tenth: 50 conversations are
		// 5, whose rate is 1 in 10: (50·20 + 5·1000)/55 = 109.0909.
		{"children of one age", slices.Concat(harm(50, 1, stranger, 10), benign(50, 1, friends, 10, ask)), 540, 109.090909, 0},
		// One conversation of 3,000 messages that asks in all of them, and one of 300 that
		// asks in none: each counts 300: half of all: (50·20 + 2·5000)/52 = 211.538462.
		{"one very long conversation", slices.Concat(harm(50, 1, stranger, 10),
			benign(1, 1, stranger, 3000, slices.Repeat([]talk.Set{ask}, 3000)...), benign(1, 1, stranger, 300)), 540, 211.538462, 0},
		{"one with an adult", slices.Concat(harm(50, 1, stranger, 10), benign(50, 1, stranger, 10),
			benign(1, 1, talk.Relation{Target: talk.Person{Band: talk.Adult}}, 10, ask)), 540, 10, 1},
	} {
		f, err := talk.Fit(weights(t), "2026.12.01-fit", all(c.from...))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		n1, n0 := counts(t, f.Weights, talk.AsksAge)
		if math.Abs(n1-c.n1) > 1e-3 || math.Abs(n0-c.n0) > 1e-3 || f.Skipped != c.skipped {
			t.Errorf("%s: n1 %v, n0 %v, skipped %d; want %v, %v, %d", c.name, n1, n0, f.Skipped, c.n1, c.n0, c.skipped)
		}
		d := talk.Diff(weights(t), f.Weights)
		if len(d.Others) != 0 || f.Weights.Version != "2026.12.01-fit" {
			t.Errorf("%s: a fit changed %v", c.name, d.Others)
		}
	}
}

func TestFitIsRefused(t *testing.T) {
	one := all(judged("a", true, 1, stranger, 3), judged("b", false, 1, stranger, 3))
	broken := func(yield func(*talk.History, error) bool) { yield(nil, talk.ErrHistory) }
	threats := func(yield func(*talk.History, error) bool) {
		for i := range 2000 { // as if ordinary people threatened in every second message
			if !yield(judged(fmt.Sprint(i), i%2 == 0, 1, stranger, 2, talk.SetOf(talk.Threatens, talk.DemandsMoney)), nil) {
				return
			}
		}
	}
	asks := func(yield func(*talk.History, error) bool) {
		for i := range 2000 { // and where harm is prepared nobody ever asks
			if !yield(judged(fmt.Sprint(i), i%2 == 0, 1, stranger, 2, map[bool]talk.Set{false: talk.SetOf(talk.AsksAge, talk.AsksPlace, talk.AsksPicture)}[i%2 == 0]), nil) {
				return
			}
		}
	}
	for name, c := range map[string]struct {
		from    iter.Seq2[*talk.History, error]
		version string
		want    error
		why     string
	}{
		"no outcomes":              {all(), "v2", talk.ErrFit, "both are needed"},
		"no harm":                  {all(judged("b", false, 1, stranger, 3)), "v2", talk.ErrFit, "both are needed"},
		"the same version":         {one, weights(t).Version, talk.ErrFit, "new version"},
		"a version of two words":   {one, "a b", talk.ErrFit, "new version"},
		"a broken file":            {broken, "v2", talk.ErrHistory, ""},
		"threats believed no more": {threats, "v2", talk.ErrWeights, "a threat and a demand must reach review"},
		"ordinary talk raises":     {asks, "v2", talk.ErrWeights, "ordinary messages would raise the score"},
	} {
		f, err := talk.Fit(weights(t), c.version, c.from)
		if f != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

func TestFitWarns(t *testing.T) {
	f, err := talk.Fit(weights(t), "v2", all(judged("a", true, 1, stranger, 3), judged("b", false, 1, stranger, 3)))
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Join(f.Warnings, "\n")
	for _, want := range []string{"n0 is too high", "never flagged has taught nothing", "never seen", "still say more"} {
		if !strings.Contains(said, want) {
			t.Errorf("no warning that says %q:\n%s", want, said)
		}
	}
}

// TestText: what is written is what is read.
func TestText(t *testing.T) {
	w := weights(t)
	again, err := talk.ParseWeights(w.Text("a comment", "of two\nlines"))
	if err != nil {
		t.Fatal(err)
	}
	if again.Text() != w.Text() || len(talk.Diff(w, again).Others) != 0 {
		t.Error("weights that were written are others")
	}
	for _, c := range talk.Diff(w, again).Indicators {
		if c.N1[0] != c.N1[1] || c.N0[0] != c.N0[1] || c.Adds[0] != c.Adds[1] {
			t.Errorf("%v: %+v", c.Indicator, c)
		}
	}
	other, err := talk.ParseWeights(strings.Replace(talk.StartingText(), "set tip 3", "set tip 3.5", 1))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]talk.Change{{Name: "set tip", Old: 3, New: 3.5}}, talk.Diff(w, other).Others); d != "" {
		t.Error(d)
	}
}

// asHistory is what an operator would have kept of a synthetic conversation.
func (x *readings) asHistory(w *talk.Weights, c *synthetic.Conversation, id string) *talk.History {
	h := &talk.History{ID: id, Harm: c.Harm, Weight: 1, Relation: c.Relation, Language: c.Language.String()}
	var s talk.State
	for _, l := range c.Lines {
		m := synthetic.Message(&l, x.read)
		o := s.Update(w, &c.Relation, m, l.At)
		h.Messages = append(h.Messages, talk.HistoryMessage{At: l.At, FromTarget: l.FromTarget, Found: o.Found, Media: l.Media,
			Refuses: m.Reading != nil && m.Reading.Refuses, Unread: m.Reading == nil, External: m.External})
	}
	return h
}

// TestReplay: a history without text comes to what the conversation came to with it.
// It can score less, by what is taken off before a language is recognised, and never
// more, so that a backtest does not promise what will not happen.
func TestReplay(t *testing.T) {
	w, x := weights(t), newReadings(t)
	lowest, n, others := 0.0, 0, 0
	for i := range synthetic.Scenarios {
		for seed := range uint64(5) {
			c := synthetic.Make(&synthetic.Scenarios[i], talk.English, seed)
			was, _ := x.run(w, c, nil)
			var got result
			x.asHistory(w, c, "x").Replay(w, func(_ *talk.HistoryMessage, o talk.Outcome) {
				got.tier, got.fast, got.score = max(got.tier, o.Tier), got.fast|o.Fast, max(got.score, o.Score)
			})
			if got.fast != was.fast || got.score > was.score+1e-4 || got.tier > was.tier {
				t.Errorf("%s, seed %d: %+v, replayed %+v", c.Scenario, seed, was, got)
			}
			n++
			if got.tier != was.tier {
				others++
			}
			lowest = min(lowest, got.score-was.score)
		}
	}
	t.Logf("%d of %d replayed to another tier; the highest score is up to %.2f lower", others, n, -lowest)
	if lowest < -.6 || others*20 > n {
		t.Errorf("%d of %d replayed to another tier, up to %.2f lower", others, n, -lowest)
	}
}

func TestBacktest(t *testing.T) {
	w := weights(t)
	ask, secret := talk.SetOf(talk.AsksAge), talk.SetOf(talk.AsksSecrecy)
	hs := []*talk.History{
		judged("crosses", true, 1, talk.Relation{}, 4, ask, secret),
		judged("stays", false, 3, talk.Relation{}, 4),
		judged("threat", true, 1, talk.Relation{}, 2, talk.SetOf(talk.Threatens, talk.DemandsMoney)),
	}
	same, err := talk.Backtest(w, w, all(hs...))
	if err != nil || len(same.Crossed) != 0 || same.Harm.Conversations != 2 || same.Benign.Conversations != 1 {
		t.Fatalf("the same weights: %+v, %v", same, err)
	}
	lower, err := talk.ParseWeights(strings.NewReplacer("set review 6.5", "set review 3.2", "set friction 5", "set friction 3.1", "set diversity_families 3", "set diversity_families 2").Replace(talk.StartingText()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := talk.Backtest(w, lower, all(hs...))
	if err != nil {
		t.Fatal(err)
	}
	old, next := b.Harm.AtLeast(talk.Review)
	if old != 1 || next != 1 || b.Harm.Tiers[talk.Review][talk.Review] != 1 {
		t.Errorf("review: %d, then %d: %+v", old, next, b.Harm.Tiers)
	}
	before, after := b.Benign.Share(talk.Tip)
	if before != 0 || after != 0 || b.Benign.Weighted[0][0] != 3 {
		t.Errorf("benign: %v, %v", before, after)
	}
	eager, err := talk.ParseWeights(strings.Replace(talk.StartingText(), "set tip 3", "set tip 1", 1))
	if err != nil {
		t.Fatal(err)
	}
	b, err = talk.Backtest(w, eager, all(judged("one question", true, 1, talk.Relation{}, 4, ask)))
	if d := cmp.Diff([]talk.Crossed{{ID: "one question", Harm: true, Old: talk.None, New: talk.Tip, After: 1}}, b.Crossed); d != "" || err != nil {
		t.Error(d, err)
	}
	if m, n := b.Harm.Median(); m != 0 || n != 0 {
		t.Errorf("medians of nothing: %d, %d", m, n)
	}
}

// TestFitAnything: whatever people judged, a fit is either refused or keeps the
// rules, and lies between what was believed and what was seen.
func TestFitAnything(t *testing.T) {
	w := weights(t)
	rapid.Check(t, func(t *rapid.T) {
		var hs []*talk.History
		for i := range rapid.IntRange(0, 12).Draw(t, "conversations") {
			h := &talk.History{ID: fmt.Sprint(i), Harm: rapid.Bool().Draw(t, "harm"), Weight: rapid.Float64Range(.1, 100).Draw(t, "weight"),
				Relation: *relation().Draw(t, "relation"), Language: "en"}
			for _, m := range rapid.SliceOfN(message(), 1, 10).Draw(t, "messages") {
				h.Messages = append(h.Messages, talk.HistoryMessage{At: m.At, FromTarget: m.FromTarget, Found: m.Found, Media: m.Media})
			}
			hs = append(hs, h)
		}
		f, err := talk.Fit(w, "v2", all(hs...))
		if err != nil {
			if !errors.Is(err, talk.ErrFit) {
				t.Fatal(err)
			}
			return
		}
		again, err := talk.ParseWeights(f.Text)
		if err != nil || again.Text() != f.Weights.Text() {
			t.Fatalf("the text of a fit is not its weights: %v", err)
		}
		for _, r := range []talk.Relation{stranger, friends, related, {}} {
			var s talk.State
			if o := s.Update(f.Weights, &r, found(1, start, talk.Threatens, talk.DemandsMoney), start); o.Tier != talk.Review {
				t.Fatalf("a threat and a demand: %v", o.Tier)
			}
		}
	})
}

func TestHeldOut(t *testing.T) {
	hs := many(1000, func(i int) *talk.History { return judged(fmt.Sprint("conversation ", i), true, 1, stranger, 1) })
	kept, rest := 0, 0
	for range talk.HeldOut(all(hs...), 30, true) {
		kept++
	}
	for range talk.HeldOut(all(hs...), 30, false) {
		rest++
	}
	if kept+rest != 1000 || kept < 250 || kept > 350 {
		t.Errorf("%d kept back, %d not", kept, rest)
	}
}

const line = `{"id":"c1","harm":true,"weight":2,"relation":{"actor":{"band":"adult"},"target":{"band":"13_15","age":14},"tie":"stranger"},"language":"en","messages":[{"at":"2026-11-01T12:00:00Z","found":["asks_age"]},{"at":"2026-11-01T12:01:00Z","from_target":true,"refuses":true}]}`

func TestHistories(t *testing.T) {
	const canary = "Zanzibarquux"
	for name, c := range map[string]struct {
		text string
		n    int
		want error
	}{
		"one":                 {line, 1, nil},
		"two and empty lines": {line + "\n\n" + line + "\n", 2, nil},
		"none":                {"", 0, nil},
		"not said if harm":    {strings.Replace(line, `"harm":true,`, "", 1), 0, talk.ErrHistory},
		"text":                {strings.Replace(line, `"refuses":true`, `"text":"`+canary+`"`, 1), 0, talk.ErrHistory},
		"an unknown sign":     {strings.Replace(line, `asks_age`, canary, 1), 0, talk.ErrHistory},
		"an unknown band":     {strings.Replace(line, `adult`, canary, 1), 0, talk.ErrHistory},
		"no weight at all":    {strings.Replace(line, `"weight":2`, `"weight":0`, 1), 0, talk.ErrHistory},
		"no id":               {strings.Replace(line, `"c1"`, `""`, 1), 0, talk.ErrHistory},
		"an id for terminals": {strings.Replace(line, `"c1"`, `"\u001b[2J"`, 1), 0, talk.ErrHistory},
		"no messages":         {`{"id":"` + canary + `","harm":false,"messages":[]}`, 0, talk.ErrHistory},
		"no time":             {`{"id":"a","harm":false,"messages":[{}]}`, 0, talk.ErrHistory},
		"two on a line":       {line + line, 0, talk.ErrHistory},
		"not JSON":            {canary, 0, talk.ErrHistory},
	} {
		n := 0
		var err error
		for h, e := range talk.Histories(strings.NewReader(c.text)) {
			if err = e; e == nil {
				n++
				if h.Weight != 2 || h.Relation.Target.Band != talk.From13 || h.Messages[0].Found != talk.SetOf(talk.AsksAge) {
					t.Errorf("%s: read as %+v", name, h)
				}
			}
		}
		if n != c.n || !errors.Is(err, c.want) || err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %d histories, %v", name, n, err)
		}
	}
}

func FuzzHistories(f *testing.F) {
	f.Add(line)
	f.Add(strings.Replace(line, `"refuses"`, `"external":0.5,"media"`, 1))
	f.Add(`{"id":"a","harm":false,"messages":[{"at":"9999-12-31T00:00:00Z"}]}`)
	w, err := talk.StartingWeights()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for h, err := range talk.Histories(strings.NewReader(text)) {
			if err != nil {
				return
			}
			s := h.Replay(w, nil)
			if v := s.Score(w, &h.Relation); math.IsNaN(v) || v < 0 {
				t.Fatalf("score %v", v)
			}
			if _, err := talk.Fit(w, "v2", all(h, h)); err != nil && !errors.Is(err, talk.ErrFit) {
				t.Fatal(err)
			}
		}
	})
}
