package talk

// Band is an age band. The zero value is unknown, which is not "adult" and not
// "child".
type Band uint8

// The bands.
const (
	AgeUnknown Band = iota
	Under13
	From13
	From16
	Adult
)

// Child says that the band is known to be under 18.
func (b Band) Child() bool { return b >= Under13 && b <= From16 }

// Person is what the caller knows of somebody's age.
type Person struct {
	Band    Band `json:"band,omitzero"`
	Age     int  `json:"age,omitzero"`     // in years, 0 for unknown
	Assured bool `json:"assured,omitzero"` // by more than the person's own word
}

// Tie is how two people are connected on the platform.
type Tie uint8

// The ties.
const (
	TieUnknown Tie = iota
	Stranger
	Connected
	Family // family or guardian, verified by the platform
)

// Relation is what the caller knows of the two. It shifts a score within bounds: it
// can make signs weigh more or less, but is no sign by itself, and it never speaks
// against a threat, a demand or a push after a no.
type Relation struct {
	Actor      Person `json:"actor,omitzero"`
	Target     Person `json:"target,omitzero"`
	Tie        Tie    `json:"tie,omitzero"`
	Mutuals    int    `json:"mutuals,omitzero"`
	ChildFirst bool   `json:"child_first,omitzero"` // the child wrote first
	KnownDays  int    `json:"known_days,omitzero"`  // days of contact in both directions
	Lobby      bool   `json:"lobby,omitzero"`       // public game chat
}

// Directions says which directions of a conversation between a and b are looked at:
// towards everybody who is not known to be an adult.
func Directions(a, b Band) (aToB, bToA bool) { return b != Adult, a != Adult }

func (r *Relation) adultStranger() bool {
	return r.Actor.Band == Adult && r.Target.Band.Child() && r.Tie == Stranger && r.Mutuals == 0
}

// peers are children of about one age.
func (r *Relation) peers() bool {
	a, t := r.Actor, r.Target
	if !a.Band.Child() || !t.Band.Child() {
		return false
	}
	if a.Age > 0 && t.Age > 0 {
		return abs(a.Age-t.Age) <= 2
	}
	return a.Band == t.Band
}

func abs(n int) int { return max(n, -n) }

// terms says which relation terms hold.
func (r *Relation) terms() (on [relations]bool) {
	on[adultStranger] = r.adultStranger()
	on[ageGap] = r.Actor.Age-r.Target.Age >= 8 && r.Target.Age > 0 && r.Target.Age < 18 && r.Actor.Assured
	on[childFirst] = r.ChildFirst
	on[mutualFriends] = r.Mutuals >= 5
	on[longKnown] = r.KnownDays > 180
	on[nearInAge] = r.peers()
	on[familyTie] = r.Tie == Family
	return on
}

// factor is what is left of an indicator in this relation, after sent messages.
func (r *Relation) factor(w *Weights, i Indicator, sent uint32) float64 {
	k, f := &w.of[i], 1.0
	if r.peers() {
		f *= k.peer
	}
	if float64(sent) > w.lateAfter && !r.adultStranger() {
		f *= k.late
	}
	if r.Lobby {
		f *= k.lobby
	}
	return f
}
