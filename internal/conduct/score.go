package conduct

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Conversation is what Assess needs to know of an actor's conversation with one
// child. Whoever scores conversations declares the type.
type Conversation interface {
	Child() Key
	Risk() float64      // log-odds
	Last() time.Time    // of its newest event
	Families() []Family // of the indicators seen in it
}

// Mode says what there was to see.
type Mode string

// The modes.
const (
	// ModeFull: conversations were scored and count.
	ModeFull Mode = "full"
	// ModeMetadata: the surface is encrypted, or the law or the language forbids
	// scoring what is said. Only conduct counts, and it never refers to a person.
	ModeMetadata Mode = "metadata"
)

// Profile is what is known of an actor beside its events.
type Profile struct {
	Ages   Ages
	Opened time.Time // when the account was made; zero is unknown
}

// Contribution is one part of a score.
type Contribution struct {
	Indicator Indicator
	Family    Family  // empty for a conversation, which has Families
	Value     float64 // what was seen: a count, thousandths, log-odds
	Points    Points
	Child     Key      // of a conversation
	Families  []Family // of a conversation
}

// Gap names something that was not seen.
type Gap string

// The gaps.
const (
	GapTalk       Gap = "what is said was not scored"
	GapAge        Gap = "age unknown"
	GapAccountAge Gap = "age of the account unknown"
	GapSampled    Gap = "more children than are kept: counts are estimates"
)

// Protection is what a child gets in place of a score.
type Protection string

// The protections.
const (
	// ProtectDefaults: the settings for children's accounts apply.
	ProtectDefaults Protection = "defaults"
	// ProtectWelfare: whoever looks at this looks after both sides; a child who
	// harms may be under somebody else's pressure.
	ProtectWelfare Protection = "welfare"
)

// Assessment is what conduct and conversations say of one actor at one time.
type Assessment struct {
	Card          string
	Mode          Mode
	At            time.Time
	Missing       []Gap
	Protections   []Protection   // of a child; then there is nothing below
	Contributions []Contribution // add up to the score, the greatest first
}

// Ranked reports whether the actor has a score. A child has none.
func (a Assessment) Ranked() bool { return len(a.Protections) == 0 }

// Score is the sum of the contributions; ok is false for a child.
func (a Assessment) Score() (p Points, ok bool) {
	for _, c := range a.Contributions {
		p += c.Points
	}
	return p, a.Ranked()
}

