package conduct

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// The bounds of a [State].
const (
	// KeepDays is how long a mark counts: events older than that, seen from the
	// newest one, change nothing. Within it duplicates change nothing and order
	// does not matter, as long as there are no more than MaxChildren children.
	KeepDays = 60
	// MaxChildren is how many children are kept one by one. Above it a uniform
	// sample is kept: counts are then estimates whose relative standard error is
	// about 1/√(MaxChildren−2), 9 %.
	MaxChildren = 128
	// MaxLinks is how many shared identifiers are kept; the count stops there.
	MaxLinks = 16
	// FastMove is the time from first contact within which a move to a closer
	// channel is fast (from a public place to private messages to calls).
	FastMove = 24 * time.Hour
	// Ahead is how far an event's time may lie ahead of the clock.
	Ahead = time.Hour
)

// EventKind says what happened.
type EventKind int

// The kinds of event. All but Linked are between the actor and one child.
const (
	// Contacted: the actor wrote to, called or asked to connect with a child.
	Contacted EventKind = iota + 1
	// Objected: a child blocked or reported the actor. The caller leaves out
	// reports that it holds to be a campaign.
	Objected
	// Moved: the actor and a child went on in a closer channel, After the first contact.
	Moved
	// Linked: the actor uses an identifier (Through) of an account that people
	// have closed for harm to a child. The caller leaves out what many share.
	Linked
)

// Event is something that an actor did, without what was said.
type Event struct {
	Kind      EventKind
	At        time.Time
	Child     Key           // for all kinds but Linked
	Connected bool          // Contacted: they were connected before
	Mutuals   bool          // Contacted: they have connections in common
	Opener    uint64        // Contacted: hash of the first message (SimHash, or bits of MinHash); 0 is none
	After     time.Duration // Moved: since the first contact
	Through   Key           // Linked: the device, the payment handle
}

// mark is the hour of the newest event of a kind, since 1970; 0 is none. Taking
// the newest commutes with itself and with forgetting, which is what makes the
// state independent of order.
type mark = uint32

// maxHour keeps sums of hours far from overflow.
const maxHour = 1 << 31

const (
	markContact = iota // any contact
	markCold           // contact without a connection
	markStrange        // the same, without connections in common
	markObjected
	markMoved
	markOpener
	marks
)

// child is what is known of an actor towards one child.
type child struct {
	key    Key
	at     [marks]mark
	opener uint64
}

func (c child) newest() mark { return slices.Max(c.at[:]) }

type link struct {
	key Key
	at  mark
}

// State is what is remembered of one actor. The zero value is an actor of whom
// nothing is known. It is not for several goroutines at once.
//
// Children are kept in the order of a mixed key. When there are too many, the
// last one goes and its place in that order is remembered under the day of its
// newest mark (bound): a window's count is that of the children before the lowest
// bound of the window's days, scaled up. That is a uniform sample of the children
// of the window, and it is whole again as soon as the crowded days have passed.
type State struct {
	newest   mark
	children []child
	links    []link
	bound    map[uint32]uint64 // by day; a missing day is whole
}

