package synthetic

import (
	"strings"

	"github.com/rowan-safety/rowan/internal/talk"
)

// A Scenario is what happens, without the words. Script is a list of steps:
//
//	~4     about four ordinary lines, of both
//	A1     the actor says what the indicator A1 stands for
//	t:V1   the target says it
//	t:pic  the target sends a picture
//	+90    ninety minutes pass
//	@      both speak another language from here on
//	e:I3   the platform says that the actor moved from a group to a private chat
//	x:90   an ordinary line that the operator's classifier gives 0.90
//	age:15 the actor says to be fifteen
type Scenario struct {
	Name     string
	Harm     bool // written to be found; otherwise written to be left alone
	Relation talk.Relation
	Script   string
	Edge     bool // end-to-end encrypted: the device says what it found, and no text leaves it
}

// Mixed says that the people of the scenario change their language.
func (s *Scenario) Mixed() bool { return strings.Contains(s.Script, "@") }

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
	{"slow: age, secrecy, meeting", true, stranger, "~5 A1 ~4 A3 ~3 T1 ~4 R2 +1500 ~4 P1 ~2 R1", false},
	{"slow: gift, app, picture", true, stranger, "~4 A1 ~3 T2 ~3 I2 +900 ~3 P2 ~3 R2 ~2", false},
	{"slow: isolation", true, stranger, "~6 T1 ~4 I1 ~3 R2 +2880 ~4 I1 ~3 R1 ~2 P1", false},
	{"slow: who is near", true, stranger, "~3 A1 ~3 R1 ~4 R1 +600 ~3 R2 ~3 P2", false},
	{"slow: nothing known of either", true, nobody, "~3 A1 ~2 R1 ~2 R2 +1200 ~2 P2 ~2 R2 P1", false},
	{"slow: actor says to be seventeen", true, claimsTeen, "~4 A1 ~2 A3 ~3 R2 +700 ~3 P2 ~3 R1 ~2 P1", false},
	{"slow: job offer", true, stranger, "~3 T2 ~3 A1 ~3 P2 +1000 ~3 I2 ~3 R2", false},
	{"slow: over weeks", true, stranger, "~5 A1 +4000 ~3 T1 R2 +6000 ~3 R1 I1 +5000 ~2 P1 R2", false},
	{"slow: two languages mixed", true, stranger, "~3 A1 @ ~2 R1 @ ~2 R2 +900 ~2 P1 @ R2", false},
	{"slow: a month of silence", true, stranger, "~4 A1 ~2 R2 +43200 ~3 R1 ~2 P1", false},
	{"slow: two ages told to one child", true, nobody, "~2 age:15 ~3 A1 ~3 age:19 ~2 R2 ~2 P1", false},
	{"slow: from a group to a private chat", true, stranger, "~4 A1 e:I3 ~3 R2 ~2 P2 R1", false},
	{"slow: signs from the device, no text", true, stranger, "~3 A1 ~3 R1 ~2 R2 +600 ~2 P1", true},
	{"slow: few signs and a classifier", true, stranger, "~3 A1 ~2 x:95 ~2 x:90 R2 ~2", false},
	{"slow: an adult known for long", true, knownAdult, "~20 T1 ~3 R2 ~2 R1 +600 ~3 P2 R2 ~2 R1 P2", false},
	{"slow: somebody of the family", true, kin, "~6 T1 ~3 R2 ~2 R1 +1500 ~3 P2 t:V1 P2 R2 ~2 R1", false},
	{"slow: a child of the same age", true, newPeers, "~4 T1 ~2 R2 ~2 R1 I1 +700 ~2 P2 t:V1 P2 ~1 R2", false},
	{"fast: picture, threat, demand", true, stranger, "~2 A1 ~1 I2 ~1 P2 t:pic +3 C1 C2", false},
	{"fast: from a peer", true, peers, "~6 P2 t:pic +20 C1 t:V1 C2", false},
	{"fast: contacts first", true, nobody, "~2 I2 ~2 C3 C1 t:V1 C2", false},
	{"fast: demand, then threat", true, newPeers, "~3 C2 t:V1 C2 C1", false},
	{"fast: somebody known for years", true, talk.Relation{Actor: peers.Actor, Target: peers.Target, Tie: talk.Connected, Mutuals: 20, KnownDays: 900}, "~10 C1 ~6 C2", false},
	{"fast: hours between", true, nobody, "~4 P2 t:pic +300 C1 ~6 +100 C2", false},
	{"fast: signs from the device, no text", true, nobody, "~1 P2 t:pic C1 C2", true},
	{"fast: two languages", true, nobody, "~2 C1 @ t:V1 C2", false},
	{"fast: contacts and a threat, no demand", true, nobody, "~2 C3 +600 ~3 C1", false},
	{"refused: picture", true, stranger, "~4 A1 ~2 P2 t:V1 P2 t:V1 P2", false},
	{"refused: meeting", true, stranger, "~4 R1 ~2 P1 t:V1 ~1 P1 t:V1 R2", false},
	{"refused: app", true, stranger, "~3 A1 I2 t:V1 I2 t:V1 ~2 R2", false},
	{"refused: place and who is near", true, stranger, "~3 A3 t:V1 A3 ~1 R1 t:V1 R1", false},

	{"siblings", false, sibling, "~4 R1 ~3 R2 ~3 T2 ~5 C2 ~3 P2 ~4", false},
	{"parent picks up", false, kin, "~3 R1 ~2 P1 ~4 P1 ~3 A3 ~3 P2 +1000 P1 ~2", false},
	{"coach", false, knownAdult, "~4 A1 ~3 P1 ~5 I2 ~3 P2 +1400 ~3 P1 ~3", false},
	{"tutor", false, knownAdult, "~3 A1 ~3 P2 ~4 I2 +1400 ~3 P2 ~3 P1 ~2", false},
	{"surprise party", false, peers, "~3 R2 ~4 P1 ~3 R2 ~3 T2 ~3 R2 ~2", false},
	{"guild moves to voice", false, newPeers, "~4 A1 ~3 I2 ~3 I2 ~4 P2 ~3 I2 ~3", false},
	{"trade in a game", false, newPeers, "~3 T2 ~2 C2 ~3 I2 ~3 C2 ~3 T2 C2 ~3", false},
	{"trade, ages unknown", false, nobody, "~3 T2 ~4 C2 ~4 I2 ~5 C2 ~4", false},
	{"couple of one age", false, peers, "~4 T1 ~3 P2 ~4 P1 ~3 R1 ~4 T1 ~3 R2 ~4 P2 P1", false},
	{"classmates, homework", false, peers, "~3 P2 ~3 P2 ~3 A3 ~4 P2 ~3 I2 ~3", false},
	{"game talk", false, lobby, "~2 C1 ~3 C1 ~4 A1 ~3 C1 ~3 I2", false},
	{"sharing a bill", false, peers, "~3 C2 ~3 C2 ~4 C2 ~3 P1 ~3", false},
	{"charity", false, knownAdult, "~3 C2 ~3 T2 ~4 A3 ~3 C2 ~3", false},
	{"moderator gives advice", false, nobody, "~3 A1 ~4 R2 ~4 P2 ~5 ~3", false},
	{"support", false, nobody, "~3 A1 ~4 P2 ~4 I2 ~4 A3 ~4", false},
	{"new classmates", false, newPeers, "~3 A1 ~2 A3 ~3 I2 ~3 P1 ~3 P2 ~3 A3", false},
	{"cousin visits", false, kin, "~3 P1 ~3 A3 ~3 T2 ~3 R2 ~3 P1 ~3", false},
	{"classmates in two languages", false, peers, "~3 A1 @ ~3 P2 @ ~3 P1 @ ~2 A3 ~3", false},
	{"from a group to a private chat", false, newPeers, "~4 e:I3 ~3 I2 ~3 P2 ~3 A1 ~2", false},
	{"jokes about one's age", false, newPeers, "~2 age:14 ~3 age:20 ~3 A1 ~3 I2 ~3", false},
	{"coach, signs from the device", false, knownAdult, "~4 A1 ~3 P1 ~5 I2 ~3 P2 +1400 ~3 P1 ~3", true},
}
