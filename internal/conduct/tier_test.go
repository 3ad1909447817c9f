package conduct

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
)

var (
	anna = safety.Actor{ID: "user:anna", Person: true}
	ben  = safety.Actor{ID: "user:ben", Person: true}
)

// genAssessment draws assessments of events and conversations.
func genAssessment(t *rapid.T) Assessment {
	now := day0.AddDate(0, 0, 200)
	var s State
	for _, e := range rapid.SliceOfN(genEvent(300), 0, 300).Draw(t, "events") {
		e.At = e.At.AddDate(0, 0, rapid.IntRange(0, 200).Draw(t, "shift"))
		if e.At.Before(now) {
			add(t, &s, e, now)
		}
	}
	who := Profile{Ages: rapid.SampledFrom([]Ages{{}, adult, {10, 17}, {15, 25}}).Draw(t, "ages"), Opened: now}
	mode := rapid.SampledFrom([]Mode{ModeFull, ModeMetadata}).Draw(t, "mode")
	return assess(t, mode, who, &s, genTalks(now).Draw(t, "talks"), now)
}

// TestSteps: friction needs two families, metadata alone never refers to a person,
// and of a child nothing is proposed.
func TestSteps(t *testing.T) {
	th := DefaultThresholds()
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		a := genAssessment(t)
		s, err := Propose(a, 7, th)
		if err != nil {
			t.Fatal(err)
		}
		score, ranked := a.Score()
		switch {
		case s.Friction != nil && len(a.Families()) < 2:
			t.Fatalf("friction from %v alone", a.Families())
		case s.Review && a.Mode == ModeMetadata:
			t.Fatal("metadata alone refers to a person")
		case !ranked && (s.Tip || s.Friction != nil || s.Review):
			t.Fatal("steps against a child")
		case ranked && s.Tip != (score >= th.Tip):
			t.Fatalf("a tip at %d is %v", score, s.Tip)
		case ranked && (s.Friction != nil || s.Uncorroborated) != (score >= th.Friction):
			t.Fatalf("at %d friction is %v, uncorroborated %v", score, s.Friction, s.Uncorroborated)
		case ranked && a.Mode == ModeFull && s.Review != (score >= th.Review):
			t.Fatalf("at %d review is %v", score, s.Review)
		}
		for name, hit := range map[string]bool{"friction": s.Friction != nil, "alone": s.Uncorroborated, "review": s.Review, "metadata high": a.Mode == ModeMetadata && score >= th.Review, "child": !ranked} {
			if hit {
				seen[name]++
			}
		}
	})
	for _, name := range []string{"friction", "alone", "review", "child"} {
		if seen[name] == 0 {
			t.Errorf("%s never came up: the property was not tested", name)
		}
	}
	high := Assessment{Card: "1", Mode: ModeMetadata, Contributions: []Contribution{{Family: FamilyReach, Points: 9000}, {Family: FamilyReaction, Points: 9000}}}
	if s, _ := Propose(high, 1, th); s.Review || s.Friction == nil || !s.Tip {
		t.Errorf("metadata with a high score proposes %+v", s)
	}
	if _, err := Propose(high, 1, Thresholds{}); err == nil {
		t.Error("no thresholds are thresholds")
	}
	for name, bad := range map[string]struct {
		a     Assessment
		actor Key
	}{"nobody": {high, 0}, "no assessment": {Assessment{}, 1}} {
		if _, err := Propose(bad.a, bad.actor, th); err == nil {
			t.Errorf("steps of %s", name)
		}
	}
	for _, bad := range []Ages{{20, 12}, {-1, 12}, {18, 0}, {0, -3}} {
		if _, err := Check(Side{Ages: bad}, Side{}, Relation{}, false, DefaultSwitches(), day0); err == nil {
			t.Errorf("ages %v of an actor pass", bad)
		}
		if _, err := Check(Side{}, Side{Ages: bad}, Relation{}, false, DefaultSwitches(), day0); err == nil {
			t.Errorf("ages %v of a target pass", bad)
		}
		if _, err := Assess(DefaultCard(), ModeFull, Profile{Ages: bad}, new(State), []talk{}, day0); err == nil {
			t.Errorf("ages %v are scored", bad)
		}
	}
}

// TestReachAlone: somebody new whose work is with children, as far as one can see
// from outside: the most that reach alone can bring is a tip.
func TestReachAlone(t *testing.T) {
	var s State
	for k := range Key(MaxChildren) {
		add(t, &s, Event{Kind: Contacted, At: day0, Child: k + 1}, day0)
	}
	for _, mode := range []Mode{ModeFull, ModeMetadata} {
		a := assess(t, mode, Profile{Ages: adult, Opened: day0}, &s, nil, day0)
		steps, err := Propose(a, 1, DefaultThresholds())
		if score, _ := a.Score(); err != nil || score != 1500+1200+400+500 {
			t.Errorf("reach adds up to %d (%v), want all its caps", score, err)
		}
		if !steps.Tip || steps.Friction != nil || steps.Review || !steps.Uncorroborated {
			t.Errorf("from reach alone: %+v", steps)
		}
	}
}

