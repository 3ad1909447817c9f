package conduct

import (
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Side is one side of a contact, as far as the caller knows it.
type Side struct {
	Ages         Ages
	Friction     *Friction
	Jurisdiction safety.Jurisdiction // empty is unknown
}

// Relation is what is between the two sides.
type Relation struct {
	Connected bool // both agreed, before this contact
	Mutuals   bool // they have connections in common
	// Family: verified by the platform (a guardian, say). Friction holds all the same.
	Family bool
}

// Switches are the operator's settings by law and place: data, with a version.
type Switches struct {
	Version string
	// Private says, for a jurisdiction, whether what is said in private may be
	// scored there, and on which legal ground. A jurisdiction that is not listed,
	// and an unknown one, may not: then metadata only.
	Private map[safety.Jurisdiction]Private
	// UnknownIsChild treats a target of unknown age as a child.
	UnknownIsChild bool
	// YoungUntil is the age below which strangers of age cannot ask at all, not
	// even for the child's consent.
	YoungUntil int
}

// Private is a switch that a person sets with a reason; a switch without a legal
// ground is off.
type Private struct {
	On          bool
	LegalGround string
}

// The member states. Regulation (EU) 2021/1232 ran out on 3 April 2026 and
// our notes do not verify that its successor is adopted [S], so their switches are
// off until an operator names a ground.
var eu = []safety.Jurisdiction{"AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU",
	"IE", "IT", "LV", "LT", "LU", "MT", "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE"}

// EU reports whether j is a member state of the European Union.
func EU(j safety.Jurisdiction) bool { return slices.Contains(eu, j) }

// DefaultSwitches allow the scoring of private content nowhere, treat unknown
// targets as children, and keep strangers from children under 13.
func DefaultSwitches() Switches {
	return Switches{Version: "1", UnknownIsChild: true, YoungUntil: 13}
}

// MayScore reports whether what is said in private between the two may be scored:
// both places must allow it.
func (s Switches) MayScore(a, b safety.Jurisdiction) bool {
	for _, j := range []safety.Jurisdiction{a, b} {
		if p := s.Private[j]; j == "" || !p.On || p.LegalGround == "" {
			return false
		}
	}
	return true
}

// Verdict is an answer to "may this actor contact this target?"; the higher, the stricter.
type Verdict int

// The verdicts. The zero value is none and is never returned without an error.
const (
	// Allow: the contact goes through, with the obligations.
	Allow Verdict = iota + 1
	// Confirm: the child says yes before they see anything.
	Confirm
	// Deny: not now. Friction ends by itself; other reasons stand until facts change.
	Deny
)

// Reason says why, for people; it is never shown to the actor.
type Reason string

// The reasons.
const (
	ReasonTargetAdult  Reason = "the target is of age"
	ReasonConnected    Reason = "they are connected"
	ReasonFamily       Reason = "the platform has verified that they are family"
	ReasonNotConnected Reason = "not connected: a child confirms first"
	ReasonFriction     Reason = "the actor's way to children is slowed down for now"
	ReasonYoung        Reason = "someone of age or of unknown age cannot ask so young a child"
	ReasonTargetAge    Reason = "the target's age is unknown: treated as a child"
)

// Obligation is what the platform does beside the verdict.
type Obligation string

// The obligations.
const (
	// ObligeMetadataOnly: what is said is not scored.
	ObligeMetadataOnly Obligation = "metadata_only"
	// ObligeTip: the target gets a neutral tip with block and report in reach.
	ObligeTip Obligation = "tip_target"
	// ObligeHoldLinks: links and handles that lead off the platform are held.
	ObligeHoldLinks Obligation = "hold_links"
	// ObligeNoRecommend: neither is recommended to the other.
	ObligeNoRecommend Obligation = "no_recommendation"
	// ObligeHideLocation: the child's place is not shown.
	ObligeHideLocation Obligation = "hide_location"
)

// Answer is a verdict with its reasons and obligations.
type Answer struct {
	Verdict     Verdict
	Switches    string // version
	Reasons     []Reason
	Obligations []Obligation
}

// Check answers whether an actor may contact a target. It looks at ages, at what
// is between them, at friction and at the place, never at a score. The defaults
// follow Ofcom's ICU F1 (direct messages to children from accounts that are not
// connected are off; where there are no connections the child confirms) as our
// notes have it from secondary sources [S].
func Check(actor, target Side, rel Relation, encrypted bool, sw Switches, now time.Time) (Answer, error) {
	if sw.Version == "" || sw.YoungUntil < 0 || sw.YoungUntil > Adulthood || now.IsZero() {
		return Answer{}, safety.Errorf(safety.Invalid, "conduct: the switches are not usable")
	}
	for _, side := range []Side{actor, target} {
		if err := side.Ages.check(); err != nil {
			return Answer{}, err
		}
	}
	a := Answer{Verdict: Allow, Switches: sw.Version}
	if encrypted || !sw.MayScore(actor.Jurisdiction, target.Jurisdiction) {
		a.oblige(ObligeMetadataOnly)
	}
	unknown := !target.Ages.Known()
	if target.Ages.Adult() || unknown && !sw.UnknownIsChild {
		a.Reasons = append(a.Reasons, ReasonTargetAdult)
		if unknown {
			a.Reasons[0] = ReasonTargetAge
			a.oblige(ObligeTip)
		}
		return a, nil
	}
	if unknown {
		a.Reasons = append(a.Reasons, ReasonTargetAge)
	}
	a.oblige(ObligeHideLocation)
	switch {
	case rel.Family:
		a.Reasons = append(a.Reasons, ReasonFamily)
	case rel.Connected:
		a.Reasons = append(a.Reasons, ReasonConnected)
	default:
		a.Verdict = Confirm
		a.Reasons = append(a.Reasons, ReasonNotConnected)
		a.oblige(ObligeTip, ObligeHoldLinks)
		if !rel.Mutuals {
			a.oblige(ObligeNoRecommend)
		}
		// The youngest that the target may be: a band that reaches below the limit counts as below.
		if !actor.Ages.Child() && target.Ages.Known() && target.Ages.Lower < sw.YoungUntil {
			a.Verdict = Deny
			a.Reasons = append(a.Reasons, ReasonYoung)
		}
	}
	if actor.Friction.Active(now) {
		a.Reasons = append(a.Reasons, ReasonFriction)
		a.oblige(ObligeTip, ObligeHoldLinks, ObligeNoRecommend)
		if rel.Connected || rel.Family {
			a.Verdict = Confirm
		} else {
			a.Verdict = Deny
		}
	}
	return a, nil
}

func (a *Answer) oblige(what ...Obligation) {
	for _, o := range what {
		if !slices.Contains(a.Obligations, o) {
			a.Obligations = append(a.Obligations, o)
		}
	}
}
