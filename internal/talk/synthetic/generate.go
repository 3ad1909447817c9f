package synthetic

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
)

// Languages are those that conversations are made in.
var Languages = []talk.Language{en, es, de}

// Line is one message.
type Line struct {
	ID         string
	At         time.Time
	FromTarget bool
	Text       string
	Media      bool
	Means      talk.Set // what it was written to show; nothing for ordinary talk
	Found      talk.Set // what an event or the device says, without text
	External   *float64 // what an operator's classifier says
}

// Message is a line as the detectors take it, read by read.
func Message(l *Line, read func(string) *talk.Reading) *talk.Message {
	m := &talk.Message{ID: l.ID, At: l.At, FromTarget: l.FromTarget, Media: l.Media, Found: l.Found, External: l.External}
	if l.Text != "" {
		m.Reading = read(l.Text)
	}
	return m
}

// Conversation is what a scenario became.
type Conversation struct {
	Warning  string
	Scenario string
	Seed     uint64
	Language talk.Language
	Harm     bool
	Relation talk.Relation
	Lines    []Line
}

var begin = time.Date(2026, 11, 2, 15, 0, 0, 0, time.UTC)

// maker holds one conversation while it is made.
type maker struct {
	r     *rand.Rand // of the order of things
	words *rand.Rand // of names and forms of address alone, so that swaps change nothing else
	c     *Conversation
	at    time.Time
	names []string
	pals  []string
	l     talk.Language // that is spoken now
	edge  bool          // only what the device found leaves it
}

// Make makes a scenario's conversation in a language. Names and forms of address
// come from [Names] and [Pals].
func Make(s *Scenario, l talk.Language, seed uint64) *Conversation {
	return MakeWith(s, l, seed, Names, Pals)
}

// MakeWith is Make with other names and forms of address.
func MakeWith(s *Scenario, l talk.Language, seed uint64, names, pals []string) *Conversation {
	m := newMaker(&Conversation{Warning: Warning, Scenario: s.Name, Seed: seed, Language: l, Harm: s.Harm, Relation: s.Relation}, names, pals)
	m.edge = s.Edge
	for step := range strings.FieldsSeq(s.Script) {
		m.step(step)
	}
	return m.c
}

func newMaker(c *Conversation, names, pals []string) *maker {
	//nolint:gosec // the same seed must give the same conversation; nothing is secret
	return &maker{r: rand.New(rand.NewPCG(c.Seed, uint64(c.Language))), words: rand.New(rand.NewPCG(c.Seed, 99)),
		c: c, at: begin, names: names, pals: pals, l: c.Language}
}

func (m *maker) step(step string) {
	switch {
	case step[0] == '~':
		for range max(1, number(step[1:])+m.r.IntN(3)-1) {
			m.ordinary(m.r.IntN(2) == 0)
		}
	case step[0] == '+':
		m.at = m.at.Add(time.Duration(number(step[1:])) * time.Minute)
	case step == "t:pic":
		m.line(Line{FromTarget: true, Media: true})
	case step == "@":
		m.l = Languages[(slices.Index(Languages, m.l)+1)%len(Languages)]
	case step == "e:I3":
		m.line(Line{Found: talk.SetOf(talk.MovesChannel)})
	case strings.HasPrefix(step, "x:"):
		p := float64(number(step[2:])) / 100
		m.line(Line{Text: m.pick(filler[m.l]), External: &p})
	case strings.HasPrefix(step, "age:"):
		m.line(Line{Text: strings.ReplaceAll(m.pick(ownAge[m.l]), "{n}", step[4:])})
	default:
		code, target := strings.CutPrefix(step, "t:")
		m.say(codes[code], target)
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("synthetic: a script with the step " + strconv.Quote(s)) // a mistake in this package
	}
	return n
}

func (m *maker) pick(of []string) string { return of[m.r.IntN(len(of))] }

func (m *maker) say(i talk.Indicator, target bool) {
	text := m.pick(lead[m.l]) + m.pick(slots[i][m.l])
	m.line(Line{FromTarget: target, Text: text, Means: talk.SetOf(i)})
}

func (m *maker) ordinary(target bool) {
	m.line(Line{FromTarget: target, Text: m.pick(filler[m.l])})
}

func (m *maker) line(l Line) {
	m.at = m.at.Add(time.Duration(5+m.r.IntN(55)) * time.Second)
	l.ID, l.At = fmt.Sprintf("m%d", len(m.c.Lines)), m.at
	l.Text = strings.ReplaceAll(l.Text, "{name}", m.names[m.words.IntN(len(m.names))])
	l.Text = strings.ReplaceAll(l.Text, "{pal}", m.pals[m.words.IntN(len(m.pals))])
	if m.edge {
		l.Text, l.Found = "", l.Found|l.Means
	}
	m.c.Lines = append(m.c.Lines, l)
}

// Stream makes n messages of ordinary talk of friends or of two of whom nothing is
// known. In it, people ask and offer what friends do, some more than others. The
// rates are invented.
func Stream(seed uint64, n int) *Conversation {
	c := &Conversation{Warning: Warning, Scenario: "ordinary talk", Seed: seed, Language: en, Relation: newPeers}
	m := newMaker(c, Names, Pals)
	if m.r.IntN(2) == 0 {
		c.Relation = nobody
	}
	common := []talk.Indicator{talk.AsksAge, talk.AsksPlace, talk.AsksMoveApp, talk.ProposesMeeting, talk.AsksPicture,
		talk.OffersGift, talk.Flatters, talk.AsksSecrecy, talk.AsksWhoIsNear, talk.DemandsMoney}
	rate := min(.25, .02*math.Exp(m.r.NormFloat64())) // of messages with any of them
	for len(c.Lines) < n {
		if m.r.IntN(20) == 0 {
			m.at = m.at.Add(time.Duration(m.r.IntN(1200)) * time.Minute)
		}
		if target := m.r.IntN(2) == 0; !target && m.r.Float64() < rate {
			m.say(common[m.r.IntN(len(common))], false)
		} else {
			m.ordinary(target)
		}
	}
	return c
}
