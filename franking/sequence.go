package franking

import (
	"fmt"
	"math/bits"
	"time"
)

const (
	// SequenceWindow is how many numbers below the highest are still told apart.
	SequenceWindow = 256
	// MaxSkew is how far the clocks of one hub's machines may disagree.
	MaxSkew = time.Minute
)

// Sequence is what a receiver remembers of one conversation to notice stamps that
// come twice and numbers that never came. The zero value has seen nothing.
type Sequence struct {
	highest uint64
	latest  time.Time                   // accepted time of the highest
	seen    [SequenceWindow / 64]uint64 // bit i of the whole: highest-i was seen
}

// Arrival says how a message stands to those before it.
type Arrival struct {
	Missing uint64 // numbers just skipped; they may still come late
	Late    bool   // its number is below one that came before
}

// Accept takes note of an authentic stamp. A number that was there is
// [ErrReplayed]; one that is too old to tell, or whose time contradicts its number
// by more than [MaxSkew], is [ErrReordered]. After an error nothing has changed.
// The first message may have any number.
func (s *Sequence) Accept(c Context) (Arrival, error) {
	if s.empty() {
		s.highest, s.latest, s.seen = c.Seq, c.AcceptedAt, [4]uint64{1}
		return Arrival{}, nil
	}
	if c.Seq > s.highest {
		return s.advance(c)
	}
	back := s.highest - c.Seq
	if back >= SequenceWindow || c.AcceptedAt.After(s.latest.Add(MaxSkew)) && !s.has(back) {
		return Arrival{}, fmt.Errorf("%w: stamp", ErrReordered)
	}
	if s.has(back) {
		return Arrival{}, fmt.Errorf("%w: stamp", ErrReplayed)
	}
	s.seen[back/64] |= 1 << (back % 64)
	return Arrival{Late: true}, nil
}

func (s *Sequence) advance(c Context) (Arrival, error) {
	if c.AcceptedAt.Before(s.latest.Add(-MaxSkew)) {
		return Arrival{}, fmt.Errorf("%w: stamp", ErrReordered)
	}
	step := c.Seq - s.highest
	s.shift(step)
	s.seen[0] |= 1
	s.highest, s.latest = c.Seq, c.AcceptedAt
	return Arrival{Missing: step - 1}, nil
}

func (s *Sequence) shift(n uint64) {
	if n >= SequenceWindow {
		s.seen = [4]uint64{}
		return
	}
	old := s.seen
	words, rest := int(n/64), n%64
	for i := range s.seen {
		s.seen[i] = 0
		if j := i - words; j >= 0 {
			s.seen[i] = old[j] << rest
			if j > 0 && rest > 0 {
				s.seen[i] |= old[j-1] >> (64 - rest) //nolint:gosec // j is over 0 here
			}
		}
	}
}

func (s *Sequence) empty() bool          { return s.seen[0]&1 == 0 }
func (s *Sequence) has(back uint64) bool { return s.seen[back/64]>>(back%64)&1 == 1 }

// Missing counts the numbers within the window, above the lowest seen there, that
// have not come.
func (s *Sequence) Missing() int {
	lowest, seen := 0, 0
	for i, w := range s.seen {
		seen += bits.OnesCount64(w)
		if w != 0 {
			lowest = 64*i + bits.Len64(w)
		}
	}
	return lowest - seen
}

// Encode returns the stored form, 50 bytes.
func (s *Sequence) Encode() []byte {
	w := &writer{}
	w.u16(version)
	w.u64(s.highest)
	if s.empty() {
		w.u64(0)
	} else {
		w.u64(millis(s.latest))
	}
	for _, word := range s.seen {
		w.u64(word)
	}
	return w.b
}

// ParseSequence reads the stored form.
func ParseSequence(b []byte) (Sequence, error) {
	r := &reader{b: b}
	r.version("sequence")
	s := Sequence{highest: r.u64("sequence")}
	at := r.upto("time", maxTime)
	all := uint64(0)
	for i := range s.seen {
		s.seen[i] = r.u64("sequence")
		all |= s.seen[i]
	}
	if s.empty() && (s.highest != 0 || at != 0 || all != 0) {
		r.fail("sequence", ErrNonCanonical)
	}
	if !s.empty() {
		s.latest = fromMillis(at)
	}
	if err := r.end("sequence"); err != nil {
		return Sequence{}, err
	}
	return s, nil
}
