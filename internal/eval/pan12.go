package eval

import (
	"bufio"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Truth are the answers to PAN 2012: which authors are to be found, and in which
// lines. The zero value knows nothing: all is unlabelled.
type Truth struct {
	authors map[ID]bool
	lines   map[ID]bool
	key     Key
}

// NewTruth makes an empty Truth under the key that the corpus is read with.
func NewTruth(key Key) *Truth { return &Truth{key: key} }

// ReadAuthors reads a file with one author a line. Some copies have other fields
// before the author: the last field between tabs counts. It says how many there are.
func (t *Truth) ReadAuthors(r io.Reader) (int, error) {
	t.authors = map[ID]bool{}
	err := eachLine(r, func(line string) error {
		fields := strings.Split(line, "\t")
		if a := strings.TrimSpace(fields[len(fields)-1]); a != "" {
			t.authors[t.key.id("author", a)] = true
		}
		return nil
	})
	return len(t.authors), err
}

// ReadLines reads a file of conversation, tab, line: the lines to be found. It says
// how many there are.
func (t *Truth) ReadLines(r io.Reader) (int, error) {
	t.lines = map[ID]bool{}
	err := eachLine(r, func(line string) error {
		fields := strings.Split(line, "\t")
		if len(fields) < 2 {
			return ErrCorpus
		}
		t.lines[t.line(fields[0], fields[len(fields)-1])] = true
		return nil
	})
	return len(t.lines), err
}

func (t *Truth) line(conversation, line string) ID {
	return t.key.id("line", strings.TrimSpace(conversation), strings.TrimSpace(line))
}

// eachLine calls fn with every line that is not empty, without its CR LF.
func eachLine(r io.Reader, fn func(string) error) error {
	s, n := bufio.NewScanner(r), int64(0)
	for s.Scan() {
		n++
		line := strings.TrimSpace(strings.TrimPrefix(s.Text(), "\ufeff"))
		if line == "" {
			continue
		}
		if err := fn(line); err != nil {
			return fail(err, "line", n)
		}
	}
	if s.Err() != nil {
		return fail(ErrTooLarge, "line", n+1)
	}
	return nil
}

// pan12Message is a message as the file has it. All is text: a number that is none
// must not be an error that repeats it.
type pan12Message struct {
	Line   string `xml:"line,attr"`
	Author string `xml:"author"`
	Time   string `xml:"time"`
	Text   string `xml:"text"`
}

// PAN12 reads the XML of the PAN 2012 task on predator identification:
//
//	conversations > conversation[id] > message[line] > author, time "HH:MM", text
//
// as it is found: entities escaped twice (after XML's own they are unescaped twice
// more, and white space is collapsed), messages without text, CR LF, spaces
// around author ids, conversations over the 150 messages that were promised, and
// times without dates (see [Oddities]). Bytes that XML does not permit become spaces.
// truth may be nil.
func PAN12(r io.Reader, key Key, truth *Truth) Source {
	if truth == nil {
		truth = NewTruth(key)
	}
	return func(yield func(*Conversation, error) bool) {
		m := &meter{r: r}
		m.mark()
		d := xml.NewDecoder(&permitted{r: m})
		d.Strict, d.Entity = false, xml.HTMLEntity
		d.CharsetReader = func(string, io.Reader) (io.Reader, error) { return nil, ErrCorpus }
		p := &pan12{d: d, meter: m, key: key, truth: truth}
		for {
			c, err := p.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				line, _ := d.InputPos()
				yield(nil, fail(err, "line", int64(line)))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

type pan12 struct {
	d     *xml.Decoder
	meter *meter
	key   Key
	truth *Truth
	root  bool // <conversations> was seen
}

// next reads on to the end of the next conversation.
func (p *pan12) next() (*Conversation, error) {
	var c *Conversation
	var name string
	var k clock
	for {
		token, err := p.d.Token()
		switch {
		case errors.Is(err, io.EOF) && c == nil && p.root:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, ErrCorpus // cut off, or nothing of what was promised
		case err != nil:
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch {
			case t.Name.Local == "conversations":
				p.root = true
			case !p.root:
				return nil, ErrCorpus
			case t.Name.Local == "conversation" && c == nil:
				name = strings.TrimSpace(attribute(t, "id"))
				c = &Conversation{ID: p.key.id("conversation", name)}
			case t.Name.Local == "message" && c != nil:
				var m pan12Message
				if err := p.d.DecodeElement(&m, &t); err != nil {
					return nil, err
				}
				p.meter.mark()
				if err := p.message(c, name, &m, &k); err != nil {
					return nil, err
				}
			}
		case xml.EndElement:
			if t.Name.Local == "conversation" && c != nil {
				p.meter.mark()
				if len(c.Messages) > 150 {
					c.Odd.Long++
				}
				return c, nil
			}
		}
	}
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (p *pan12) message(c *Conversation, name string, m *pan12Message, k *clock) error {
	author := strings.TrimSpace(m.Author)
	if author == "" {
		c.Odd.NoAuthor++
		return nil
	}
	n, err := c.author(p.key.id("author", author))
	if err != nil {
		return err
	}
	if p.truth.authors != nil {
		c.Authors[n].Label = Benign
		if p.truth.authors[c.Authors[n].ID] {
			c.Authors[n].Label = Harm
		}
	}
	text := unescape(m.Text)
	if text != collapse(m.Text) {
		c.Odd.Entities++
	}
	if text == "" {
		c.Odd.EmptyText++
	}
	since, ok := timeOfDay(m.Time)
	return c.add(Message{At: k.at(since, ok, &c.Odd), Author: n, Target: everybody, Text: text,
		Harm: p.truth.lines != nil && p.truth.lines[p.truth.line(name, m.Line)]})
}

// unescape undoes entities that were escaped once or twice more than XML needs.
func unescape(s string) string {
	return collapse(html.UnescapeString(html.UnescapeString(s)))
}

// timeOfDay reads "HH:MM" or "H:MM".
func timeOfDay(s string) (time.Duration, bool) {
	t, err := time.Parse("15:04", strings.TrimSpace(s))
	if err != nil {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

// permitted gives a reader's bytes with a space for each that XML does not permit,
// so that one of them does not end the reading of a large file.
type permitted struct {
	r    io.Reader
	held []byte // the beginning of a rune whose rest was not read yet
	err  error
}

func (p *permitted) Read(out []byte) (int, error) {
	if len(out) < utf8.UTFMax {
		return 0, io.ErrShortBuffer // the decoder reads 4 KiB at a time
	}
	n := copy(out, p.held)
	p.held = p.held[:0]
	if p.err == nil {
		var got int
		got, p.err = p.r.Read(out[n:])
		n += got
	}
	for i := 0; i < n; {
		if p.err == nil && !utf8.FullRune(out[i:n]) {
			p.held = append(p.held, out[i:n]...)
			n = i
			break
		}
		r, size := utf8.DecodeRune(out[i:n])
		if r == utf8.RuneError && size == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			for j := range size {
				out[i+j] = ' '
			}
		}
		i += size
	}
	if n > 0 || p.err == nil {
		return n, nil
	}
	return 0, p.err
}
