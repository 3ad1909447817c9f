package eval

import (
	"slices"
	"strconv"
	"time"
	"unicode"

	"github.com/rowan-safety/rowan/internal/talk"
)

// Options say how a corpus is measured.
type Options struct {
	Weights   *talk.Weights
	Lookup    *talk.Lookup
	Format    string    // "pan12", "espd", "jsonl": which limits the report begins with
	Made      time.Time // stands in the report
	Budgets   []int     // queue lengths for recall at a budget; 10, 50 and 200 without any
	Filter    bool      // leave out what VTPAN leaves out: see [Filtered]
	Assume    bool      // conversations that nobody judged are ordinary
	Limit     int       // conversations to read, 0 for all
	NoAblated bool      // leave out what each indicator is worth, which takes about as long again
}

// direction is one of a conversation: what an actor writes to a target.
type direction struct {
	actor, target int
	relation      talk.Relation
}

// takes says whether a message is part of the direction, and from the target.
func (d *direction) takes(m *Message) (part, fromTarget bool) {
	switch {
	case m.Author == d.actor:
		return m.Target == everybody || m.Target == d.target, false
	case d.target == everybody:
		return m.Target == everybody || m.Target == d.actor, true
	default:
		return m.Author == d.target && (m.Target == everybody || m.Target == d.actor), true
	}
}

// directions are all of a conversation: from each who writes, to each whom they
// name, or to everybody else.
func (c *Conversation) directions() (out []direction) {
	type pair struct{ actor, target int }
	seen, actors := map[pair]bool{}, map[int]bool{}
	for i := range c.Messages {
		m := &c.Messages[i]
		p := pair{m.Author, m.Target}
		if seen[p] {
			continue
		}
		seen[p] = true
		if !actors[m.Author] && len(actors) >= maxEvaluated {
			continue
		}
		actors[m.Author] = true
		out = append(out, direction{p.actor, p.target, c.relation(p.actor, p.target)})
	}
	writers := map[int]bool{}
	for p := range seen {
		writers[p.actor] = true
	}
	c.Odd.NotActors = len(writers) - len(actors)
	return out
}

// relation is what the corpus says of two. Of a group, the youngest known child is
// the target; only if all others are adults is it an adult, to whom nobody looks.
func (c *Conversation) relation(actor, target int) talk.Relation {
	a := &c.Authors[actor]
	if a.Relation != nil {
		return *a.Relation
	}
	r := talk.Relation{Actor: a.Person}
	if target != everybody {
		r.Target = c.Authors[target].Person
		return r
	}
	adults := len(c.Authors) > 1
	for i := range c.Authors {
		p := c.Authors[i].Person
		if i == actor {
			continue
		}
		adults = adults && p.Band == talk.Adult
		if p.Band.Child() && (!r.Target.Band.Child() || p.Band < r.Target.Band) {
			r.Target = p
		}
	}
	if adults {
		r.Target.Band = talk.Adult
	}
	return r
}

// severe are the signs before which an alert should come.
var severe = talk.SetOf(talk.Threatens, talk.DemandsMoney, talk.ProposesMeeting, talk.AsksPicture)

// climbed is what a direction, or a conversation, came to.
type climbed struct {
	score  float64 // the highest
	tier   talk.Tier
	fast   bool
	after  [talk.Review + 1]int           // messages until a tier, 0 for never
	waited [talk.Review + 1]time.Duration // from the first message until then
	severe int                            // messages until the first severe sign, 0 for never
	seen   talk.Set
	text   bool // a language that is read
}

// join makes of c the highest of c and d.
func (c *climbed) join(d *climbed) {
	c.score, c.tier, c.fast, c.text = max(c.score, d.score), max(c.tier, d.tier), c.fast || d.fast, c.text || d.text
	c.seen |= d.seen
	for t := range c.after {
		if d.after[t] > 0 && (c.after[t] == 0 || d.after[t] < c.after[t]) {
			c.after[t], c.waited[t] = d.after[t], d.waited[t]
		}
	}
	if d.severe > 0 && (c.severe == 0 || d.severe < c.severe) {
		c.severe = d.severe
	}
}

