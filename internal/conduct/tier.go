package conduct

import (
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// FrictionFor is how long friction lasts; it ends by itself.
const FrictionFor = 72 * time.Hour

// Corroboration is how many families must speak before a machine may slow an
// account down.
const Corroboration = 2

// Thresholds are the scores from which steps are proposed: data, with a version.
type Thresholds struct {
	Version               string
	Tip, Friction, Review Points
}

// DefaultThresholds are guesses [K]. Each operator sets them in shadow, from false
// alarms counted on their own traffic: our notes suggest at most 10 tips and 1 of
// the rest for 1,000 harmless conversations.
func DefaultThresholds() Thresholds {
	return Thresholds{Version: "1", Tip: 1500, Friction: 3000, Review: 4500}
}

// Check reports what is wrong with thresholds.
func (t Thresholds) Check() error {
	if t.Version == "" || t.Tip <= 0 || t.Friction < t.Tip || t.Review < t.Friction {
		return safety.Errorf(safety.Invalid, "conduct: thresholds need a version and must rise from tip to review")
	}
	return nil
}

// Steps are what a machine may do or ask for. There is no field for closing an
// account or filing a report; see [Enforcement].
type Steps struct {
	Thresholds string
	Tip        bool      // a neutral tip to the children concerned; it never names the actor's score
	Friction   *Friction // reversible, ends by itself
	Review     bool      // a person looks; never from metadata alone
	// Uncorroborated: the score was enough for friction but only one family spoke.
	Uncorroborated bool
}

// Propose makes steps of an assessment. For a child there is none here: tips to
// the other child come from its conversation, not from a score of this one.
func Propose(a Assessment, actor Key, t Thresholds) (Steps, error) {
	if err := t.Check(); err != nil {
		return Steps{}, err
	}
	if actor == 0 || a.Card == "" {
		return Steps{}, safety.Errorf(safety.Invalid, "conduct: steps need an account and an assessment of it")
	}
	s := Steps{Thresholds: t.Version}
	score, ok := a.Score()
	if !ok {
		return s, nil
	}
	families := a.Families()
	s.Tip = score >= t.Tip
	if score >= t.Friction {
		if len(families) >= Corroboration {
			s.Friction = &Friction{actor: actor, from: a.At, families: families}
		} else {
			s.Uncorroborated = true
		}
	}
	s.Review = score >= t.Review && a.Mode == ModeFull
	return s, nil
}

// Friction slows an actor's way to children: nothing is closed or lost. A machine
// makes one only in [Propose], with corroboration; a person with [Impose].
type Friction struct {
	actor    Key
	from     time.Time
	families []Family
	by       string // the person, if one imposed it
	lifted   time.Time
	lifter   string
}

// Impose is a person's friction, for which they answer.
func Impose(actor Key, who safety.Actor, at time.Time) (*Friction, error) {
	if actor == 0 || !person(who) || at.IsZero() {
		return nil, safety.Errorf(safety.Invalid, "conduct: friction by a person needs the account, the person and the time")
	}
	return &Friction{actor: actor, from: at, by: who.ID}, nil
}

// Actor is the account that is slowed down.
func (f *Friction) Actor() Key { return f.actor }

// Until is when it ends by itself.
func (f *Friction) Until() time.Time { return f.from.Add(FrictionFor) }

// Families are those that corroborated it; none if a person imposed it.
func (f *Friction) Families() []Family { return slices.Clone(f.families) }

// By is the person who imposed it, or empty.
func (f *Friction) By() string { return f.by }

// Active reports whether it holds at a time. No friction is not active.
func (f *Friction) Active(at time.Time) bool {
	return f != nil && !at.Before(f.from) && at.Before(f.Until()) && (f.lifted.IsZero() || at.Before(f.lifted))
}

// Lift returns f ended by a person, as after an appeal. Lifting it again changes nothing.
func (f Friction) Lift(who safety.Actor, at time.Time) (*Friction, error) {
	if !person(who) || at.Before(f.from) {
		return nil, safety.Errorf(safety.Invalid, "conduct: friction is lifted by a person, after it began")
	}
	if f.lifted.IsZero() {
		f.lifted, f.lifter = at, who.ID
	}
	return &f, nil
}

// Lifted says who lifted it and when, if anybody did.
func (f *Friction) Lifted() (who string, at time.Time, ok bool) {
	return f.lifter, f.lifted, !f.lifted.IsZero()
}

// Confirmation is a person's: who confirmed, in which case, when.
type Confirmation struct {
	Person safety.Actor
	Case   string
	At     time.Time
}

// person reports whether a human being stands behind an actor.
func person(a safety.Actor) bool { return a.Person && a.ID != "" && a.ID != safety.System.ID }

func (c Confirmation) check() error {
	if !person(c.Person) || c.Case == "" || c.At.IsZero() {
		return safety.Errorf(safety.Forbidden, "conduct: only a person who names themselves and a case can confirm this")
	}
	return nil
}

// Measure is what people may decide against an account.
type Measure string

// The measures.
const (
	MeasureSuspend Measure = "suspend"
	MeasureClose   Measure = "close"
	MeasureReport  Measure = "report"
)

// Enforcement is a decision of people. Its fields are closed and [Enforce] is the
// only way to it: no score, no tier and no rule leads here.
type Enforcement struct {
	actor   Key
	measure Measure
	first   Confirmation
	second  Confirmation
}

// Enforce records a decision. Closing and reporting take two different people on
// the same case.
func Enforce(actor Key, m Measure, first Confirmation, second *Confirmation) (Enforcement, error) {
	e := Enforcement{actor: actor, measure: m, first: first}
	if actor == 0 || m != MeasureSuspend && m != MeasureClose && m != MeasureReport {
		return Enforcement{}, safety.Errorf(safety.Invalid, "conduct: a decision needs an account and a known measure")
	}
	if err := first.check(); err != nil {
		return Enforcement{}, err
	}
	if second != nil {
		if err := second.check(); err != nil {
			return Enforcement{}, err
		}
		if second.Person.ID == first.Person.ID || second.Case != first.Case {
			return Enforcement{}, safety.Errorf(safety.Forbidden, "conduct: the second confirmation comes from somebody else, on the same case")
		}
		e.second = *second
	} else if m != MeasureSuspend {
		return Enforcement{}, safety.Errorf(safety.Forbidden, "conduct: closing and reporting take two people")
	}
	return e, nil
}

// Actor is the account concerned.
func (e Enforcement) Actor() Key { return e.actor }

// Measure is what was decided.
func (e Enforcement) Measure() Measure { return e.measure }

// People are those who decided. The zero value has none and means nothing.
func (e Enforcement) People() []string {
	var who []string
	for _, c := range []Confirmation{e.first, e.second} {
		if c.Person.ID != "" {
			who = append(who, c.Person.ID)
		}
	}
	return who
}

// Case is the case on which it was decided.
func (e Enforcement) Case() string { return e.first.Case }

// RestoreFriction is friction as it was stored after [Propose] or [Impose] had made
// it; lifted is zero where nobody has ended it.
func RestoreFriction(actor Key, from time.Time, families []Family, by string, lifted time.Time, lifter string) *Friction {
	return &Friction{actor: actor, from: from, families: families, by: by, lifted: lifted, lifter: lifter}
}
