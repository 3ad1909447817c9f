package conduct

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// talk is a conversation as a caller would declare it.
type talk struct {
	child Key
	risk  float64
	last  time.Time
	fams  []Family
}

func (t talk) Child() Key         { return t.child }
func (t talk) Risk() float64      { return t.risk }
func (t talk) Last() time.Time    { return t.last }
func (t talk) Families() []Family { return t.fams }

var adult = Ages{Lower: 18, Upper: 150}

func genTalks(now time.Time) *rapid.Generator[[]talk] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) talk {
		return talk{
			child: Key(rapid.IntRange(1, 6).Draw(t, "child")),
			risk:  rapid.Float64Range(-20, 20).Draw(t, "risk"),
			last:  now.Add(-time.Duration(rapid.IntRange(-1, 2000).Draw(t, "ago")) * time.Hour),
			fams:  rapid.SliceOfN(rapid.SampledFrom([]Family{"isolation", "approach", "coercion"}), 0, 3).Draw(t, "families"),
		}
	}), 0, 8)
}

func assess(t interface {
	Helper()
	Fatal(...any)
}, mode Mode, who Profile, s *State, talks []talk, now time.Time) Assessment {
	t.Helper()
	a, err := Assess(DefaultCard(), mode, who, s, talks, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestContributions: the score is the sum of its parts, none is negative or above
// its cap, no more conversations than the card says count, and what conversations
// add is the same whatever their order and however often they are given.
func TestContributions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := day0.AddDate(0, 0, 200)
		var s State
		for _, e := range rapid.SliceOfN(genEvent(300), 0, 200).Draw(t, "events") {
			add(t, &s, e, now)
		}
		talks := genTalks(now).Draw(t, "talks")
		who := Profile{Ages: adult, Opened: now.AddDate(0, 0, -rapid.IntRange(0, 30).Draw(t, "days"))}
		a := assess(t, ModeFull, who, &s, talks, now)
		caps := map[Indicator]Points{IndConversation: DefaultCard().TalkCap}
		for _, r := range DefaultCard().Rules {
			caps[r.Indicator] = r.Cap
		}
		var sum, conduct Points
		n := 0
		for _, c := range a.Contributions {
			sum += c.Points
			if c.Points <= 0 || c.Points > caps[c.Indicator] {
				t.Fatalf("%s adds %d, its cap is %d", c.Indicator, c.Points, caps[c.Indicator])
			}
			if c.Indicator == IndConversation {
				n++
			} else {
				conduct += c.Points
			}
		}
		if got, ok := a.Score(); !ok || got != sum || n > 3 {
			t.Fatalf("the score is %d (%v), its parts add up to %d, %d conversations", got, ok, sum, n)
		}
		twice := rapid.Permutation(append(slices.Clone(talks), talks...)).Draw(t, "order")
		if diff := cmp.Diff(a, assess(t, ModeFull, who, &s, twice, now)); diff != "" {
			t.Fatal("order or duplicates of conversations matter", diff)
		}
		// Metadata alone is the same sum without the conversations.
		m := assess(t, ModeMetadata, who, &s, talks, now)
		if got, _ := m.Score(); got != conduct || !slices.Contains(m.Missing, GapTalk) {
			t.Fatalf("metadata alone scores %d, missing %v; want %d and %q", got, m.Missing, conduct, GapTalk)
		}
	})
}

// TestChildrenAreNotScored: whatever a child does and whatever is said of it.
func TestChildrenAreNotScored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := day0.AddDate(0, 0, 200)
		var s State
		for _, e := range rapid.SliceOfN(genEvent(300), 0, 200).Draw(t, "events") {
			add(t, &s, e, now)
		}
		up := rapid.IntRange(1, 17).Draw(t, "upper")
		who := Profile{Ages: Ages{Lower: rapid.IntRange(0, up).Draw(t, "lower"), Upper: up}, Opened: now}
		mode := rapid.SampledFrom([]Mode{ModeFull, ModeMetadata}).Draw(t, "mode")
		a := assess(t, mode, who, &s, genTalks(now).Draw(t, "talks"), now)
		if p, ok := a.Score(); ok || p != 0 || a.Ranked() || len(a.Contributions) != 0 || len(a.Protections) == 0 {
			t.Fatalf("a child of at most %d is scored: %+v", up, a)
		}
	})
}