// reads are the messages of one conversation as package talk takes them.
type reads struct {
	c     *Conversation
	of    []talk.Message
	memos []talk.Reading
}

// read reads every message once, whatever the number of directions.
func (x *reads) read(c *Conversation, r *talk.Reader) {
	x.c, x.of, x.memos = c, x.of[:0], slices.Grow(x.memos[:0], len(c.Messages))[:len(c.Messages)]
	for i := range c.Messages {
		m := &c.Messages[i]
		out := talk.Message{ID: strconv.Itoa(i), At: m.At, Found: m.Found, Media: m.Media, External: m.External}
		if !m.NoText {
			x.memos[i] = *r.Read(m.Text)
			x.memos[i].Hits, x.memos[i].Facts = nil, slices.Clone(x.memos[i].Facts)
			out.Reading = &x.memos[i]
		}
		x.of = append(x.of, out)
	}
}

// walk takes one direction through the detectors. signs is called with the messages
// of the actor that showed something; it may be nil.
func (x *reads) walk(w *talk.Weights, d *direction, signs func(n int)) (out climbed) {
	var s talk.State
	for i := range x.of {
		part, fromTarget := d.takes(&x.c.Messages[i])
		if !part {
			continue
		}
		m := x.of[i]
		m.FromTarget = fromTarget
		o := s.Update(w, &d.relation, &m, m.At)
		out.score, out.tier, out.fast = max(out.score, o.Score), max(out.tier, o.Tier), out.fast || o.Fast != 0
		for t := talk.Tip; t <= o.Tier; t++ {
			if out.after[t] == 0 {
				out.after[t], out.waited[t] = i+1, m.At.Sub(x.c.Messages[0].At)
			}
		}
		out.seen |= o.Found
		if fromTarget || o.Found == 0 {
			continue
		}
		if o.Found&severe != 0 && out.severe == 0 {
			out.severe = i + 1
		}
		if signs != nil {
			signs(i)
		}
	}
	out.text = s.Coverage() == talk.CoverageText
	return out
}

// Filtered says whether the filter of VTPAN would leave a conversation out: fewer
// than two authors, an author with fewer than six messages, or a run of more than 30
// characters of a message that are neither letters, digits nor spaces. The filter is
// described in words only; this is our reading of them.
func Filtered(c *Conversation) bool {
	wrote := make([]int, len(c.Authors))
	for i := range c.Messages {
		wrote[c.Messages[i].Author]++
		if unreadable(c.Messages[i].Text) {
			return true
		}
	}
	if len(wrote) < 2 {
		return true
	}
	return slices.Min(wrote) < 6
}

func unreadable(s string) bool {
	run := 0
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSpace(r) {
			run = 0
		} else if run++; run > 30 {
			return true
		}
	}
	return false
}

// verdict is what is kept of a conversation.
type verdict struct {
	label Label
	climbed
	slices [dimensions]uint8
}

// somebody is what is kept of an author.
type somebody struct {
	label Label
	tier  talk.Tier
	top   [3]float32 // the highest scores of conversations
}

func (a *somebody) add(score float64) {
	v := float32(score)
	for i, t := range a.top {
		if v > t {
			a.top[i], v = v, t
		}
	}
}

// ablated counts conversations that reach tip and review without an indicator.
type ablated struct{ harm, benign [talk.Review + 1]int }

// collector adds up a corpus.
type collector struct {
	o        *Options
	reader   *talk.Reader
	reads    reads
	verdicts []verdict
	authors  map[ID]*somebody
	lines    [talk.Review + 1]counts
	anyLine  bool
	without  [talk.Indicators]*talk.Weights
	ablated  [talk.Indicators]ablated
	values   [dimensions]map[string]uint8
	corpus   Corpus
}

