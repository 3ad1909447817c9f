package talk

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Tier is what is proposed. Nothing here acts; restrictions beyond friction, and all
// reports, are decided by people.
type Tier uint8

// The tiers of the slow detector.
const (
	None     Tier = iota
	Tip           // show the child a neutral tip
	Friction      // slow the actor down, for a time and so that it can be appealed
	Review        // a person looks
)

var tierNames = [...]string{"none", "tip", "friction", "review"}

func (t Tier) String() string {
	if int(t) < len(tierNames) {
		return tierNames[t]
	}
	return "unknown"
}

// Fast is a set of reasons of the fast detector. It is for threats to share and
// demands, which take minutes ([S] in our notes: read in one source, not verified by us):
// it has no regard to age, relation or score. About half of those who threaten are
// people that the child knows ([S]).
type Fast uint8

// The reasons.
const (
	ThreatAndDemand   Fast = 1 << iota // within 30 messages or two hours
	ThreatAndContacts                  // a threat, and knowledge of whom it would be shown to
	PictureThenThreat                  // asked for a picture, got one, threatened
	allFast           = ThreatAndDemand | ThreatAndContacts | PictureThenThreat
)

var fastNames = [...]string{"threat_and_demand", "threat_and_contacts", "picture_then_threat"}

// fastNow says which reasons the message that was just added completes.
func (s *State) fastNow(w *Weights, m *Message, found Set, at uint32) (f Fast) {
	if m.FromTarget {
		return 0
	}
	if found&SetOf(Threatens, DemandsMoney) != 0 && s.count[Threatens] > 0 && s.count[DemandsMoney] > 0 &&
		(apart(s.seq[Threatens], s.seq[DemandsMoney]) <= w.fastMessages ||
			apart(s.at[Threatens], s.at[DemandsMoney]) <= w.fastMinutes*60) {
		f |= ThreatAndDemand
	}
	window := w.leverage * 60 * 60
	if found&SetOf(Threatens, NamesContacts) != 0 && s.count[Threatens] > 0 && s.count[NamesContacts] > 0 &&
		apart(s.at[Threatens], s.at[NamesContacts]) <= window {
		f |= ThreatAndContacts
	}
	if asked := s.at[AsksPicture]; found.Has(Threatens) && s.count[AsksPicture] > 0 && s.media >= asked && s.media > 0 &&
		at >= s.media && apart(at, asked) <= window {
		f |= PictureThenThreat
	}
	return f
}

func apart(a, b uint32) float64 { return math.Abs(float64(a) - float64(b)) }

// Tier is the tier that the state proposes now.
func (s *State) Tier(w *Weights, r *Relation) Tier {
	return s.tierOf(w, s.Score(w, r))
}

func (s *State) tierOf(w *Weights, score float64) Tier {
	if s.fast != 0 && s.last-min(s.last, s.fastAt) <= day {
		return Review
	}
	// More than a tip needs signs of two kinds: one kind, however often, may be a
	// habit. A push after a no has the child's no beside it; a threat and a demand are
	// two kinds, also where they are too far apart for the fast detector.
	several := score >= w.friction && (s.families(w) >= 2 || s.sum[PushesAfterRefusal] > 0 ||
		s.sum[Threatens] > 0 && s.sum[DemandsMoney] > 0)
	switch {
	case several && score >= w.review:
		return Review
	case several:
		return Friction
	case score >= w.tip:
		return Tip
	}
	return None
}

// conclude sets score and tier of an outcome, and remembers the highest.
func (s *State) conclude(w *Weights, r *Relation, o *Outcome) {
	o.Score = s.Score(w, r)
	o.Tier = s.tierOf(w, o.Score)
	memory := func(since uint32) bool { return float64(s.last-min(s.last, since)) <= w.memory*day }
	if float32(o.Score) > s.peak || !memory(s.peakAt) {
		s.peak, s.peakAt = float32(min(o.Score, 1e3)), s.last
	}
	if !memory(s.tierAt) {
		s.tier = None
	}
	if o.Tier > s.tier {
		o.Rose = true
		s.tier, s.tierAt = o.Tier, s.last
	}
}

