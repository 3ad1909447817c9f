package talk_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/internal/talk"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func weights(t testing.TB) *talk.Weights {
	t.Helper()
	w, err := talk.StartingWeights()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

var (
	stranger = talk.Relation{Actor: talk.Person{Band: talk.Adult}, Target: talk.Person{Band: talk.From13}, Tie: talk.Stranger}
	friends  = talk.Relation{Actor: talk.Person{Band: talk.From13, Age: 14}, Target: talk.Person{Band: talk.From13, Age: 14},
		Tie: talk.Connected, Mutuals: 9, KnownDays: 400, ChildFirst: true}
	related = talk.Relation{Actor: talk.Person{Band: talk.Adult}, Target: talk.Person{Band: talk.From13}, Tie: talk.Family, KnownDays: 4000}
)

// found is a message of the actor with indicators found elsewhere.
func found(n int, at time.Time, is ...talk.Indicator) *talk.Message {
	return &talk.Message{ID: fmt.Sprint(n), At: at, Found: talk.SetOf(is...)}
}

func TestWeights(t *testing.T) {
	w := weights(t)
	again := weights(t)
	if w.Version == "" || w.Version != again.Version {
		t.Error("the weights have no version")
	}
	text := talk.StartingText()
	for name, bad := range map[string]string{
		"wrong format":         strings.Replace(text, "format 1", "format 2", 1),
		"no version":           strings.Replace(text, "version ", "# ", 1),
		"a setting missing":    strings.Replace(text, "set tip 3\n", "", 1),
		"a setting twice":      text + "\nset tip 3\n",
		"an unknown setting":   text + "\nset top 3\n",
		"an unknown indicator": text + "\nindicator x access 1 1 1 1 1 1 1\n",
		"an unknown family":    strings.Replace(text, "coercion", "other", 1),
		"not a number":         strings.Replace(text, "set tip 3", "set tip NaN", 1),
		"tiers upside down":    strings.Replace(text, "set tip 3", "set tip 9", 1),
		"more than all":        strings.Replace(text, "100   1  4", "20000 1  4", 1),
		"a threat talked down": strings.Replace(text, "set review 6.5", "set review 12", 1),
		"too long":             text + strings.Repeat("#", talk.MaxLexiconBytes),
	} {
		if bad == text {
			t.Fatalf("%s: the change changes nothing", name)
		}
		if _, err := talk.ParseWeights(bad); !errors.Is(err, talk.ErrWeights) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseWeights(f *testing.F) {
	f.Add(talk.StartingText())
	f.Fuzz(func(t *testing.T, text string) {
		if w, err := talk.ParseWeights(text); err == nil {
			var s talk.State
			o := s.Update(w, &stranger, found(1, start, talk.Threatens, talk.AsksAge), start)
			if math.IsNaN(o.Score) || o.Score < 0 {
				t.Fatalf("score %v", o.Score)
			}
		}
	})
}

// message draws any message at all, some late, some early, some with wrong ids.
func message() *rapid.Generator[*talk.Message] {
	return rapid.Custom(func(t *rapid.T) *talk.Message {
		m := &talk.Message{
			ID:         fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "id")),
			At:         start.Add(time.Duration(rapid.IntRange(-100*24, 100*24).Draw(t, "hours")) * time.Hour),
			FromTarget: rapid.Bool().Draw(t, "target"),
			Found:      talk.Set(rapid.Uint32Range(0, 1<<talk.Indicators-1).Draw(t, "found") & rapid.Uint32().Draw(t, "mask")),
			Media:      rapid.Bool().Draw(t, "media"),
		}
		if rapid.Bool().Draw(t, "scored") {
			x := rapid.Float64().Draw(t, "external")
			m.External = &x
		}
		return m
	})
}