// TestNoAutomaticEnforcement: what a machine proposes has no room for a measure.
func TestNoAutomaticEnforcement(t *testing.T) {
	var names []string
	for f := range reflect.TypeFor[Steps]().Fields() {
		names = append(names, f.Name)
		if f.Type == reflect.TypeFor[Enforcement]() || f.Type == reflect.TypeFor[Measure]() {
			t.Errorf("%s carries a measure", f.Name)
		}
	}
	if diff := cmp.Diff([]string{"Thresholds", "Tip", "Friction", "Review", "Uncorroborated"}, names); diff != "" {
		t.Error("steps have changed: no step may close, report or outlast 72 hours", diff)
	}
	for f := range reflect.TypeFor[Enforcement]().Fields() {
		if f.IsExported() {
			t.Errorf("%s of an enforcement can be set without people", f.Name)
		}
	}
}

func TestEnforce(t *testing.T) {
	c := func(who safety.Actor, id string) *Confirmation { return &Confirmation{who, id, day0} }
	for _, tt := range []struct {
		name          string
		m             Measure
		first, second *Confirmation
		ok            bool
	}{
		{"suspending takes one", MeasureSuspend, c(anna, "c1"), nil, true},
		{"closing takes two", MeasureClose, c(anna, "c1"), nil, false},
		{"closing by two", MeasureClose, c(anna, "c1"), c(ben, "c1"), true},
		{"reporting takes two", MeasureReport, c(anna, "c1"), nil, false},
		{"the same person twice", MeasureReport, c(anna, "c1"), c(anna, "c1"), false},
		{"another case", MeasureReport, c(anna, "c1"), c(ben, "c2"), false},
		{"no case", MeasureSuspend, c(anna, ""), nil, false},
		{"nobody", MeasureSuspend, c(safety.Actor{}, "c1"), nil, false},
		{"a key", MeasureSuspend, c(safety.Actor{ID: "key:1"}, "c1"), nil, false},
		{"the system", MeasureSuspend, c(safety.Actor{ID: "system", Person: true}, "c1"), nil, false},
		{"the system second", MeasureClose, c(anna, "c1"), c(safety.System, "c1"), false},
		{"unknown measure", "x", c(anna, "c1"), c(ben, "c1"), false},
	} {
		e, err := Enforce(1, tt.m, *tt.first, tt.second)
		if (err == nil) != tt.ok || (len(e.People()) > 0) != tt.ok {
			t.Errorf("%s: %v, people %v", tt.name, err, e.People())
		}
	}
}

func TestFriction(t *testing.T) {
	a := Assessment{Card: "1", Mode: ModeFull, At: day0, Contributions: []Contribution{{Family: FamilyReach, Points: 2000}, {Families: []Family{"isolation"}, Points: 2000}}}
	s, err := Propose(a, 7, DefaultThresholds())
	if err != nil || s.Friction == nil {
		t.Fatal("no friction", err)
	}
	f := s.Friction
	if f.Active(day0.Add(-1)) || !f.Active(day0) || !f.Active(day0.Add(72*time.Hour-1)) || f.Active(day0.Add(72*time.Hour)) {
		t.Error("friction does not hold for exactly 72 hours")
	}
	if (*Friction)(nil).Active(day0) || (&Friction{}).Active(day0) {
		t.Error("no friction is active")
	}
	if _, err := f.Lift(safety.System, day0); err == nil {
		t.Error("the system lifts friction")
	}
	up, err := f.Lift(anna, day0.Add(time.Hour))
	if err != nil || up.Active(day0.Add(time.Hour)) || !up.Active(day0) || !f.Active(day0.Add(time.Hour)) {
		t.Error("lifted friction holds, or lifting changed the record in place", err)
	}
	again, _ := up.Lift(ben, day0.Add(2*time.Hour))
	if who, at, ok := again.Lifted(); who != anna.ID || !at.Equal(day0.Add(time.Hour)) || !ok {
		t.Error("the second lifting replaced the first")
	}
	if _, err := Impose(7, safety.System, day0); err == nil {
		t.Error("the system imposes friction as a person")
	}
	if p, err := Impose(7, ben, day0); err != nil || p.By() != ben.ID || !p.Active(day0) {
		t.Error("a person cannot impose friction", err)
	}
}