func newCollector(o *Options) *collector {
	c := &collector{o: o, reader: talk.NewReader(o.Lookup), authors: map[ID]*somebody{}}
	for i := range talk.Indicators {
		c.without[i] = o.Weights.Without(i)
	}
	for d := range c.values {
		c.values[d] = map[string]uint8{"": 0}
	}
	return c
}

// take measures one conversation.
func (k *collector) take(c *Conversation) {
	directions := c.directions()
	k.corpus.Messages += len(c.Messages)
	k.corpus.Odd.add(&c.Odd)
	k.corpus.Warned, k.corpus.Ours = k.corpus.Warned+c.Warned, k.corpus.Ours+c.Ours
	if k.o.Filter && Filtered(c) {
		k.corpus.Filtered++
		return
	}
	k.reads.read(c, k.reader)
	v := verdict{label: k.label(c.Label())}
	tiers := make([]talk.Tier, len(c.Messages))
	for i := range directions {
		d := &directions[i]
		var signs []int
		got := k.reads.walk(k.o.Weights, d, func(n int) { signs = append(signs, n) })
		for _, n := range signs {
			tiers[n] = max(tiers[n], got.tier)
		}
		k.author(&c.Authors[d.actor], &got)
		v.join(&got)
	}
	for d, value := range c.Slices {
		v.slices[d] = k.value(d, value)
	}
	k.line(c, v.label, tiers)
	if !k.o.NoAblated {
		k.ablate(&v, directions)
	}
	if !v.text {
		k.corpus.Metadata++
	}
	k.verdicts = append(k.verdicts, v)
}

func (k *collector) label(l Label) Label {
	if l == Unlabelled && k.o.Assume {
		return Benign
	}
	return l
}

// author adds a direction to what is known of its actor. One actor may have several
// targets in one conversation; each counts.
func (k *collector) author(a *Author, got *climbed) {
	s := k.authors[a.ID]
	if s == nil {
		s = &somebody{}
		k.authors[a.ID] = s
	}
	s.label, s.tier = max(s.label, k.label(a.Label)), max(s.tier, got.tier)
	s.add(got.score)
}

// line compares lines with a sign, of directions that reach a tier, with the lines to
// be found.
func (k *collector) line(c *Conversation, l Label, tiers []talk.Tier) {
	for i := range c.Messages {
		harm := c.Messages[i].Harm
		k.anyLine = k.anyLine || harm
		if l == Unlabelled && !harm {
			continue
		}
		for t := talk.Tip; t <= talk.Review; t++ {
			k.lines[t].count(harm, tiers[i] >= t)
		}
	}
}

func (c *counts) count(harm, said bool) {
	switch {
	case harm && said:
		c.tp++
	case harm:
		c.fn++
	case said:
		c.fp++
	default:
		c.tn++
	}
}

// ablate asks what a conversation would come to if an indicator were never found.
// Where it was not found, that is what it came to.
func (k *collector) ablate(v *verdict, directions []direction) {
	for i := range talk.Indicators {
		tier := v.tier
		if v.seen.Has(i) {
			tier = talk.None
			for n := range directions {
				got := k.reads.walk(k.without[i], &directions[n], nil)
				tier = max(tier, got.tier)
			}
		}
		of := &k.ablated[i].benign
		switch v.label {
		case Harm:
			of = &k.ablated[i].harm
		case Unlabelled:
			continue
		}
		for t := talk.Tip; t <= tier; t++ {
			of[t]++
		}
	}
}

// maxValues bounds the values of one dimension; what comes later is "other".
const maxValues = 64

func (k *collector) value(d int, value string) uint8 {
	of := k.values[d]
	if n, ok := of[value]; ok {
		return n
	}
	if len(of) >= maxValues {
		value = other
		if n, ok := of[value]; ok {
			return n
		}
	}
	of[value] = uint8(len(of))
	return of[value]
}
