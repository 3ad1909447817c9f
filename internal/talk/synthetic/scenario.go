package synthetic

import "github.com/rowan-safety/rowan/internal/talk"

// A Scenario is what happens, without the words. Script is a list of steps:
//
//	~4     about four ordinary lines, of both
//	A1     the actor says what the indicator A1 stands for
//	t:V1   the target says it
//	t:pic  the target sends a picture
//	+90    ninety minutes pass
type Scenario struct {
	Name     string
	Harm     bool // written to be found; otherwise written to be left alone
	Relation talk.Relation
	Script   string
}

var codes = map[string]talk.Indicator{
	"A1": talk.AsksAge, "A3": talk.AsksPlace, "R1": talk.AsksWhoIsNear, "R2": talk.AsksSecrecy, "T1": talk.Flatters,
	"T2": talk.OffersGift, "I1": talk.Undermines, "I2": talk.AsksMoveApp, "P1": talk.ProposesMeeting, "P2": talk.AsksPicture,
	"C1": talk.Threatens, "C2": talk.DemandsMoney, "C3": talk.NamesContacts, "V1": talk.Distress,
}

func person(b talk.Band, age int) talk.Person { return talk.Person{Band: b, Age: age} }

var (
	adult, young = person(talk.Adult, 0), person(talk.From13, 0)
	stranger     = talk.Relation{Actor: adult, Target: young, Tie: talk.Stranger}
	nobody       = talk.Relation{} // nothing is known
	claimsTeen   = talk.Relation{Actor: person(talk.From16, 17), Target: person(talk.From13, 13), Tie: talk.Stranger}
	peers        = talk.Relation{Actor: person(talk.From13, 14), Target: person(talk.From13, 14), Tie: talk.Connected, Mutuals: 8}
	newPeers     = talk.Relation{Actor: person(talk.From13, 14), Target: person(talk.From13, 13), Tie: talk.Connected}
	kin          = talk.Relation{Actor: adult, Target: young, Tie: talk.Family, KnownDays: 2000}
	sibling      = talk.Relation{Actor: person(talk.From16, 16), Target: person(talk.From13, 13), Tie: talk.Family, KnownDays: 2000}
	knownAdult   = talk.Relation{Actor: adult, Target: young, Tie: talk.Connected, Mutuals: 12, KnownDays: 300}
	lobby        = talk.Relation{Actor: person(talk.From13, 15), Target: person(talk.From13, 14), Lobby: true}
)

// Scenarios are all there are. Each is made in three languages.
var Scenarios = []Scenario{
	{"slow: age, secrecy, meeting", true, stranger, "~5 A1 ~4 A3 ~3 T1 ~4 R2 +1500 ~4 P1 ~2 R1"},
	{"slow: gift, app, picture", true, stranger, "~4 A1 ~3 T2 ~3 I2 +900 ~3 P2 ~3 R2 ~2"},
	{"slow: isolation", true, stranger, "~6 T1 ~4 I1 ~3 R2 +2880 ~4 I1 ~3 R1 ~2 P1"},
	{"slow: who is near", true, stranger, "~3 A1 ~3 R1 ~4 R1 +600 ~3 R2 ~3 P2"},
	{"slow: nothing known of either", true, nobody, "~3 A1 ~2 R1 ~2 R2 +1200 ~2 P2 ~2 R2 P1"},
	{"slow: actor says to be seventeen", true, claimsTeen, "~4 A1 ~2 A3 ~3 R2 +700 ~3 P2 ~3 R1 ~2 P1"},
	{"slow: job offer", true, stranger, "~3 T2 ~3 A1 ~3 P2 +1000 ~3 I2 ~3 R2"},
	{"slow: over weeks", true, stranger, "~5 A1 +4000 ~3 T1 R2 +6000 ~3 R1 I1 +5000 ~2 P1 R2"},
	{"fast: picture, threat, demand", true, stranger, "~2 A1 ~1 I2 ~1 P2 t:pic +3 C1 C2"},
	{"fast: from a peer", true, peers, "~6 P2 t:pic +20 C1 t:V1 C2"},
	{"fast: contacts first", true, nobody, "~2 I2 ~2 C3 C1 t:V1 C2"},
	{"fast: demand, then threat", true, newPeers, "~3 C2 t:V1 C2 C1"},
	{"fast: somebody known for years", true, talk.Relation{Actor: peers.Actor, Target: peers.Target, Tie: talk.Connected, Mutuals: 20, KnownDays: 900}, "~10 C1 ~6 C2"},
	{"refused: picture", true, stranger, "~4 A1 ~2 P2 t:V1 P2 t:V1 P2"},
	{"refused: meeting", true, stranger, "~4 R1 ~2 P1 t:V1 ~1 P1 t:V1 R2"},
	{"refused: app", true, stranger, "~3 A1 I2 t:V1 I2 t:V1 ~2 R2"},

	{"siblings", false, sibling, "~4 R1 ~3 R2 ~3 T2 ~5 C2 ~3 P2 ~4"},
	{"parent picks up", false, kin, "~3 R1 ~2 P1 ~4 P1 ~3 A3 ~3 P2 +1000 P1 ~2"},
	{"coach", false, knownAdult, "~4 A1 ~3 P1 ~5 I2 ~3 P2 +1400 ~3 P1 ~3"},
	{"tutor", false, knownAdult, "~3 A1 ~3 P2 ~4 I2 +1400 ~3 P2 ~3 P1 ~2"},
	{"surprise party", false, peers, "~3 R2 ~4 P1 ~3 R2 ~3 T2 ~3 R2 ~2"},
	{"guild moves to voice", false, newPeers, "~4 A1 ~3 I2 ~3 I2 ~4 P2 ~3 I2 ~3"},
	{"trade in a game", false, newPeers, "~3 T2 ~2 C2 ~3 I2 ~3 C2 ~3 T2 C2 ~3"},
	{"trade, ages unknown", false, nobody, "~3 T2 ~4 C2 ~4 I2 ~5 C2 ~4"},
	{"couple of one age", false, peers, "~4 T1 ~3 P2 ~4 P1 ~3 R1 ~4 T1 ~3 R2 ~4 P2 P1"},
	{"classmates, homework", false, peers, "~3 P2 ~3 P2 ~3 A3 ~4 P2 ~3 I2 ~3"},
	{"game talk", false, lobby, "~2 C1 ~3 C1 ~4 A1 ~3 C1 ~3 I2"},
	{"sharing a bill", false, peers, "~3 C2 ~3 C2 ~4 C2 ~3 P1 ~3"},
	{"charity", false, knownAdult, "~3 C2 ~3 T2 ~4 A3 ~3 C2 ~3"},
	{"moderator gives advice", false, nobody, "~3 A1 ~4 R2 ~4 P2 ~5 ~3"},
	{"support", false, nobody, "~3 A1 ~4 P2 ~4 I2 ~4 A3 ~4"},
	{"new classmates", false, newPeers, "~3 A1 ~2 A3 ~3 I2 ~3 P1 ~3 P2 ~3 A3"},
	{"cousin visits", false, kin, "~3 P1 ~3 A3 ~3 T2 ~3 R2 ~3 P1 ~3"},
}