func TestIndicators(t *testing.T) {
	now := day0.AddDate(0, 0, 100)
	ago := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	many := func(n int, e Event) (out []Event) {
		for k := range n {
			e.Child = Key(k + 1)
			out = append(out, e)
		}
		return out
	}
	old := Profile{Ages: adult, Opened: ago(900)}
	for _, tt := range []struct {
		name   string
		who    Profile
		events []Event
		want   map[Indicator]Points
	}{
		{"nothing", old, nil, map[Indicator]Points{}},
		{"five strangers in a week are no burst", old, many(5, Event{Kind: Contacted, At: ago(3), Mutuals: true}), map[Indicator]Points{}},
		{"fan-out", old, many(9, Event{Kind: Contacted, At: ago(3), Mutuals: true}), map[Indicator]Points{IndFanout: 400}},
		{"fan-out is capped", old, many(60, Event{Kind: Contacted, At: ago(3), Mutuals: true}), map[Indicator]Points{IndFanout: 1500}},
		{"of long ago", old, many(60, Event{Kind: Contacted, At: ago(20)}), map[Indicator]Points{}},
		{"connected children do not count", old, many(60, Event{Kind: Contacted, At: ago(3), Connected: true}), map[Indicator]Points{}},
		{"burst", old, many(5, Event{Kind: Contacted, At: ago(0), Mutuals: true}), map[Indicator]Points{IndBurst: 450}},
		{"burst of a new account", Profile{Ages: adult, Opened: ago(1)}, many(5, Event{Kind: Contacted, At: ago(0), Mutuals: true}), map[Indicator]Points{IndBurst: 450, IndNewAccount: 500}},
		{"a new account alone", Profile{Ages: adult, Opened: ago(1)}, many(2, Event{Kind: Contacted, At: ago(0)}), map[Indicator]Points{}},
		{"no connections in common", old, many(5, Event{Kind: Contacted, At: ago(3)}), map[Indicator]Points{IndStrangers: 149}},
		{"one of one objects", old, append(many(1, Event{Kind: Contacted, At: ago(3), Connected: true}), many(1, Event{Kind: Objected, At: ago(2)})...), map[Indicator]Points{IndObjections: 1659}},
		{"one of fifty objects", old, append(many(50, Event{Kind: Contacted, At: ago(3), Connected: true}), many(1, Event{Kind: Objected, At: ago(2)})...), map[Indicator]Points{}},
		{"fast moves", old, many(3, Event{Kind: Moved, At: ago(3), After: time.Hour}), map[Indicator]Points{IndFastMoves: 900}},
		{"slow moves", old, many(3, Event{Kind: Moved, At: ago(3), After: 25 * time.Hour}), map[Indicator]Points{}},
		{"shared with a closed account", old, []Event{{Kind: Linked, At: ago(3), Through: 1}}, map[Indicator]Points{IndLinks: 2250}},
		{"openers", old, many(5, Event{Kind: Contacted, At: ago(3), Connected: true, Opener: 0xf0f0}), map[Indicator]Points{IndOpeners: 950}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s State
			for _, e := range tt.events {
				add(t, &s, e, now)
			}
			got := map[Indicator]Points{}
			for _, c := range assess(t, ModeMetadata, tt.who, &s, nil, now).Contributions {
				got[c.Indicator] = c.Points
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNearestLooksFromOneOpener(t *testing.T) {
	chain := []child{{opener: 0b1}, {opener: 0b11}, {opener: 0b111}, {opener: 0b1111}, {opener: 0b11111}}
	if got := nearest(chain, 1); got != 3 {
		t.Errorf("a chain of edits counts %d, want 3: one and its two neighbours", got)
	}
}

func TestConversations(t *testing.T) {
	now := day0
	talks := []talk{{1, 7, now, nil}, {2, 5, now, nil}, {3, 4, now.AddDate(0, 0, -30), nil}, {4, 2.5, now, nil}, {5, 1.9, now, nil}, {6, 100, now, nil}}
	a := assess(t, ModeFull, Profile{Ages: adult, Opened: now}, new(State), talks, now)
	var got []Points
	for _, c := range a.Contributions {
		got = append(got, c.Points)
	}
	if diff := cmp.Diff([]Points{6000, 5000, 3000}, got); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string]talk{"not a number": {1, math.NaN(), now, nil}, "infinite": {1, math.Inf(1), now, nil}, "no child": {0, 1, now, nil}} {
		if _, err := Assess(DefaultCard(), ModeFull, Profile{}, new(State), []talk{bad}, now); err == nil {
			t.Errorf("%s: a score that cannot be used is no score, not an error", name)
		}
	}
	if _, err := Assess(DefaultCard(), "", Profile{}, new(State), talks, now); err == nil {
		t.Error("no mode is a mode")
	}
}

func TestWilson(t *testing.T) {
	// Newcombe 1998, table I: 81 of 263, z 1.96: 0.2553; 15 of 148: 0.0624.
	for _, tt := range []struct {
		k, n int
		z    float64
		want float64
	}{{81, 263, 1.959964, 0.2553}, {15, 148, 1.959964, 0.0624}, {0, 20, 1.959964, 0}, {0, 0, 1.645, 0}, {3, 3, 0, 1}} {
		if got := Wilson(tt.k, tt.n, tt.z); math.Abs(got-tt.want) > 5e-5 {
			t.Errorf("Wilson(%d, %d, %g) = %.4f, want %.4f", tt.k, tt.n, tt.z, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 500).Draw(t, "n")
		k := rapid.IntRange(0, n).Draw(t, "k")
		w := Wilson(k, n, 1.645)
		if w < 0 || w > float64(k)/float64(n)+1e-12 || k < n && w > Wilson(k+1, n, 1.645) || w < Wilson(k, n+1, 1.645)-1e-12 {
			t.Fatalf("the bound of %d of %d, %v, is out of place", k, n, w)
		}
	})
}

func TestCardCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Card){
		"no version":          func(c *Card) { c.Version = "" },
		"too long a window":   func(c *Card) { c.Window = 61 * 24 * time.Hour },
		"twice one rule":      func(c *Card) { c.Rules[1] = c.Rules[0] },
		"negative points":     func(c *Card) { c.Rules[0].Per = -1 },
		"unknown indicator":   func(c *Card) { c.Rules[0].Indicator = "x" },
		"rule without family": func(c *Card) { c.Rules[0].Family = "" },
	} {
		c := DefaultCard()
		spoil(&c)
		if c.Check() == nil {
			t.Errorf("%s: passes", name)
		}
	}
	if err := DefaultCard().Check(); err != nil {
		t.Error(err)
	}
}