func relation() *rapid.Generator[*talk.Relation] {
	return rapid.Custom(func(t *rapid.T) *talk.Relation {
		person := func() talk.Person {
			return talk.Person{Band: talk.Band(rapid.IntRange(0, 3).Draw(t, "band")), Age: rapid.IntRange(0, 60).Draw(t, "age"), Assured: rapid.Bool().Draw(t, "assured")}
		}
		r := &talk.Relation{Actor: person(), Target: person(), Tie: talk.Tie(rapid.IntRange(0, 3).Draw(t, "tie")),
			Mutuals: rapid.IntRange(0, 9).Draw(t, "mutuals"), ChildFirst: rapid.Bool().Draw(t, "first"),
			KnownDays: rapid.IntRange(0, 400).Draw(t, "days"), Lobby: rapid.Bool().Draw(t, "lobby")}
		if rapid.Bool().Draw(t, "adult") {
			r.Actor.Band = talk.Adult
		}
		return r
	})
}

// TestExact: the parts of every score add up to it, whatever was said and in
// whatever order; the state stays small and comes back from its stored form.
func TestExact(t *testing.T) {
	w := weights(t)
	rapid.Check(t, func(t *rapid.T) {
		r, now := relation().Draw(t, "relation"), start.Add(100*24*time.Hour)
		var s talk.State
		for _, m := range rapid.SliceOfN(message(), 0, 40).Draw(t, "messages") {
			o := s.Update(w, r, m, now)
			if math.IsNaN(o.Score) || o.Score < 0 || o.Score > 100 {
				t.Fatalf("score %v", o.Score)
			}
			a := s.Explain(w, r)
			sum := 0.0
			for _, p := range a.Parts {
				sum += p.Value
			}
			if math.Abs(sum-a.Score) > 1e-9 || a.Score != o.Score {
				t.Fatalf("parts make %v, score %v, outcome %v: %+v", sum, a.Score, o.Score, a.Parts)
			}
			if a.Tier != o.Tier {
				t.Fatalf("tier %v, explained as %v", o.Tier, a.Tier)
			}
		}
		b, err := s.AppendBinary(nil)
		if err != nil || len(b) > talk.MaxState {
			t.Fatalf("stored form of %d bytes, %v", len(b), err)
		}
		var back talk.State
		if err := back.UnmarshalBinary(b); err != nil || back != s {
			t.Fatalf("the stored form is not the state: %v", err)
		}
	})
}

func FuzzState(f *testing.F) {
	var s talk.State
	w := weights(f)
	s.Update(w, &stranger, found(1, start, talk.AsksAge, talk.AsksSecrecy), start)
	b, err := s.AppendBinary(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Logf("a state is stored in %d bytes", len(b))
	f.Add(b)
	f.Add(b[:len(b)-1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var s talk.State
		if err := s.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, talk.ErrState) || s != (talk.State{}) {
				t.Fatalf("a refused state left something, or %v", err)
			}
			return
		}
		again, err := s.AppendBinary(nil)
		if err != nil || string(again) != string(b) {
			t.Fatal("what was read is not what is written")
		}
		if o := s.Update(w, &stranger, found(9, start, talk.Threatens), start); math.IsNaN(o.Score) || o.Score < 0 {
			t.Fatalf("score %v", o.Score)
		}
	})
}

