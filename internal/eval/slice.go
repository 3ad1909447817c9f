package eval

import (
	"github.com/rowan-safety/rowan/internal/talk"
)

// enough is how many ordinary conversations a slice needs before it says anything.
const enough = 1000

// Slices are the conversations of a corpus by one property, and whether false alarms
// fall on some more than on others.
type Slices struct {
	By     string  `json:"by"`
	Values []Slice `json:"values"`
	Gates  []Gate  `json:"gates"`
}

// Slice is one value of the property.
type Slice struct {
	Value      string      `json:"value"`
	Benign     int         `json:"ordinary"`
	Harm       int         `json:"harmful"`
	Sufficient bool        `json:"sufficient"`     // 1,000 ordinary conversations or more
	Per1000    [2]Num      `json:"false_per_1000"` // at tip and at review
	In         [2]Interval `json:"false_per_1000_95"`
	Recall     [2]Num      `json:"recall"`
}

// Gate is the answer for one tier. It fails where the rate of the slice with most
// false alarms is more than 1.5 times that of the slice with fewest and their
// intervals do not overlap.
type Gate struct {
	Tier   string `json:"tier"`
	Result string `json:"result"` // "passes", "fails" or "insufficient"
	Ratio  Num    `json:"ratio"`
	Most   string `json:"most,omitempty"`
	Fewest string `json:"fewest,omitempty"`
}

const widest = 1.5

var gated = [2]talk.Tier{talk.Tip, talk.Review}

func (k *collector) slices() (out []Slices) {
	for d, of := range k.values {
		s := Slices{By: dimensionNames[d]}
		for _, value := range sortedValues(of) {
			if x := k.slice(d, of[value]); x.Benign+x.Harm > 0 {
				x.Value = value
				if value == "" {
					x.Value = "not said"
				}
				s.Values = append(s.Values, x)
			}
		}
		if len(s.Values) == 0 || len(s.Values) == 1 && s.Values[0].Value == "not said" {
			continue
		}
		for i, t := range gated {
			s.Gates = append(s.Gates, gate(s.Values, i, t))
		}
		out = append(out, s)
	}
	return out
}

func (k *collector) slice(d int, value uint8) (s Slice) {
	var c [2]counts
	for i := range k.verdicts {
		v := &k.verdicts[i]
		if v.slices[d] != value || v.label == Unlabelled {
			continue
		}
		for n, t := range gated {
			c[n].count(v.label == Harm, v.tier >= t)
		}
	}
	s.Benign, s.Harm = c[0].fp+c[0].tn, c[0].tp+c[0].fn
	s.Sufficient = s.Benign >= enough
	for n := range gated {
		s.Per1000[n] = ratio(1000*float64(c[n].fp), float64(s.Benign))
		s.In[n] = share95(c[n].fp, s.Benign).times(1000)
		s.Recall[n] = c[n].recall()
	}
	return s
}

// gate compares the slices that are large enough. "not said" and "other" are no
// groups of people and are not compared.
func gate(of []Slice, n int, t talk.Tier) Gate {
	g := Gate{Tier: t.String(), Result: "insufficient", Ratio: ratio(0, 0)}
	var most, fewest *Slice
	for i := range of {
		s := &of[i]
		if !s.Sufficient || s.Value == "not said" || s.Value == other {
			continue
		}
		if most == nil || s.Per1000[n] > most.Per1000[n] {
			most = s
		}
		if fewest == nil || s.Per1000[n] < fewest.Per1000[n] {
			fewest = s
		}
	}
	if most == nil || most == fewest {
		if most != nil && compared(of) > 1 { // all the same
			g.Result, g.Ratio = "passes", 1
		}
		return g
	}
	g.Most, g.Fewest, g.Result = most.Value, fewest.Value, "passes"
	g.Ratio = ratio(float64(most.Per1000[n]), float64(fewest.Per1000[n]))
	if most.Per1000[n] > widest*fewest.Per1000[n] && most.In[n].Low > fewest.In[n].High {
		g.Result = "fails"
	}
	return g
}

func compared(of []Slice) (n int) {
	for i := range of {
		if of[i].Sufficient && of[i].Value != "not said" && of[i].Value != other {
			n++
		}
	}
	return n
}
