package conduct

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var day0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func add(t interface {
	Helper()
	Fatal(...any)
}, s *State, e Event, now time.Time) bool {
	t.Helper()
	in, err := s.Add(e, now)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func bytesOf(s *State) []byte {
	b, _ := s.MarshalBinary()
	return b
}

// genEvent draws events of up to n children over 200 days.
func genEvent(n int) *rapid.Generator[Event] {
	return rapid.Custom(func(t *rapid.T) Event {
		e := Event{
			Kind: EventKind(rapid.IntRange(1, 4).Draw(t, "kind")),
			At:   day0.Add(time.Duration(rapid.IntRange(0, 200*24).Draw(t, "hour")) * time.Hour),
		}
		k := Key(rapid.IntRange(1, n).Draw(t, "key"))
		switch e.Kind {
		case Linked:
			e.Through = 1 + k%MaxLinks
		case Contacted:
			e.Child, e.Connected, e.Mutuals = k, rapid.Bool().Draw(t, "connected"), rapid.Bool().Draw(t, "mutuals")
			e.Opener = rapid.Uint64Range(0, 5).Draw(t, "opener")
		case Moved:
			e.Child, e.After = k, time.Duration(rapid.IntRange(0, 48).Draw(t, "after"))*time.Hour
		default:
			e.Child = k
		}
		return e
	})
}

// TestOrderAndDuplicates: whatever the order, and however often, the state is the
// same to the byte, while there are no more children than are kept.
func TestOrderAndDuplicates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := day0.AddDate(1, 0, 0)
		events := rapid.SliceOfN(genEvent(MaxChildren), 0, 60).Draw(t, "events")
		var a, b State
		for _, e := range events {
			add(t, &a, e, now)
		}
		again := append(append([]Event{}, events...), events...)
		for _, e := range rapid.Permutation(again).Draw(t, "order") {
			add(t, &b, e, now)
		}
		if !bytes.Equal(bytesOf(&a), bytesOf(&b)) {
			t.Fatalf("two orders of the same events differ:\n%+v\n%+v", a, b)
		}
	})
}

// TestStateAgainstEvents: the windows say what a count over all events says.
func TestStateAgainstEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := day0.AddDate(0, 0, 200)
		events := rapid.SliceOfN(genEvent(40), 1, 80).Draw(t, "events")
		var s State
		for _, e := range events {
			add(t, &s, e, now)
		}
		card := DefaultCard()
		from := now.Add(-card.Window)
		cold, links := map[Key]bool{}, map[Key]bool{}
		for _, e := range events {
			if e.At.Before(from) {
				continue
			}
			if e.Kind == Contacted && !e.Connected {
				cold[e.Child] = true
			}
			if e.Kind == Linked {
				links[e.Through] = true
			}
		}
		v, sampled := s.values(card, Profile{}, now)
		if sampled || v[IndFanout] != float64(len(cold)) || v[IndLinks] != float64(len(links)) {
			t.Fatalf("fan-out %v, links %v, sampled %v; the events say %d and %d", v[IndFanout], v[IndLinks], sampled, len(cold), len(links))
		}
	})
}

// TestSampleError: above what is kept, the count of children has the stated error,
// the share of those who object is not biased, and both are exact again later.
func TestSampleError(t *testing.T) {
	card := DefaultCard()
	var sum, squares, share float64
	const trials, children = 200, 2000
	for trial := range trials {
		r := rand.New(rand.NewPCG(uint64(trial), 5))
		var s State
		now := day0.Add(30 * time.Hour)
		for range children {
			k := Key(r.Uint64() | 1)
			at := day0.Add(time.Duration(r.IntN(24)) * time.Hour)
			add(t, &s, Event{Kind: Contacted, At: at, Child: k}, now)
			if r.IntN(5) == 0 {
				add(t, &s, Event{Kind: Objected, At: at, Child: k}, now)
			}
		}
		if n := len(bytesOf(&s)); n > 7000 || len(s.children) > MaxChildren {
			t.Fatalf("the state has %d bytes and %d children", n, len(s.children))
		}
		v, sampled := s.values(card, Profile{}, now)
		if !sampled {
			t.Fatal("a sample is not said to be one")
		}
		rel := v[IndFanout]/children - 1
		sum, squares = sum+rel, squares+rel*rel
		in, _ := s.sample(hour(day0), markObjected)
		all, _ := s.sample(hour(day0), markContact)
		share += float64(len(in)) / float64(len(all)) / trials

		later := now.AddDate(0, 0, KeepDays+2)
		for k := range Key(7) {
			add(t, &s, Event{Kind: Contacted, At: later, Child: k + 1}, later)
		}
		if v, sampled := s.values(card, Profile{}, later); sampled || v[IndFanout] != 7 {
			t.Fatalf("after the crowded day has passed the count is %v, sampled %v; want 7, exact", v[IndFanout], sampled)
		}
	}
	rms, stated := math.Sqrt(squares/trials), 1/math.Sqrt(MaxChildren-2)
	t.Logf("%d children, %d trials: mean error %+.3f, root mean square %.3f (stated %.3f), objecting %.3f (true 0.2)", children, trials, sum/trials, rms, stated, share)
	if math.Abs(sum/trials) > 3*stated/math.Sqrt(trials) || rms > 1.25*stated || rms < stated/2 || math.Abs(share-0.2) > 0.01 {
		t.Error("the error is not what the documentation says")
	}
}

