package talk

import (
	"math"
	"slices"
	"time"
)

// ahead is how far a message may be ahead of the clock before it is taken for one of
// now. A date in the future would let all that was seen before fade.
const ahead = 5 * time.Minute

const day = 24 * 60 * 60

// Message is one message or event of a conversation.
type Message struct {
	ID         string // of the platform; one that came before is not counted again
	At         time.Time
	FromTarget bool     // by the child; otherwise by the actor
	Reading    *Reading // nil where there is no text to read
	Found      Set      // indicators found elsewhere: on the device, in events
	External   *float64 // a score from 0 to 1 of the operator's own classifier
	Media      bool     // a picture or video was sent; not what it shows
}

// Order says how a message was taken.
type Order uint8

// The orders. All but Duplicate and TooOld are counted.
const (
	InOrder   Order = iota
	Late            // older than the newest: counted as much as if it had come in time
	Future          // dated in the future, or not at all: taken as of now
	Duplicate       // came before: not counted
	TooOld          // from before the time that is remembered: not counted
	NotLooked       // the target is an adult: nothing is looked at
)

// Outcome is what one message changed.
type Outcome struct {
	Order      Order
	Score      float64
	Tier       Tier // as of now
	Rose       bool // the tier is higher than any that was proposed in the time remembered
	Found      Set  // what the message showed, with the signs that need memory
	Fast       Fast // reasons of the fast detector, in this message
	FastNew    bool // and it had not said so in the last day
	BadOutside bool // the external score was not a number from 0 to 1, and not used
	Refuses    bool // the target said no
}

// Update adds one message to a state. It neither keeps nor returns text. Messages
// may come twice, late and with wrong dates.
func (s *State) Update(w *Weights, r *Relation, m *Message, now time.Time) Outcome {
	if r.Target.Band == Adult {
		return Outcome{Order: NotLooked}
	}
	at, order := seconds(m.At), InOrder
	if m.At.IsZero() || m.At.After(now.Add(ahead)) {
		at, order = seconds(now), Future
	}
	id := hash(m.ID)
	if m.ID != "" && slices.Contains(s.seen[:], id) {
		return Outcome{Order: Duplicate, Score: s.Score(w, r), Tier: s.Tier(w, r)}
	}
	fade := 1.0 // of what this message says
	if at < s.last {
		if float64(s.last-at) > w.memory*day {
			return Outcome{Order: TooOld, Score: s.Score(w, r), Tier: s.Tier(w, r)}
		}
		order, fade = Late, w.decay(s.last-at)
	} else {
		s.fadeTo(w, at)
	}
	s.seen[s.messages%recent] = id
	s.messages++
	found, bad := s.take(r, m, at)
	found &^= w.off
	s.add(w, r, m, found, at, fade)
	o := Outcome{Order: order, BadOutside: bad, Found: found, Refuses: m.FromTarget && s.refused == s.messages}
	o.Fast = s.fastNow(w, m, found, at)
	if o.Fast != 0 {
		o.FastNew = s.fast&o.Fast != o.Fast || s.last-s.fastAt > day
		s.fast, s.fastAt = s.fast|o.Fast, s.last
	}
	s.conclude(w, r, &o)
	return o
}

// fadeTo lets all that was seen fade to the second at.
func (s *State) fadeTo(w *Weights, at uint32) {
	if s.messages > 0 && at > s.last {
		f := float32(w.decay(at - s.last))
		for i := range s.sum {
			s.sum[i] *= f
		}
		s.eased *= f
	}
	s.last = at
}

func (w *Weights) decay(seconds uint32) float64 {
	return math.Exp2(-float64(seconds) / (w.halfLife * day))
}

// take works out which indicators a message shows, with those that need memory.
func (s *State) take(r *Relation, m *Message, at uint32) (found Set, bad bool) {
	if x := m.Reading; x != nil {
		for l, n := range x.votes {
			s.votes[l] = uint16(min(int(s.votes[l])+n, math.MaxUint16))
		}
		found = x.Found
	}
	found |= m.Found &^ SetOf(External, PushesAfterRefusal)
	if m.FromTarget {
		found &= SetOf(Distress)
		if m.Reading != nil && m.Reading.Refuses || found.Has(Distress) {
			s.refused = s.messages
		}
		if m.Media {
			s.media = at
		}
		return found, false
	}
	found &^= SetOf(Distress)
	if s.contradicts(r, m.Reading) {
		found |= SetOf(AgeMismatch)
	}
	for i := range Indicators {
		// A request that came before a no, and now again.
		if found.Has(i) && i.asks() && s.seq[i] > 0 && s.refused > s.seq[i] && s.refused-s.seq[i] <= 20 {
			found |= SetOf(PushesAfterRefusal)
		}
	}
	if m.External != nil {
		if p := *m.External; math.IsNaN(p) || p < 0 || p > 1 {
			bad = true
		} else if p > .5 {
			found |= SetOf(External)
		}
	}
	return found, bad
}

