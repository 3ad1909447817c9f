package conduct

import (
	"encoding/binary"
	"slices"

	"github.com/rowan-safety/rowan/internal/safety"
)

// stateVersion is the first byte of a stored [State].
const stateVersion = 1

// AppendBinary appends the stored form: the version, the newest hour, then
// children in order, links and bounds, marks as hours before the newest one plus
// one (0 is none). Equal states have equal bytes. The longest is under 7 kB.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, stateVersion)
	b = binary.AppendUvarint(b, uint64(s.newest))
	b = binary.AppendUvarint(b, uint64(len(s.children)))
	for _, c := range s.children {
		b = binary.LittleEndian.AppendUint64(b, uint64(c.key))
		for _, m := range c.at {
			b = binary.AppendUvarint(b, s.before(m))
		}
		if c.at[markOpener] != 0 {
			b = binary.LittleEndian.AppendUint64(b, c.opener)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(s.links)))
	for _, l := range s.links {
		b = binary.LittleEndian.AppendUint64(b, uint64(l.key))
		b = binary.AppendUvarint(b, s.before(l.at))
	}
	var days []uint32
	for day := range s.bound {
		days = append(days, day)
	}
	slices.Sort(days)
	b = binary.AppendUvarint(b, uint64(len(days)))
	for _, day := range days {
		b = binary.AppendUvarint(b, uint64(s.newest/24-day))
		b = binary.LittleEndian.AppendUint64(b, s.bound[day])
	}
	return b, nil
}

func (s *State) before(m mark) uint64 {
	if m == 0 {
		return 0
	}
	return uint64(s.newest-m) + 1
}

// MarshalBinary is [State.AppendBinary] to nothing.
func (s *State) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary reads the stored form. Anything but the one form that
// [State.AppendBinary] writes is refused and leaves s as it was: a state that
// cannot be read is an error, never an actor of whom nothing is known.
func (s *State) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	var n State
	if r.byte() != stateVersion {
		return safety.Errorf(safety.Invalid, "conduct: a stored state of an unknown version")
	}
	n.newest = mark(r.uvarint(maxHour))
	for range r.uvarint(MaxChildren) {
		c := child{key: Key(r.uint64())}
		for k := range c.at {
			c.at[k] = r.mark(n)
		}
		if c.at[markOpener] != 0 {
			c.opener = r.uint64()
		}
		if len(n.children) > 0 && order(n.children[len(n.children)-1].key) >= order(c.key) || c.key == 0 || c.newest() == 0 || c.at[markOpener] != 0 && c.opener == 0 {
			r.bad = true
		}
		n.children = append(n.children, c)
	}
	for range r.uvarint(MaxLinks) {
		l := link{key: Key(r.uint64()), at: r.mark(n)}
		if len(n.links) > 0 && n.links[len(n.links)-1].key >= l.key || l.key == 0 || l.at == 0 {
			r.bad = true
		}
		n.links = append(n.links, l)
	}
	last := int64(1 << 40)
	for range r.uvarint(KeepDays) {
		ago := r.uvarint(KeepDays - 1)
		if uint64(n.newest/24) < ago || int64(ago) >= last {
			r.bad = true
			break
		}
		if n.bound == nil {
			n.bound = map[uint32]uint64{}
		}
		last = int64(ago)
		b := r.uint64()
		r.bad = r.bad || b == 0 // the sample would stand for infinitely many
		n.bound[n.newest/24-uint32(ago)] = b
	}
	if r.bad || len(r.b) > 0 {
		return safety.Errorf(safety.Invalid, "conduct: a stored state is damaged")
	}
	again, err := n.AppendBinary(nil)
	if err != nil || !slices.Equal(again, b) { // numbers written longer than need be
		return safety.Errorf(safety.Invalid, "conduct: a stored state is damaged")
	}
	*s = n
	return nil
}

// reader takes a stored state apart; after the first fault it returns zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if r.bad || len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uint64() uint64 {
	if r.bad || len(r.b) < 8 {
		r.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) mark(s State) mark {
	v := r.uvarint((KeepDays + 1) * 24)
	if v == 0 || v > uint64(s.newest) {
		r.bad = r.bad || v != 0
		return 0
	}
	m := s.newest - mark(v-1)
	if s.expired(m) {
		r.bad = true
	}
	return m
}