// Coverage says how much of a conversation could be read.
type Coverage string

// The coverages. None of them means "safe".
const (
	CoverageText     Coverage = "text"
	CoverageMetadata Coverage = "metadata_only" // no text, or in no language with a word list
)

// Coverage says whether the language of the conversation is one that is read.
func (s *State) Coverage() Coverage {
	if winner(s.votes[:]) == Unknown {
		return CoverageMetadata
	}
	return CoverageText
}

// Assessment is an answer that explains itself.
type Assessment struct {
	Looked   bool // false: the target is an adult, and nothing was looked at
	Score    float64
	Tier     Tier
	Peak     float64 // the highest score in the time that is remembered
	PeakAt   time.Time
	Parts    []Part // their values add up to Score, the weightiest first
	Against  []Part // what speaks against: parts below nought, and what ordinary talk took off
	Signs    []Sign
	Fast     []string // reasons of the fast detector that were given
	Missing  []string // what was not known or not read
	Coverage Coverage
	Language Language
	Messages int
	Unread   int // messages of the actor without text, or not wholly read
	Version  string
}

// Sign is one indicator that was seen.
type Sign struct {
	Indicator Indicator
	Count     int
	Last      time.Time
	Without   float64 // the score if it had not been seen
}

// Explain says what the state stands for, and why.
func (s *State) Explain(w *Weights, r *Relation) *Assessment {
	a := &Assessment{Coverage: s.Coverage(), Language: winner(s.votes[:]), Version: w.Version,
		Messages: int(s.messages), Unread: int(s.unread)}
	if r.Target.Band == Adult {
		return a
	}
	a.Looked = true
	sum := s.parts(w, r, func(name, fam string, v float64) { a.Parts = append(a.Parts, Part{name, fam, v}) })
	if sum < 0 { // rounding only: a relation is bounded by what it speaks against
		a.Parts = append(a.Parts, Part{"rounding", "relation", -sum})
	}
	a.Score, a.Tier, a.Peak = s.Score(w, r), s.Tier(w, r), float64(s.peak)
	if s.peak > 0 {
		a.PeakAt = moment(s.peakAt)
	}
	slices.SortStableFunc(a.Parts, func(x, y Part) int { return cmp.Compare(math.Abs(y.Value), math.Abs(x.Value)) })
	for _, p := range a.Parts {
		if p.Value < 0 {
			a.Against = append(a.Against, p)
		}
	}
	if s.eased > 0 {
		a.Against = append(a.Against, Part{"ordinary_messages", "already taken off", -float64(s.eased)})
	}
	for i := range Indicators {
		if s.count[i] > 0 {
			without := *s
			without.sum[i] = 0
			a.Signs = append(a.Signs, Sign{i, int(s.count[i]), moment(s.at[i]), without.Score(w, r)})
		}
	}
	a.Fast = s.fast.Reasons()
	a.Missing = s.missing(r)
	return a
}

func (s *State) missing(r *Relation) (out []string) {
	for _, c := range []struct {
		missing bool
		what    string
	}{
		{r.Actor.Band == AgeUnknown, "the actor's age is not known"},
		{r.Target.Band == AgeUnknown, "the target's age is not known"},
		{r.Tie == TieUnknown, "how the two are connected is not known"},
		{s.Coverage() == CoverageMetadata, "the language is not known or has no word list"},
	} {
		if c.missing {
			out = append(out, c.what)
		}
	}
	if s.unread > 0 {
		out = append(out, fmt.Sprintf("%d messages of the actor had no text, or more than is read", s.unread))
	}
	return out
}

func moment(seconds uint32) time.Time { return time.Unix(int64(seconds), 0).UTC() }