// Families returns the families that contribute, in order.
func (a Assessment) Families() []Family {
	seen := map[Family]bool{}
	for _, c := range a.Contributions {
		if c.Family != "" {
			seen[c.Family] = true
		}
		for _, f := range c.Families {
			seen[f] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Assess scores one actor by a card. In ModeMetadata conversations are not looked
// at. The state is not changed; windows end at now.
func Assess[C Conversation](card Card, mode Mode, who Profile, s *State, talks []C, now time.Time) (Assessment, error) {
	if err := card.Check(); err != nil {
		return Assessment{}, err
	}
	if err := who.Ages.check(); err != nil {
		return Assessment{}, err
	}
	if mode != ModeFull && mode != ModeMetadata {
		return Assessment{}, safety.Errorf(safety.Invalid, "conduct: an unknown mode")
	}
	a := Assessment{Card: card.Version, Mode: mode, At: now}
	if who.Ages.Child() {
		a.Protections = []Protection{ProtectDefaults, ProtectWelfare}
		return a, nil
	}
	if !who.Ages.Known() {
		a.Missing = append(a.Missing, GapAge)
	}
	if who.Opened.IsZero() {
		a.Missing = append(a.Missing, GapAccountAge)
	}
	values, sampled := s.values(card, who, now)
	if sampled {
		a.Missing = append(a.Missing, GapSampled)
	}
	reach := false
	for _, r := range card.Rules {
		p := r.points(values[r.Indicator])
		reach = reach || p > 0 && (r.Indicator == IndFanout || r.Indicator == IndBurst)
		if p > 0 {
			a.Contributions = append(a.Contributions, Contribution{Indicator: r.Indicator, Family: r.Family, Value: values[r.Indicator], Points: p})
		}
	}
	if !reach {
		a.Contributions = slices.DeleteFunc(a.Contributions, func(c Contribution) bool { return c.Indicator == IndNewAccount })
	}
	if mode == ModeMetadata {
		a.Missing = append(a.Missing, GapTalk)
	} else {
		top, err := topTalks(card, talks, now)
		if err != nil {
			return Assessment{}, err
		}
		a.Contributions = append(a.Contributions, top...)
	}
	slices.SortStableFunc(a.Contributions, func(x, y Contribution) int {
		return cmp.Or(cmp.Compare(y.Points, x.Points), cmp.Compare(x.Indicator, y.Indicator), cmp.Compare(x.Child, y.Child))
	})
	return a, nil
}

// topTalks returns the riskiest conversations, one for each child, so that the
// same conversation given twice counts once.
func topTalks[C Conversation](card Card, talks []C, now time.Time) ([]Contribution, error) {
	best := map[Key]Contribution{}
	for _, t := range talks {
		risk := t.Risk()
		if math.IsNaN(risk) || math.IsInf(risk, 0) || t.Child() == 0 {
			return nil, safety.Errorf(safety.Invalid, "conduct: a conversation without a usable score or child")
		}
		age := max(0, now.Sub(t.Last()))
		over := math.Min(risk*1000-float64(card.Floor), float64(card.TalkCap))
		p := Points(math.Round(over * math.Exp2(-float64(age)/float64(card.HalfLife))))
		if p <= 0 {
			continue
		}
		fams := slices.Clone(t.Families())
		slices.Sort(fams)
		c := Contribution{Indicator: IndConversation, Value: risk, Points: p, Child: t.Child(), Families: slices.Compact(fams)}
		if old, ok := best[c.Child]; !ok || compareTalk(c, old) < 0 {
			best[c.Child] = c
		}
	}
	all := slices.SortedFunc(maps.Values(best), compareTalk)
	return all[:min(card.Top, len(all))], nil
}

func compareTalk(a, b Contribution) int {
	return cmp.Or(cmp.Compare(b.Points, a.Points), cmp.Compare(a.Child, b.Child), cmp.Compare(b.Value, a.Value), slices.Compare(a.Families, b.Families))
}

// values computes the scorecard's numbers.
func (s *State) values(card Card, who Profile, now time.Time) (v map[Indicator]float64, sampled bool) {
	from, burst := hour(now.Add(-card.Window)), hour(now.Add(-card.BurstWindow))
	count := func(since mark, kind int) float64 {
		in, share := s.sample(since, kind)
		sampled = sampled || share < 1
		return float64(len(in)) / share
	}
	v = map[Indicator]float64{
		IndFanout:    math.Round(count(from, markCold)),
		IndBurst:     math.Round(count(burst, markCold)),
		IndFastMoves: math.Round(count(from, markMoved)),
	}
	part := func(kind int, of ...int) float64 {
		all, _ := s.sample(from, of...)
		n := 0
		for _, c := range all {
			if c.at[kind] != 0 && c.at[kind] >= from {
				n++
			}
		}
		return 1000 * Wilson(n, len(all), card.Z)
	}
	v[IndObjections] = part(markObjected, markContact, markObjected)
	v[IndStrangers] = part(markStrange, markCold)
	for _, l := range s.links {
		if l.at >= from {
			v[IndLinks]++
		}
	}
	with, _ := s.sample(from, markOpener)
	v[IndOpeners] = float64(nearest(with, card.OpenerRadius))
	if !who.Opened.IsZero() {
		v[IndNewAccount] = max(0, float64(card.NewDays)-max(0, now.Sub(who.Opened).Hours()/24))
	}
	return v, sampled
}

// nearest is the greatest number of openers within the radius of one of them. It
// looks from one opener, not along chains: a chain of small edits joins texts that
// have nothing in common.
func nearest(with []child, radius int) (most int) {
	for _, a := range with {
		n := 0
		for _, b := range with {
			if bits.OnesCount64(a.opener^b.opener) <= radius {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
