package conduct

import (
	"math"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Points are thousandths of a unit of log-odds. Whole numbers, so that
// contributions add up exactly.
type Points int64

// Indicator names one thing that adds to a score.
type Indicator string

// The indicators of the scorecard, and the conversations.
const (
	// IndConversation: the risk of a conversation with a child, as others computed it.
	IndConversation Indicator = "conversation"
	// IndFanout: unconnected children contacted in Card.Window.
	IndFanout Indicator = "fanout"
	// IndBurst: the same, in Card.BurstWindow.
	IndBurst Indicator = "burst"
	// IndObjections: lower bound of the share of children contacted who block or report, in thousandths.
	IndObjections Indicator = "objections"
	// IndStrangers: lower bound of the share without connections in common, of the
	// unconnected children contacted, in thousandths.
	IndStrangers Indicator = "strangers"
	// IndFastMoves: children with whom the talk went to a closer channel within FastMove.
	IndFastMoves Indicator = "fast_moves"
	// IndLinks: identifiers shared with closed accounts.
	IndLinks Indicator = "links"
	// IndOpeners: children who got nearly the same first message.
	IndOpeners Indicator = "openers"
	// IndNewAccount: days by which the account is younger than Card.NewDays. It
	// counts only beside IndFanout or IndBurst: a new account is no fault.
	IndNewAccount Indicator = "new_account"
)

// Family groups indicators that are not independent of each other. Two families
// corroborate; two indicators of one family do not. The scorecard's are below;
// conversations bring their own.
type Family string

// The families of the scorecard.
const (
	FamilyReach    Family = "reach"    // whom and how many
	FamilyReaction Family = "reaction" // how children answer
	FamilyChannel  Family = "channel"  // where the talk goes
	FamilyIdentity Family = "identity" // what is shared with closed accounts
	FamilyTemplate Family = "template" // one text for many
)

// Rule turns a number into points: none up to From, then Base and Per for each one
// more, never above Cap. Rules only ever add, so no behaviour buys points off.
type Rule struct {
	Indicator Indicator
	Family    Family
	From      float64
	Base, Per Points
	Cap       Points
}

func (r Rule) points(v float64) Points {
	if v <= r.From {
		return 0
	}
	p := float64(r.Base) + float64(r.Per)*(v-r.From)
	return Points(math.Min(math.Round(p), float64(r.Cap)))
}

// Card is a scorecard: data with a version that every assessment names.
type Card struct {
	Version      string
	Window       time.Duration // whole hours, at most KeepDays
	BurstWindow  time.Duration
	NewDays      int     // an account younger than that is new
	Z            float64 // of the lower bounds; 1.645 is 95 %, one side
	OpenerRadius int     // bits by which near-duplicate openers may differ
	Top          int     // conversations that count
	Floor        Points  // of a conversation's risk that does not count
	TalkCap      Points  // of one conversation
	HalfLife     time.Duration
	Rules        []Rule
}

// DefaultCard is the card that Rowan ships.
//
// Of its numbers, the top three conversations above a floor of 2, the half-life of
// 30 days, one unit from a lower bound of 5 % objections on, five children for an
// opener and the window of 14 days are the design of our notes, whose support is a
// simulation with invented rates [SIM]. All others are guesses [K]. None is fitted
// to data.
func DefaultCard() Card {
	return Card{
		Version: "1", Window: 14 * 24 * time.Hour, BurstWindow: 24 * time.Hour, NewDays: 14, Z: 1.645, OpenerRadius: 3,
		Top: 3, Floor: 2000, TalkCap: 6000, HalfLife: 30 * 24 * time.Hour,
		Rules: []Rule{
			{IndFanout, FamilyReach, 5, 0, 100, 1500},
			{IndBurst, FamilyReach, 4, 300, 150, 1200},
			{IndStrangers, FamilyReach, 500, 0, 1, 400},
			{IndNewAccount, FamilyReach, 0, 0, 40, 500},
			{IndObjections, FamilyReaction, 50, 1000, 3, 2000},
			{IndFastMoves, FamilyChannel, 1, 300, 300, 1200},
			{IndLinks, FamilyIdentity, 0, 1500, 750, 3000},
			{IndOpeners, FamilyTemplate, 4, 800, 150, 1700},
		},
	}
}

// Check reports what is wrong with a card.
func (c Card) Check() error {
	bad := c.Version == "" || c.Window < time.Hour || c.Window > KeepDays*24*time.Hour || c.BurstWindow < time.Hour || c.BurstWindow > c.Window ||
		c.NewDays < 0 || !(c.Z >= 0 && c.Z < 10) || c.OpenerRadius < 0 || c.OpenerRadius > 16 || c.Top < 0 || c.Floor < 0 || c.TalkCap < 0 || c.HalfLife <= 0
	seen := map[Indicator]bool{IndConversation: true}
	for _, r := range c.Rules {
		bad = bad || seen[r.Indicator] || r.Family == "" || math.IsNaN(r.From) || r.From < 0 || r.Base < 0 || r.Per < 0 || r.Cap < r.Base
		switch r.Indicator {
		case IndFanout, IndBurst, IndObjections, IndStrangers, IndFastMoves, IndLinks, IndOpeners, IndNewAccount:
		default:
			bad = true
		}
		seen[r.Indicator] = true
	}
	if bad {
		return safety.Errorf(safety.Invalid, "conduct: the scorecard is not usable")
	}
	return nil
}

// Wilson is the lower bound of Wilson's interval for a share of which k of n were
// seen. Nothing seen bounds nothing: it is 0.
func Wilson(k, n int, z float64) float64 {
	if n <= 0 || k <= 0 {
		return 0
	}
	m, p, zz := float64(n), float64(k)/float64(n), z*z
	return max(0, (p+zz/(2*m)-z*math.Sqrt(p*(1-p)/m+zz/(4*m*m)))/(1+zz/m))
}
