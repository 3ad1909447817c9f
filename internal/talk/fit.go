package talk

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// ErrFit says that weights cannot be fitted, or that what was fitted must not be used.
var ErrFit = errors.New("weights cannot be fitted")

const (
	// FitPrior is how many conversations the present weights stand for in a fit.
	FitPrior = 50
	// FitLongest is how many messages of the actor one conversation can count for, so
	// that a single long one does not decide.
	FitLongest = 300
	// fitFew is how many conversations of a kind a fit should have to move anything.
	fitFew = 50
)

// Learned is what one kind of conversation, harm or no harm, had to teach.
type Learned struct {
	Conversations int     `json:"conversations"`
	Effective     float64 `json:"effective"` // of equal weight, that would say as much
	Audited       int     `json:"audited"`   // with a weight other than 1
	Messages      int     `json:"messages"`  // of the actors
}

// Fitted are new weights and what they were learned from.
type Fitted struct {
	Weights  *Weights
	Text     string
	Harm     Learned
	Benign   Learned
	Skipped  int // conversations with an adult as target: nothing is looked at in them
	Warnings []string
}

// Fit works out new n1 and n0 from conversations that people have judged. Caps,
// limits, terms of the relation, windows and thresholds remain. version names the
// result and is one word.
//
// For an indicator and a kind of conversation, the rate is the weighted share of the
// actor's messages that show it (of the target's for target_distress):
//
//	rate = Σ v·shown / Σ v·messages
//
// where v is [History.Weight], so that conversations which an audit drew at random
// stand for those which it did not draw (inverse propensity). A message counts as
// much as the indicator would in that relation (peer, late, lobby): what children of
// one age ask each other says little about a stranger. The present weights are held
// as [FitPrior] conversations (a Dirichlet prior; with two outcomes, a beta prior):
//
//	n = unit · (50·present + e·rate) / (50 + e)
//
// e is how many conversations of equal weight would say as much: (Σv)²/Σv² (Kish),
// each counted by the share that its messages count. external_score is not fitted.
//
// What breaks a rule of [ParseWeights], such as that a threat and a demand reach
// review by themselves, is refused with the reason.
func Fit(w *Weights, version string, histories iter.Seq2[*History, error]) (*Fitted, error) {
	if len(strings.Fields(version)) != 1 || strings.ContainsAny(version, "# \t\r\n") || len(version) > 64 || version == w.Version {
		return nil, fmt.Errorf("%w: a new version is one word, and not the present one", ErrFit)
	}
	f := &Fitted{}
	var harm, benign tally
	for h, err := range histories {
		if err != nil {
			return nil, err
		}
		t, l := &benign, &f.Benign
		if h.Harm {
			t, l = &harm, &f.Harm
		}
		if !t.take(w, h, l) {
			f.Skipped++
		}
	}
	f.Harm.Effective, f.Benign.Effective = harm.effective(), benign.effective()
	if f.Harm.Conversations == 0 || f.Benign.Conversations == 0 {
		return nil, fmt.Errorf("%w: %d conversations with harm and %d without, and both are needed", ErrFit, f.Harm.Conversations, f.Benign.Conversations)
	}
	next := *w
	next.Version = version
	for i := range Indicators {
		if i != External {
			next.of[i].n1 = harm.rate(w, i, w.of[i].n1)
			next.of[i].n0 = benign.rate(w, i, w.of[i].n0)
		}
	}
	f.Text = next.Text("Fitted from outcomes: "+f.describe(), "Present weights before: "+w.Version+", held as "+strconv.Itoa(FitPrior)+" conversations of each kind.")
	var err error
	if f.Weights, err = ParseWeights(f.Text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFit, err)
	}
	f.warn(&harm, &benign)
	return f, nil
}

func (f *Fitted) describe() string {
	return fmt.Sprintf("%d conversations with harm (as good as %.1f), %d without (as good as %.1f).",
		f.Harm.Conversations, f.Harm.Effective, f.Benign.Conversations, f.Benign.Effective)
}

func (f *Fitted) warn(harm, benign *tally) {
	say := func(when bool, what string) {
		if when {
			f.Warnings = append(f.Warnings, what)
		}
	}
	say(f.Harm.Effective < fitFew, fmt.Sprintf("conversations with harm are as good as %.1f: the present weights, held as %d, still say more", f.Harm.Effective, FitPrior))
	say(f.Benign.Effective < fitFew, fmt.Sprintf("conversations without harm are as good as %.1f: the present weights, held as %d, still say more", f.Benign.Effective, FitPrior))
	say(f.Benign.Audited == 0, "no conversation without harm has an audit's weight: all were probably flagged, and those show more signs than ordinary ones do, so n0 is too high")
	say(f.Harm.Audited == 0, "no conversation with harm has an audit's weight: harm that was never flagged has taught nothing")
	var unseen []string
	for i := range Indicators {
		if i != External && harm.shown[i]+benign.shown[i] == 0 {
			unseen = append(unseen, i.String())
		}
	}
	say(len(unseen) > 0, "never seen, and so less believed than before: "+strings.Join(unseen, ", "))
}

// tally adds up one kind of conversation.
type tally struct {
	v, v2         float64             // weights, and their squares
	shown, of     [Indicators]float64 // messages that show it, and all, weighted
	share, share2 [Indicators]float64 // conversations, by what their messages count
}

func (t *tally) effective() float64 {
	if t.v2 == 0 {
		return 0
	}
	return t.v * t.v / t.v2
}