func TestCheck(t *testing.T) {
	kid, teen := Ages{9, 12}, Ages{13, 17}
	fr, _ := Impose(1, anna, day0)
	on := DefaultSwitches()
	on.Private = map[safety.Jurisdiction]Private{"GB": {true, "OSA"}, "DE": {On: true}, "US": {true, "terms"}}
	for _, tt := range []struct {
		name      string
		actor     Side
		target    Side
		rel       Relation
		encrypted bool
		want      Verdict
		metadata  bool
	}{
		{"adults", Side{adult, nil, "GB"}, Side{adult, nil, "US"}, Relation{}, false, Allow, false},
		{"stranger and teen", Side{adult, nil, "GB"}, Side{teen, nil, "GB"}, Relation{}, false, Confirm, false},
		{"stranger with mutuals", Side{adult, nil, "GB"}, Side{teen, nil, "GB"}, Relation{Mutuals: true}, false, Confirm, false},
		{"teen and teen", Side{teen, nil, "GB"}, Side{teen, nil, "GB"}, Relation{}, false, Confirm, false},
		{"stranger and young child", Side{adult, nil, "GB"}, Side{kid, nil, "GB"}, Relation{Mutuals: true}, false, Deny, false},
		{"unknown and young child", Side{Ages{}, nil, "GB"}, Side{kid, nil, "GB"}, Relation{}, false, Deny, false},
		{"child and young child", Side{kid, nil, "GB"}, Side{kid, nil, "GB"}, Relation{}, false, Confirm, false},
		{"connected", Side{adult, nil, "GB"}, Side{kid, nil, "GB"}, Relation{Connected: true}, false, Allow, false},
		{"family", Side{adult, nil, "GB"}, Side{kid, nil, "GB"}, Relation{Family: true}, false, Allow, false},
		{"unknown target", Side{adult, nil, "GB"}, Side{Ages{}, nil, "GB"}, Relation{}, false, Confirm, false},
		{"friction", Side{adult, fr, "GB"}, Side{teen, nil, "GB"}, Relation{Mutuals: true}, false, Deny, false},
		{"friction, connected", Side{adult, fr, "GB"}, Side{teen, nil, "GB"}, Relation{Connected: true}, false, Confirm, false},
		{"friction, family", Side{adult, fr, "GB"}, Side{teen, nil, "GB"}, Relation{Family: true}, false, Confirm, false},
		{"friction, adult target", Side{adult, fr, "GB"}, Side{adult, nil, "GB"}, Relation{}, false, Allow, false},
		{"encrypted", Side{adult, nil, "GB"}, Side{teen, nil, "GB"}, Relation{}, true, Confirm, true},
		{"a switch without a ground", Side{adult, nil, "GB"}, Side{teen, nil, "DE"}, Relation{}, false, Confirm, true},
		{"the other side's place", Side{adult, nil, "FR"}, Side{teen, nil, "GB"}, Relation{}, false, Confirm, true},
		{"unknown place", Side{adult, nil, ""}, Side{teen, nil, "GB"}, Relation{}, false, Confirm, true},
	} {
		a, err := Check(tt.actor, tt.target, tt.rel, tt.encrypted, on, day0)
		if err != nil || a.Verdict != tt.want || slices.Contains(a.Obligations, ObligeMetadataOnly) != tt.metadata || len(a.Reasons) == 0 {
			t.Errorf("%s: %+v (%v), want verdict %d, metadata only %v", tt.name, a, err, tt.want, tt.metadata)
		}
	}
	if _, err := Check(Side{}, Side{}, Relation{}, false, Switches{}, day0); err == nil {
		t.Error("no switches are switches")
	}
	for _, j := range eu {
		if !j.Valid() || !EU(j) || DefaultSwitches().MayScore(j, j) {
			t.Errorf("%s: private content is on by default", j)
		}
	}
	if len(eu) != 27 || EU("GB") {
		t.Error("the Union has 27 members, and the UK is none")
	}
}

// TestCheckNeverMilder: knowing less, friction and fewer ties never open a way.
func TestCheckNeverMilder(t *testing.T) {
	fr, _ := Impose(1, anna, day0)
	rapid.Check(t, func(t *rapid.T) {
		ages := func(name string) Ages {
			if rapid.Bool().Draw(t, name+" known") {
				low := rapid.IntRange(0, 40).Draw(t, name+" low")
				return Ages{low, low + rapid.IntRange(1, 30).Draw(t, name+" width")}
			}
			return Ages{}
		}
		actor, target := Side{Ages: ages("actor")}, Side{Ages: ages("target")}
		rel := Relation{rapid.Bool().Draw(t, "connected"), rapid.Bool().Draw(t, "mutuals"), rapid.Bool().Draw(t, "family")}
		check := func(a, b Side, r Relation) Answer {
			got, err := Check(a, b, r, false, DefaultSwitches(), day0)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		base := check(actor, target, rel)
		slowed := actor
		slowed.Friction = fr
		unknown := actor
		unknown.Ages = Ages{}
		for name, worse := range map[string]Answer{"friction": check(slowed, target, rel), "no tie": check(actor, target, Relation{}), "unknown actor": check(unknown, target, rel)} {
			if worse.Verdict < base.Verdict {
				t.Fatalf("%s turns %+v into %+v", name, base, worse)
			}
			for _, o := range base.Obligations {
				if !slices.Contains(worse.Obligations, o) {
					t.Fatalf("%s drops %s", name, o)
				}
			}
		}
		// A target that may be a child is never reached by a stranger without consent.
		if got := check(actor, target, Relation{}); !target.Ages.Adult() && got.Verdict == Allow {
			t.Fatalf("a stranger reaches somebody of %+v", target.Ages)
		}
	})
}