func TestAddRefuses(t *testing.T) {
	now := day0
	for name, e := range map[string]Event{
		"no kind":        {At: now, Child: 1},
		"unknown kind":   {Kind: 9, At: now, Child: 1},
		"no time":        {Kind: Contacted, Child: 1},
		"future":         {Kind: Contacted, At: now.Add(2 * time.Hour), Child: 1},
		"no child":       {Kind: Objected, At: now},
		"no identifier":  {Kind: Linked, At: now},
		"backwards move": {Kind: Moved, At: now, Child: 1, After: -1},
	} {
		var s State
		if _, err := s.Add(e, now); err == nil || s.newest != 0 {
			t.Errorf("%s: taken in, or left a trace (%v)", name, err)
		}
	}
	var s State
	add(t, &s, Event{Kind: Contacted, At: now, Child: 1}, now)
	before := bytesOf(&s)
	if add(t, &s, Event{Kind: Contacted, At: now.AddDate(0, 0, -KeepDays), Child: 2}, now) || !bytes.Equal(before, bytesOf(&s)) {
		t.Error("an event older than the window counts")
	}
	if !add(t, &s, Event{Kind: Contacted, At: now.AddDate(0, 0, 1-KeepDays), Child: 2}, now) {
		t.Error("an event inside the window is late")
	}
	for k := range Key(100) {
		add(t, &s, Event{Kind: Linked, At: now, Through: k + 1}, now)
	}
	if len(s.links) != MaxLinks {
		t.Errorf("%d links are kept, want %d", len(s.links), MaxLinks)
	}
}

func TestEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := day0.AddDate(1, 0, 0)
		var s State
		for _, e := range rapid.SliceOfN(genEvent(400), 0, 300).Draw(t, "events") {
			add(t, &s, e, now)
		}
		b := bytesOf(&s)
		var back State
		if err := back.UnmarshalBinary(b); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, bytesOf(&back)) {
			t.Fatal("what was stored reads back as something else")
		}
		v1, _ := s.values(DefaultCard(), Profile{}, now)
		v2, _ := back.values(DefaultCard(), Profile{}, now)
		for k, v := range v1 {
			if v2[k] != v {
				t.Fatalf("%s is %v, after storage %v", k, v, v2[k])
			}
		}
		for n := range b {
			if err := new(State).UnmarshalBinary(b[:n]); err == nil {
				t.Fatalf("%d of %d bytes read as a whole state", n, len(b))
			}
		}
	})
}

// TestStoredForm keeps the stored form: a change needs a new version.
func TestStoredForm(t *testing.T) {
	var s State
	add(t, &s, Event{Kind: Contacted, At: day0, Child: 0x0102030405060708, Opener: 0xff}, day0)
	add(t, &s, Event{Kind: Linked, At: day0.Add(-time.Hour), Through: 9}, day0)
	want := []byte{1, 0xa4, 0x86, 0x1e, 1, 8, 7, 6, 5, 4, 3, 2, 1, 1, 1, 1, 0, 0, 1, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0}
	if got := bytesOf(&s); !bytes.Equal(got, want) {
		t.Errorf("stored as % x\nwant      % x", got, want)
	}
}

func FuzzState(f *testing.F) {
	var s State
	for k := range Key(200) {
		s.Add(Event{Kind: Contacted, At: day0.Add(time.Duration(k) * time.Hour), Child: k + 1, Opener: uint64(k)}, day0.AddDate(0, 1, 0))
	}
	s.Add(Event{Kind: Linked, At: day0, Through: 3}, day0)
	f.Add(bytesOf(&s))
	f.Add(bytesOf(new(State)))
	f.Add([]byte{1, 2, 3})
	f.Add([]byte("\x01\xff\xff\xff\xff\x0f\x00\x00\x00")) // an hour too far ahead
	f.Fuzz(func(t *testing.T, b []byte) {
		var s State
		if err := s.UnmarshalBinary(b); err != nil {
			return
		}
		if !bytes.Equal(bytesOf(&s), b) {
			t.Fatal("two forms of one state")
		}
		v, _ := s.values(DefaultCard(), Profile{}, day0)
		for k, x := range v {
			if math.IsNaN(x) || x < 0 {
				t.Fatalf("%s is %v", k, x)
			}
		}
		now := time.Unix(int64(s.newest)*3600, 0)
		if s.newest > 0 {
			add(t, &s, Event{Kind: Contacted, At: now, Child: 5}, now)
		}
		if len(s.children) > MaxChildren {
			t.Fatal("grew over its bound")
		}
	})
}