// take adds a conversation, and says whether there was anything to look at.
func (t *tally) take(w *Weights, h *History, l *Learned) bool {
	var shown, of, all [Indicators]float64
	var sent, received uint32
	looked := false
	h.Replay(w, func(m *HistoryMessage, o Outcome) {
		if o.Order == NotLooked || o.Order == TooOld {
			return
		}
		looked = true
		if m.FromTarget {
			received++
		} else {
			sent++
		}
		for i := range Indicators {
			if m.FromTarget != (i == Distress) || m.Unread && i.spoken() {
				continue
			}
			f := h.Relation.factor(w, i, sent)
			of[i] += f
			all[i]++
			if o.Found.Has(i) {
				shown[i] += f
			}
		}
	})
	if !looked {
		return false
	}
	l.Conversations++
	l.Messages += int(sent)
	if h.Weight != 1 {
		l.Audited++
	}
	t.v, t.v2 = t.v+h.Weight, t.v2+h.Weight*h.Weight
	scale := h.Weight * min(1, FitLongest/float64(max(sent, received, 1)))
	for i := range Indicators {
		if all[i] == 0 {
			continue
		}
		t.shown[i] += scale * shown[i]
		t.of[i] += scale * of[i]
		counts := of[i] / all[i]
		t.share[i] += h.Weight * counts
		t.share2[i] += h.Weight * h.Weight * counts
	}
	return true
}

// rate is the new n1 or n0 of an indicator.
func (t *tally) rate(w *Weights, i Indicator, present float64) float64 {
	if t.of[i] == 0 || t.share2[i] == 0 {
		return present
	}
	e := t.share[i] * t.share[i] / t.share2[i]
	return (FitPrior*present + e*w.unit*t.shown[i]/t.of[i]) / (FitPrior + e)
}

// settingNames are the settings in the order in which a table has them.
var settingNames = []string{"unit", "half_life_days", "memory_days", "late_after", "llr_floor", "diversity", "diversity_families",
	"external_cap", "tip", "friction", "review", "fast_messages", "fast_minutes", "leverage_hours", "prior_min", "prior_max"}

// Text is the table that w can be read from again, with comments above it.
func (w *Weights) Text(comments ...string) string {
	var b strings.Builder
	plain := func(v float64) string {
		return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(v, 'f', 6, 64), "0"), ".")
	}
	for _, c := range comments {
		fmt.Fprintf(&b, "# %s\n", strings.Join(strings.Fields(c), " "))
	}
	fmt.Fprintf(&b, "format 1\nversion %s\n\n", w.Version)
	for _, name := range settingNames {
		fmt.Fprintf(&b, "set %s %s\n", name, plain(*w.setting(name)))
	}
	fmt.Fprintln(&b)
	for i, name := range relationNames {
		fmt.Fprintf(&b, "prior %s %s\n", name, plain(w.prior[i]))
	}
	fmt.Fprintln(&b, "\n#         name                  family    n1 n0 cap most peer late lobby")
	for i := range Indicators {
		k := &w.of[i]
		fmt.Fprintf(&b, "indicator %-21s %-9s", i, familyNames[k.family])
		for _, v := range []float64{k.n1, k.n0, k.cap, k.most, k.peer, k.late, k.lobby} {
			fmt.Fprintf(&b, " %s", plain(v))
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}

// Change is one number that two tables of weights do not share.
type Change struct {
	Name     string // such as "asks_age n1", "set tip", "prior family"
	Old, New float64
}

// Compared is one indicator in two tables of weights: in how many of unit messages it
// is expected with and without harm, and what one occurrence adds.
type Compared struct {
	Indicator Indicator
	N1, N0    [2]float64 // old, new
	Adds      [2]float64
}

// Difference is what changes from one table of weights to another.
type Difference struct {
	Old, New   string // versions
	Indicators []Compared
	Drift      [2]float64 // what an ordinary message takes off
	Others     []Change   // everything else that differs; nothing, after a Fit
}

// Diff compares two tables of weights.
func Diff(old, next *Weights) *Difference {
	d := &Difference{Old: old.Version, New: next.Version, Drift: [2]float64{old.drift, next.drift}}
	other := func(name string, a, b float64) {
		if a != b {
			d.Others = append(d.Others, Change{name, a, b})
		}
	}
	for i := range Indicators {
		a, b := &old.of[i], &next.of[i]
		d.Indicators = append(d.Indicators, Compared{i, [2]float64{a.n1, b.n1}, [2]float64{a.n0, b.n0}, [2]float64{a.llr, b.llr}})
		for n, v := range [][2]float64{{a.cap, b.cap}, {a.most, b.most}, {a.peer, b.peer}, {a.late, b.late}, {a.lobby, b.lobby}, {float64(a.family), float64(b.family)}} {
			other(i.String()+" "+[...]string{"cap", "most", "peer", "late", "lobby", "family"}[n], v[0], v[1])
		}
	}
	for i, name := range relationNames {
		other("prior "+name, old.prior[i], next.prior[i])
	}
	for _, name := range settingNames {
		other("set "+name, *old.setting(name), *next.setting(name))
	}
	slices.SortFunc(d.Others, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return d
}

// Without are the weights as if the indicator were never found, for ablation. What
// ordinary messages take off remains.
func (w *Weights) Without(i Indicator) *Weights {
	out := *w
	out.off |= SetOf(i)
	return &out
}