// contradicts says whether the actor's claims of their own age do not agree with
// each other, or with what the platform knows.
func (s *State) contradicts(r *Relation, x *Reading) bool {
	if x == nil {
		return false
	}
	for _, f := range x.Facts {
		if f.Kind != OwnAge {
			continue
		}
		a := uint8(f.Value)
		if s.ageLow == 0 {
			s.ageLow, s.ageHigh = a, a
		}
		s.ageLow, s.ageHigh = min(s.ageLow, a), max(s.ageHigh, a)
		if s.ageHigh-s.ageLow >= 2 && (a == s.ageLow || a == s.ageHigh) ||
			r.Actor.Assured && r.Actor.Age > 0 && abs(r.Actor.Age-int(a)) >= 3 {
			return true
		}
	}
	return false
}

// add adds what was found to the sums. fade is less than one for a late message.
func (s *State) add(w *Weights, r *Relation, m *Message, found Set, at uint32, fade float64) {
	if !m.FromTarget {
		s.sent++
		if m.Reading == nil || m.Reading.Truncated {
			s.unread++
		} else if s.Coverage() == CoverageText {
			s.ease(-w.drift * fade) // what cannot be read is not taken for ordinary
		}
	}
	for i := range Indicators {
		if !found.Has(i) {
			continue
		}
		if s.count[i] > 0 && float64(s.last-min(s.last, s.at[i])) > w.memory*day {
			s.count[i] = 0
		}
		s.count[i] = min(s.count[i], math.MaxUint16-1) + 1
		k := &w.of[i]
		llr := k.llr
		if i == External {
			llr = w.externalCap * (2**m.External - 1)
		}
		llr *= fade * r.factor(w, i, s.sent) / math.Sqrt(float64(s.count[i]))
		s.sum[i] = float32(max(0, min(float64(s.sum[i])+llr, max(float64(s.sum[i]), k.most))))
		s.at[i], s.seq[i] = max(s.at[i], at), s.messages
	}
}

// ease takes by off everything that ordinary talk speaks against, in proportion, so
// that the parts remain the whole. It does not speak against coercion.
func (s *State) ease(by float64) {
	total := 0.0
	for i, v := range s.sum {
		if !s.protected(Indicator(i)) {
			total += float64(v)
		}
	}
	if total == 0 {
		return
	}
	by = min(by, total)
	keep := float32(1 - by/total)
	for i := range s.sum {
		if !s.protected(Indicator(i)) {
			s.sum[i] *= keep
		}
	}
	s.eased = min(s.eased+float32(by), 100)
}

// protected indicators are not talked away, by ordinary messages or a friendly
// relation. A demand is one beside a threat; by itself it may be a debt.
func (s *State) protected(i Indicator) bool {
	switch i {
	case Threatens, NamesContacts, PushesAfterRefusal:
		return true
	case DemandsMoney:
		return s.sum[Threatens] > 0
	}
	return false
}

// Part is one summand of a score.
type Part struct {
	Name   string // an indicator, a term of the relation, or "several_families"
	Family string // of an indicator; otherwise "relation" or "pattern"
	Value  float64
}

// parts calls add for each summand, always in one order, and returns the sum.
func (s *State) parts(w *Weights, r *Relation, add func(name, family string, v float64)) float64 {
	var open, closed float64 // what a relation may speak against, and what not
	var byFamily [families]float64
	total := 0.0
	put := func(name, fam string, v float64) {
		if v != 0 {
			total += v
			if add != nil {
				add(name, fam, v)
			}
		}
	}
	for i := range Indicators {
		v := float64(s.sum[i])
		if s.protected(i) {
			closed += v
		} else {
			open += v
		}
		byFamily[w.of[i].family] += v
		put(i.String(), familyNames[w.of[i].family], v)
	}
	if open+closed == 0 {
		return 0 // a relation is no sign by itself
	}
	want := 0.0
	for i, on := range r.terms() {
		if on {
			want += w.prior[i]
			put(relationNames[i], "relation", w.prior[i])
		}
	}
	may := max(-open, min(want, open+closed, w.prMax), w.prMin)
	put("relation_bounded", "relation", may-want)
	if float64(count(byFamily)) >= w.diversityFamilies {
		put("several_families", "pattern", w.diversity)
	}
	return total
}

func count(byFamily [families]float64) (n int) {
	for f, v := range byFamily {
		if counted[f] && v >= .5 {
			n++
		}
	}
	return n
}

// families is how many of the counted families there are signs of.
func (s *State) families(w *Weights) int {
	var by [families]float64
	for i, v := range s.sum {
		by[w.of[i].family] += float64(v)
	}
	return count(by)
}

// Score is the log-odds that the state stands for, as far as the weights are right.
func (s *State) Score(w *Weights, r *Relation) float64 { return max(0, s.parts(w, r, nil)) }

func seconds(t time.Time) uint32 { return uint32(max(0, min(t.Unix(), math.MaxUint32))) }

// hash is FNV-1a. Ids are the platform's, so nobody can choose them.
func hash(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	return h
}
