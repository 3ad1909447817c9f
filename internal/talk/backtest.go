package talk

import (
	"iter"
	"slices"
)

// maxListed is how many conversations of each kind a backtest names.
const maxListed = 100

// Reached counts conversations by the highest tier that they came to: [old][new].
type Reached struct {
	Conversations int
	Tiers         [Review + 1][Review + 1]int
	Weighted      [Review + 1][Review + 1]float64 // with the weights of an audit
	first         [2][]int                        // of those that both bring to review: after how many messages
}

// AtLeast counts the conversations that come to tier t or higher, with the old
// weights and with the new ones.
func (r *Reached) AtLeast(t Tier) (old, next int) {
	for a := range r.Tiers {
		for b, n := range r.Tiers[a] {
			if Tier(a) >= t {
				old += n
			}
			if Tier(b) >= t {
				next += n
			}
		}
	}
	return old, next
}

// Share is the weighted share of conversations that come to tier t or higher, with
// the old weights and with the new ones; it is not a number where there are none.
func (r *Reached) Share(t Tier) (old, next float64) {
	all := 0.0
	for a := range r.Weighted {
		for b, v := range r.Weighted[a] {
			all += v
			if Tier(a) >= t {
				old += v
			}
			if Tier(b) >= t {
				next += v
			}
		}
	}
	return ratio(old, all), ratio(next, all)
}

// Median is after how many messages review comes, where both weights bring it; 0
// where there is no such conversation.
func (r *Reached) Median() (old, next int) {
	if len(r.first[0]) == 0 {
		return 0, 0
	}
	middle := func(of []int) int {
		of = slices.Clone(of)
		slices.Sort(of)
		return of[len(of)/2]
	}
	return middle(r.first[0]), middle(r.first[1])
}

// Crossed is a conversation that comes to another tier than before.
type Crossed struct {
	ID       string
	Harm     bool
	Old, New Tier
	After    int // messages until the higher of the two tiers
}

// Backtested is what would have been proposed with other weights.
type Backtested struct {
	Harm, Benign Reached
	Crossed      []Crossed // harm that comes to less first
	More         int       // that crossed and are not in the list
	HarmLess     int       // conversations with harm that come to less than before
}

// Backtest takes histories through the detectors with two tables of weights. On the
// histories that the new ones were fitted to, it flatters them: keep some back
// ([HeldOut]).
func Backtest(old, next *Weights, histories iter.Seq2[*History, error]) (*Backtested, error) {
	b := &Backtested{}
	var listed [4][]Crossed
	for h, err := range histories {
		if err != nil {
			return nil, err
		}
		x, y := climb(old, h), climb(next, h)
		r := &b.Benign
		if h.Harm {
			r = &b.Harm
		}
		r.Conversations++
		r.Tiers[x.tier][y.tier]++
		r.Weighted[x.tier][y.tier] += h.Weight
		if x.tier == Review && y.tier == Review {
			r.first[0], r.first[1] = append(r.first[0], x.after), append(r.first[1], y.after)
		}
		if x.tier == y.tier {
			continue
		}
		c := Crossed{h.ID, h.Harm, x.tier, y.tier, x.after}
		if y.tier > x.tier {
			c.After = y.after
		}
		if c.kind() == 0 {
			b.HarmLess++
		}
		if of := &listed[c.kind()]; len(*of) < maxListed {
			*of = append(*of, c)
		} else {
			b.More++
		}
	}
	b.Crossed = slices.Concat(listed[:]...)
	return b, nil
}

// kind orders what a person should look at: harm that comes to less, harm that comes
// to more, no harm that comes to more, and the rest.
func (c *Crossed) kind() int {
	switch less := c.New < c.Old; {
	case c.Harm && less:
		return 0
	case c.Harm:
		return 1
	case !less:
		return 2
	}
	return 3
}

// climbed is the highest tier of a conversation, and after how many messages.
type climbed struct {
	tier  Tier
	after int
}

func climb(w *Weights, h *History) (c climbed) {
	n := 0
	h.Replay(w, func(_ *HistoryMessage, o Outcome) {
		n++
		if o.Tier > c.tier {
			c = climbed{o.Tier, n}
		}
	})
	return c
}
