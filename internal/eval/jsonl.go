package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// Row is one message of a JSONL corpus. conv_id, ts and author must be there, and
// text, unless found, media or edge say that there is none.
//
// Labels: harm says that the author of this row is, in this conversation, somebody to
// be found (true) or not (false); one row is enough, and true outweighs false. Where
// no row of an author says it, the author is not judged. line_harm says that this
// very row is one to be found.
//
// target is whom the row is written to. Without one it is for everybody else of the
// conversation. relation is that of the author to whom they write, as in package
// talk; age_band and age are what is known of the author where there is no relation.
//
// Slices are short labels (language "en", dialect "scouse", region "GB", surface
// "public", "private", "group", "encrypted", "game" or "live"), from the first row
// that has one; age bands are those of all who write.
type Row struct {
	Conversation string         `json:"conv_id"`
	At           stamp          `json:"ts"`
	Author       string         `json:"author"`
	Target       string         `json:"target,omitempty"`
	Text         *string        `json:"text,omitempty"`
	Found        talk.Set       `json:"found,omitzero"` // by the device or the platform
	Media        bool           `json:"media,omitzero"`
	Edge         bool           `json:"edge,omitzero"`      // the text never left the device; found is what it says
	External     *float64       `json:"external,omitempty"` // of an operator's classifier, 0 to 1
	Band         talk.Band      `json:"age_band,omitzero"`
	Age          int            `json:"age,omitzero"`
	Relation     *talk.Relation `json:"relation,omitempty"`
	Harm         *bool          `json:"harm,omitempty"`
	LineHarm     bool           `json:"line_harm,omitzero"`
	Language     string         `json:"language,omitempty"`
	Dialect      string         `json:"dialect,omitempty"`
	Region       string         `json:"region,omitempty"`
	Surface      string         `json:"surface,omitempty"`
	Warning      string         `json:"warning,omitempty"` // said in the report
}

// stamp is a time as RFC 3339, or as seconds since 1970.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return s.Time.UnmarshalJSON(b)
	}
	var v float64
	if err := json.Unmarshal(b, &v); err != nil || !(v > 0) || v > math.MaxUint32 {
		return ErrCorpus
	}
	s.Time = time.UnixMilli(int64(v * 1000)).UTC()
	return nil
}

func (s stamp) MarshalJSON() ([]byte, error) { return s.Time.UTC().MarshalJSON() }

// JSONL reads one [Row] a line. Rows of one conversation stand together; one that
// comes back after another is [ErrScatter], since half of a conversation would be
// measured as a whole. Fields that are not known are ignored.
func JSONL(r io.Reader, key Key) Source {
	return func(yield func(*Conversation, error) bool) {
		s, n := bufio.NewScanner(r), int64(0)
		s.Buffer(nil, MaxPiece)
		g := grouped{key: key, seen: map[ID]bool{}}
		for s.Scan() {
			n++
			if len(bytes.TrimSpace(s.Bytes())) == 0 {
				continue
			}
			done, err := g.row(s.Bytes())
			if err != nil {
				yield(nil, fail(err, "line", n))
				return
			}
			if done != nil && !yield(done, nil) {
				return
			}
		}
		switch {
		case errors.Is(s.Err(), bufio.ErrTooLong):
			yield(nil, fail(ErrTooLarge, "line", n+1))
		case s.Err() != nil:
			yield(nil, fail(ErrCorpus, "line", n+1))
		case g.c != nil:
			yield(g.finish(), nil)
		}
	}
}

// grouped makes conversations of rows.
type grouped struct {
	key  Key
	c    *Conversation
	seen map[ID]bool
}

// row adds a row, and gives the conversation that ended before it.
func (g *grouped) row(line []byte) (done *Conversation, err error) {
	var x Row
	if err := json.Unmarshal(line, &x); err != nil || x.Conversation == "" || x.Author == "" || x.At.IsZero() || x.At.Unix() < 0 ||
		x.Text == nil && !x.Edge && x.Found == 0 && !x.Media || x.External != nil && !(*x.External >= 0 && *x.External <= 1) {
		return nil, ErrCorpus
	}
	id := g.key.id("conversation", x.Conversation)
	if g.c != nil && g.c.ID != id {
		done = g.finish()
	}
	if g.c == nil {
		if g.seen[id] {
			return nil, ErrScatter
		}
		g.seen[id] = true
		g.c = &Conversation{ID: id}
	}
	return done, g.add(&x)
}

func (g *grouped) add(x *Row) error {
	c := g.c
	n, err := c.author(g.key.id("author", x.Author))
	if err != nil {
		return err
	}
	m := Message{At: x.At.Time, Author: n, Target: everybody, NoText: x.Text == nil, Found: x.Found, Media: x.Media, External: x.External, Harm: x.LineHarm}
	if x.Text != nil {
		m.Text = *x.Text
	}
	if x.Target != "" {
		if m.Target, err = c.author(g.key.id("author", x.Target)); err != nil {
			return err
		}
		if t := &c.Authors[m.Target]; x.Relation != nil && t.Person == (talk.Person{}) {
			t.Person = x.Relation.Target // of somebody who may never write
		}
	}
	x.author(&c.Authors[n])
	for dimension, value := range [...]string{byLanguage: x.Language, byDialect: x.Dialect, byRegion: x.Region, bySurface: x.Surface} {
		c.slice(dimension, value)
	}
	if x.Warning != "" {
		c.Warned++
		if x.Warning == synthetic.Warning {
			c.Ours++
		}
	}
	return c.add(m)
}

func (x *Row) author(a *Author) {
	if x.Harm != nil {
		a.Label = max(a.Label, Benign)
		if *x.Harm {
			a.Label = Harm
		}
	}
	if x.Relation != nil && a.Relation == nil {
		a.Relation = x.Relation
		a.Person = x.Relation.Actor
	}
	if x.Band != talk.AgeUnknown {
		a.Person.Band = x.Band
	}
	if x.Age > 0 && x.Age < 130 {
		a.Person.Age = x.Age
	}
}

// finish ends the conversation: in order of time, sliced by the ages of all.
func (g *grouped) finish() *Conversation {
	c := g.c
	g.c = nil
	for i := 1; i < len(c.Messages); i++ {
		if c.Messages[i].At.Before(c.Messages[i-1].At) {
			c.Odd.OutOfOrder++
		}
	}
	if c.Odd.OutOfOrder > 0 {
		slices.SortStableFunc(c.Messages, func(a, b Message) int { return a.At.Compare(b.At) })
	}
	c.Slices[byAge] = bands(c)
	return c
}

// bands are the age bands of all who write, "" where none is known.
func bands(c *Conversation) string {
	var has [talk.Adult + 1]bool
	for i := range c.Authors {
		has[min(c.Authors[i].Person.Band, talk.Adult)] = true
	}
	var out strings.Builder
	for b, there := range has {
		if there {
			out.WriteString("+" + talk.Band(b).String())
		}
	}
	if out.String() == "+unknown" || out.String() == "" {
		return ""
	}
	return out.String()[1:]
}