// order spreads keys evenly (the finaliser of splitmix64, a bijection).
func order(k Key) uint64 {
	x := uint64(k)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func hour(t time.Time) mark { return mark(t.Unix() / 3600) }

// Add takes in one event. It reports whether the event was within the window;
// one that was not is the caller's to count. An event that makes no sense is an
// error and changes nothing.
func (s *State) Add(e Event, now time.Time) (inWindow bool, err error) {
	if err := e.check(now); err != nil {
		return false, err
	}
	at := hour(e.At)
	if at > s.newest {
		s.newest = at
		s.forget()
	}
	if s.expired(at) {
		return false, nil
	}
	if e.Kind == Linked {
		s.addLink(link{e.Through, at})
		return true, nil
	}
	n := child{key: e.Child}
	switch e.Kind {
	case Contacted:
		n.at[markContact] = at
		if !e.Connected {
			n.at[markCold] = at
			if !e.Mutuals {
				n.at[markStrange] = at
			}
		}
		if e.Opener != 0 {
			n.at[markOpener], n.opener = at, e.Opener
		}
	case Objected:
		n.at[markObjected] = at
	case Moved:
		if e.After > FastMove {
			return true, nil
		}
		n.at[markMoved] = at
	}
	s.addChild(n)
	return true, nil
}

func (e Event) check(now time.Time) error {
	switch {
	case e.Kind < Contacted || e.Kind > Linked:
		return safety.Errorf(safety.Invalid, "conduct: an event of no known kind")
	case e.At.Unix() < 3600 || e.At.Unix()/3600 > maxHour:
		return safety.Errorf(safety.Invalid, "conduct: an event without a usable time")
	case e.At.After(now.Add(Ahead)):
		// It would push everything else out of the window.
		return safety.Errorf(safety.Invalid, "conduct: an event from the future")
	case e.Kind == Linked && e.Through == 0, e.Kind != Linked && e.Child == 0:
		return safety.Errorf(safety.Invalid, "conduct: an event without the key of the other side")
	case e.After < 0:
		return safety.Errorf(safety.Invalid, "conduct: a move before the first contact")
	}
	return nil
}

func (s *State) expired(m mark) bool { return m/24+KeepDays <= s.newest/24 }

// forget drops what has left the window.
func (s *State) forget() {
	for i := range s.children {
		c := &s.children[i]
		for k, m := range c.at {
			if s.expired(m) {
				c.at[k] = 0
			}
		}
		if c.at[markOpener] == 0 {
			c.opener = 0
		}
	}
	s.children = slices.DeleteFunc(s.children, func(c child) bool { return c.newest() == 0 })
	s.links = slices.DeleteFunc(s.links, func(l link) bool { return s.expired(l.at) })
	for day := range s.bound {
		if s.expired(day * 24) {
			delete(s.bound, day)
		}
	}
}

func (s *State) addChild(n child) {
	i, found := slices.BinarySearchFunc(s.children, n.key, func(c child, k Key) int { return cmp.Compare(order(c.key), order(k)) })
	if !found {
		s.children = slices.Insert(s.children, i, n)
		if len(s.children) > MaxChildren {
			last := s.children[MaxChildren]
			s.children = s.children[:MaxChildren]
			s.lower(last)
		}
		return
	}
	c := &s.children[i]
	if n.at[markOpener] > c.at[markOpener] || n.at[markOpener] == c.at[markOpener] && n.opener > c.opener {
		c.opener = n.opener
	}
	for k := range c.at {
		c.at[k] = max(c.at[k], n.at[k])
	}
}

// lower remembers that a child did not fit, on each day on which it had a mark.
func (s *State) lower(c child) {
	if s.bound == nil {
		s.bound = map[uint32]uint64{}
	}
	for _, m := range c.at {
		if m == 0 {
			continue
		}
		if b, ok := s.bound[m/24]; !ok || order(c.key) < b {
			s.bound[m/24] = order(c.key)
		}
	}
}

func (s *State) addLink(n link) {
	i, found := slices.BinarySearchFunc(s.links, n.key, func(l link, k Key) int { return cmp.Compare(l.key, k) })
	switch {
	case found:
		s.links[i].at = max(s.links[i].at, n.at)
	case len(s.links) < MaxLinks:
		s.links = slices.Insert(s.links, i, n)
	}
}

// sample returns the children with a mark of any of the kinds since the hour from,
// and the share of all such children that the sample stands for.
func (s *State) sample(from mark, kinds ...int) (in []child, share float64) {
	low, whole := uint64(math.MaxUint64), true
	for day, b := range s.bound {
		if day >= from/24 {
			low, whole = min(low, b), false
		}
	}
	for _, c := range s.children {
		if !whole && order(c.key) >= low {
			break
		}
		for _, k := range kinds {
			if c.at[k] != 0 && c.at[k] >= from {
				in = append(in, c)
				break
			}
		}
	}
	if whole {
		return in, 1
	}
	return in, math.Ldexp(float64(low), -64)
}
