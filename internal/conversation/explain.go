package conversation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/talk"
)

// Part is one summand of a score.
type Part struct {
	Name   string  `json:"name"`
	Family string  `json:"family"`
	Value  float64 `json:"value"`
}

// Side is one of the two, as a reviewer sees them.
type Side struct {
	AccountID string `json:"account_id"`
	Age       string `json:"age"`
	Child     bool   `json:"child"`
}

// Contribution is a part of the score of an actor's conduct, in thousandths.
type Contribution struct {
	Indicator string `json:"indicator"`
	Family    string `json:"family"`
	Points    int64  `json:"points"`
}

// Explanation is why a person is asked to look, as it was then. It holds no text of
// the conversation.
type Explanation struct {
	Summary   string         `json:"summary"`
	Detectors []string       `json:"detectors"`
	Actor     Side           `json:"actor"`
	Target    Side           `json:"target"`
	Score     float64        `json:"score"`
	Tier      string         `json:"tier"`
	Parts     []Part         `json:"parts"`
	Against   []Part         `json:"against"`
	Fast      []string       `json:"fast"`
	Missing   []string       `json:"missing"`
	Coverage  string         `json:"coverage"`
	Language  string         `json:"language"`
	Messages  int            `json:"messages"`
	Unread    int            `json:"unread"`
	Words     string         `json:"words"`
	Weights   string         `json:"weights"`
	Conduct   []Contribution `json:"conduct"`
}

func (b *batch) explain(t *dialogue, cause string, of *conduct.Assessment) Explanation {
	r := t.relation.inTalk(t.actor, t.target, b.now)
	a := t.state.Explain(b.Parts.Weights, r)
	words, weights := b.Versions()
	x := Explanation{Actor: t.actor.side(), Target: t.target.side(), Score: round(a.Score), Tier: a.Tier.String(), Parts: parts(a.Parts), Against: parts(a.Against),
		Fast: append([]string{}, a.Fast...), Missing: append([]string{}, a.Missing...), Coverage: string(a.Coverage), Language: a.Language.String(),
		Messages: int(t.row.Messages), Unread: a.Unread + int(t.row.Unscanned), Words: words, Weights: weights, Conduct: []Contribution{}, Detectors: []string{SlowGrooming.Name}}
	if cause == "fast" {
		x.Detectors = []string{FastExtortion.Name, SlowGrooming.Name}
	}
	if of != nil {
		x.Detectors = append(x.Detectors, Conduct.Name)
		for _, c := range of.Contributions {
			x.Conduct = append(x.Conduct, Contribution{string(c.Indicator), string(c.Family), int64(c.Points)})
		}
	}
	x.Summary = summary(r, a, cause)
	return x
}

func parts(ps []talk.Part) []Part {
	out := make([]Part, len(ps))
	for i, p := range ps {
		out[i] = Part{p.Name, p.Family, round(p.Value)}
	}
	return out
}

// side says what is known of somebody's age, and how.
func (p *person) side() Side {
	s := Side{AccountID: p.row.AccountID, Age: "age not known", Child: p.upper() > 0 && p.upper() < conduct.Adulthood}
	how := ", as they say"
	if p.row.AgeAssured {
		how = ", assured"
	}
	switch low, up := p.lower(), p.upper(); {
	case up == 0:
	case low >= conduct.Adulthood && up >= 150:
		s.Age = "18 or older" + how
	case low == up:
		s.Age = fmt.Sprintf("%d%s", low, how)
	case low == 0:
		s.Age = fmt.Sprintf("under %d%s", up+1, how)
	default:
		s.Age = fmt.Sprintf("%d to %d%s", low, up, how)
	}
	return s
}

// did says what an indicator is, as the end of a sentence that begins with the actor.
var did = map[talk.Indicator]string{
	talk.AsksAge: "asked the age", talk.AgeMismatch: "gave ages that do not agree", talk.AsksPlace: "asked where the child lives or goes to school",
	talk.AsksWhoIsNear: "asked who is near or looks at the device", talk.AsksSecrecy: "asked to keep it secret", talk.Flatters: "flattered, “only you”",
	talk.OffersGift: "offered a gift", talk.Undermines: "spoke against friends or parents", talk.AsksMoveApp: "asked to move to another app",
	talk.MovesChannel: "moved to a closer channel", talk.ProposesMeeting: "proposed to meet", talk.AsksPicture: "asked for a picture",
	talk.PushesAfterRefusal: "asked again after a no", talk.Threatens: "threatened to share", talk.DemandsMoney: "demanded money",
	talk.NamesContacts: "named the child's contacts", talk.External: "was rated risky by another classifier",
}

// weightiest is the order in which signs are named.
func weightiest(a *talk.Assessment) []talk.Sign {
	signs := slices.DeleteFunc(slices.Clone(a.Signs), func(s talk.Sign) bool { return did[s.Indicator] == "" })
	slices.SortStableFunc(signs, func(x, y talk.Sign) int {
		switch {
		case x.Without < y.Without:
			return -1
		case x.Without > y.Without:
			return 1
		}
		return 0
	})
	return signs
}

// summary is one sentence that a reviewer can take in at once.
func summary(r *talk.Relation, a *talk.Assessment, cause string) string {
	who := "Somebody of unknown age"
	switch {
	case r.Actor.Band == talk.Adult:
		who = "An adult"
	case r.Actor.Band.Child():
		who = "A child"
	}
	switch r.Tie {
	case talk.Stranger:
		who += " who is not connected to"
	case talk.Connected:
		who += " who is connected to"
	case talk.Family:
		who += " of the family of"
	default:
		who += " writing to"
	}
	whom := " an account that may be a child's"
	if r.Target.Band.Child() {
		whom = " a child"
	}
	if cause == "audit" {
		return who + whom + ". Drawn at random to measure what is missed: nothing was flagged."
	}
	var said []string
	signs := weightiest(a)
	for _, s := range signs[:min(4, len(signs))] {
		text := did[s.Indicator]
		if s.Count > 1 {
			text += fmt.Sprintf(" (%d×)", s.Count)
		}
		said = append(said, text)
	}
	out := who + whom
	switch len(said) {
	case 0:
		out += " stands out by conduct, not by words."
	case 1:
		out += " " + said[0] + "."
	default:
		out += " " + strings.Join(said[:len(said)-1], ", ") + " and " + said[len(said)-1] + "."
	}
	if a.Saw(talk.Distress) {
		out += " The child said no or showed distress."
	}
	return out
}