func TestStateRefusesDamage(t *testing.T) {
	var s talk.State
	w := weights(t)
	s.Update(w, &stranger, found(1, start, talk.AsksAge), start)
	b, _ := s.AppendBinary(nil)
	for name, bad := range map[string][]byte{
		"another version": append([]byte{2}, b[1:]...),
		"cut":             b[:len(b)-1],
		"longer":          append(slices.Clone(b), 0),
		"not a number":    append([]byte{b[0], 0xff, 0xff, 0xff, 0xff}, b[5:]...),
		"below nought":    append([]byte{b[0], 0, 0, 0x80, 0xbf}, b[5:]...),
	} {
		var x talk.State
		if err := x.UnmarshalBinary(bad); !errors.Is(err, talk.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDuplicates(t *testing.T) {
	w := weights(t)
	var s talk.State
	s.Update(w, &stranger, found(1, start, talk.AsksAge), start)
	before := s
	if o := s.Update(w, &stranger, found(1, start, talk.AsksAge), start); o.Order != talk.Duplicate || s != before {
		t.Errorf("a second delivery counted: %v", o.Order)
	}
	if o := s.Update(w, &stranger, found(2, start, talk.AsksAge), start); o.Order != talk.InOrder || s == before {
		t.Error("another message did not count")
	}
}

// TestOrder: late messages count as if they had come in time; dates in the future
// do not let the past fade.
func TestOrder(t *testing.T) {
	w := weights(t)
	a := found(1, start, talk.AsksSecrecy)
	b := found(2, start.Add(10*24*time.Hour), talk.ProposesMeeting)
	var in, out talk.State
	in.Update(w, &stranger, a, b.At)
	o1 := in.Update(w, &stranger, b, b.At)
	out.Update(w, &stranger, b, b.At)
	o2 := out.Update(w, &stranger, a, b.At)
	if o2.Order != talk.Late || math.Abs(o1.Score-o2.Score) > 1e-5 {
		t.Errorf("in order %v, out of order %v (%v)", o1.Score, o2.Score, o2.Order)
	}
	before := out.Score(w, &stranger)
	o := out.Update(w, &stranger, found(3, start.Add(10*365*24*time.Hour)), b.At)
	if o.Order != talk.Future || math.Abs(o.Score-before) > 1e-9 {
		t.Errorf("a date in the future: %v, %v before and %v after", o.Order, before, o.Score)
	}
	if o := out.Update(w, &stranger, found(4, start.Add(-365*24*time.Hour), talk.Threatens), b.At); o.Order != talk.TooOld {
		t.Errorf("a year old: %v", o.Order)
	}
	later := b.At.Add(21 * 24 * time.Hour)
	alone := talk.Relation{Target: talk.Person{Band: talk.From13}}
	was := out.Score(w, &alone)
	if o := out.Update(w, &alone, found(5, later), later); math.Abs(o.Score-was/2) > .01 {
		t.Errorf("after one half-life %v of %v", o.Score, was)
	}
}

func TestDirections(t *testing.T) {
	for _, c := range []struct {
		a, b   talk.Band
		ab, ba bool
	}{
		{talk.Adult, talk.From13, true, false}, {talk.From13, talk.Adult, false, true},
		{talk.From13, talk.From16, true, true}, {talk.Adult, talk.Adult, false, false},
		{talk.AgeUnknown, talk.AgeUnknown, true, true}, {talk.Adult, talk.AgeUnknown, true, false},
	} {
		if ab, ba := talk.Directions(c.a, c.b); ab != c.ab || ba != c.ba {
			t.Errorf("Directions(%v, %v) = %v, %v", c.a, c.b, ab, ba)
		}
	}
	w := weights(t)
	var s talk.State
	adults := talk.Relation{Actor: talk.Person{Band: talk.From13}, Target: talk.Person{Band: talk.Adult}}
	if o := s.Update(w, &adults, found(1, start, talk.Threatens, talk.DemandsMoney), start); o.Order != talk.NotLooked || s != (talk.State{}) || s.Explain(w, &adults).Looked {
		t.Error("a conversation with an adult was looked at")
	}
	// What the child says is not held against the other, nor the other way round.
	m := found(1, start, talk.AsksAge, talk.AsksPicture)
	m.FromTarget = true
	if o := s.Update(w, &stranger, m, start); o.Score != 0 {
		t.Errorf("the child's question counts %v against the adult", o.Score)
	}
	if o := s.Update(w, &stranger, found(2, start, talk.Distress), start); o.Score != 0 {
		t.Errorf("the adult's distress counts %v", o.Score)
	}
}

func TestRelation(t *testing.T) {
	w := weights(t)
	score := func(r talk.Relation, is ...talk.Indicator) float64 {
		var s talk.State
		return s.Update(w, &r, found(1, start, is...), start).Score
	}
	if got := score(stranger); got != 0 {
		t.Errorf("a relation alone scores %v", got)
	}
	unknown := talk.Relation{}
	for _, i := range []talk.Indicator{talk.AsksAge, talk.AsksSecrecy, talk.AsksPicture, talk.ProposesMeeting} {
		a, u, f, p := score(stranger, i), score(unknown, i), score(related, i), score(friends, i)
		if a <= u || u <= f || u <= p {
			t.Errorf("%v: stranger %v, unknown %v, family %v, friends %v", i, a, u, f, p)
		}
	}
	// No relation speaks against a threat with a demand.
	for _, r := range []talk.Relation{stranger, unknown, related, friends} {
		if got := score(r, talk.Threatens, talk.DemandsMoney); got < 6.5 {
			t.Errorf("a threat and a demand score %v with %+v", got, r)
		}
	}
}

// TestRepeats: the same sign again adds less each time, and never more than its most.
func TestRepeats(t *testing.T) {
	w := weights(t)
	var s talk.State
	unknown := talk.Relation{}
	last, step := 0.0, math.Inf(1)
	for i := range 500 {
		o := s.Update(w, &unknown, found(i, start, talk.AsksAge), start)
		if d := o.Score - last; d > step+1e-6 || d < 0 {
			t.Fatalf("repeat %d adds %v after %v", i, d, step)
		}
		step, last = o.Score-last, o.Score
	}
	if last > 3 {
		t.Errorf("one question, asked 500 times, scores %v", last)
	}
	if tier := s.Tier(w, &unknown); tier > talk.Tip {
		t.Errorf("one kind of sign reaches %v", tier)
	}
}

// TestMonotone: a threat and a demand never lower a score, and neither does more
// evidence of any kind in the same moment.
func TestMonotone(t *testing.T) {
	w := weights(t)
	rapid.Check(t, func(t *rapid.T) {
		r := relation().Draw(t, "relation")
		var s talk.State
		for _, m := range rapid.SliceOfN(message(), 0, 20).Draw(t, "messages") {
			s.Update(w, r, m, start.Add(100*24*time.Hour))
		}
		now := start.Add(100 * 24 * time.Hour)
		s.Update(w, r, found(1000, now), now)
		before := s.Score(w, r)
		more := talk.Set(rapid.Uint32Range(0, 1<<talk.Indicators-1).Draw(t, "more"))
		if o := s.Update(w, r, &talk.Message{ID: "1001", At: now, Found: more | talk.SetOf(talk.Threatens, talk.DemandsMoney)}, now); o.Score < before-1e-6 {
			t.Fatalf("%v fell to %v", before, o.Score)
		}
	})
}

func TestExternal(t *testing.T) {
	w := weights(t)
	for _, c := range []struct {
		p    float64
		want float64
		bad  bool
	}{{0, 0, false}, {.5, 0, false}, {1, 1, false}, {.75, .5, false}, {-1, 0, true}, {2, 0, true}, {math.NaN(), 0, true}, {math.Inf(1), 0, true}} {
		var s talk.State
		m := found(1, start)
		m.External = &c.p
		if o := s.Update(w, &talk.Relation{}, m, start); math.Abs(o.Score-c.want) > 1e-6 || o.BadOutside != c.bad {
			t.Errorf("%v: score %v, bad %v", c.p, o.Score, o.BadOutside)
		}
	}
}

func TestSequences(t *testing.T) {
	w, r := weights(t), talk.NewReader(lookup(t))
	unknown := talk.Relation{}
	say := func(s *talk.State, n int, target bool, text string) {
		s.Update(w, &unknown, &talk.Message{ID: fmt.Sprint(n), At: start.Add(time.Duration(n) * time.Minute), FromTarget: target, Reading: r.Read(text)}, start.Add(time.Hour))
	}
	signs := func(s *talk.State) (out []talk.Indicator) {
		for _, x := range s.Explain(w, &unknown).Signs {
			out = append(out, x.Indicator)
		}
		return out
	}
	var pushed, asked, lied talk.State
	say(&pushed, 1, false, "send me a picture")
	say(&pushed, 2, true, "no, i dont want to")
	say(&pushed, 3, false, "come on, send a picture")
	if !slices.Contains(signs(&pushed), talk.PushesAfterRefusal) || !slices.Contains(signs(&pushed), talk.Distress) {
		t.Errorf("a push after a no: %v", signs(&pushed))
	}
	say(&asked, 1, false, "send me a picture")
	say(&asked, 2, true, "here you are")
	say(&asked, 3, false, "send me another picture, send a picture")
	if d := cmp.Diff([]talk.Indicator{talk.AsksPicture}, signs(&asked)); d != "" {
		t.Error(d)
	}
	say(&lied, 1, false, "i am 15")
	say(&lied, 2, false, "i am 19 by the way")
	if d := cmp.Diff([]talk.Indicator{talk.AgeMismatch}, signs(&lied)); d != "" {
		t.Error(d)
	}
}
