package talk

import "time"

// Sums are what each indicator adds to the score at the moment, before relation and
// pattern.
func (s *State) Sums() (out [Indicators]float64) {
	for i, v := range s.sum {
		out[i] = float64(v)
	}
	return out
}

// Families are the names of the families of which a restriction needs two, as far as
// there are signs of them.
func (s *State) Families(w *Weights) (out []string) {
	var by [families]float64
	for i, v := range s.sum {
		by[w.of[i].family] += float64(v)
	}
	for f, v := range by {
		if counted[f] && v >= .5 {
			out = append(out, familyNames[f])
		}
	}
	return out
}

// Last is the time of the newest message.
func (s *State) Last() time.Time { return moment(s.last) }

// All are the indicators in a set, in order.
func (s Set) All() (out []Indicator) {
	for i := range Indicators {
		if s.Has(i) {
			out = append(out, i)
		}
	}
	return out
}

// Thresholds are the scores from which tip, friction and review are proposed.
func (w *Weights) Thresholds() (tip, friction, review float64) { return w.tip, w.friction, w.review }

// Reasons are the names of reasons of the fast detector.
func (f Fast) Reasons() (out []string) {
	for i, why := range fastNames {
		if f&(1<<i) != 0 {
			out = append(out, why)
		}
	}
	return out
}

// Saw says whether an indicator was seen.
func (a *Assessment) Saw(i Indicator) bool {
	for _, s := range a.Signs {
		if s.Indicator == i {
			return true
		}
	}
	return false
}
