package eval

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
)

// Bounds of a corpus. What is over a bound of one conversation is an error; there is
// no bound on how many conversations there are.
const (
	MaxMessages  = 200_000  // of one conversation
	MaxAuthors   = 2_000    // of one conversation
	MaxPiece     = 16 << 20 // bytes of one message, chat or line
	MaxText      = 64 << 20 // bytes of all messages of one conversation
	maxEvaluated = 100      // authors of a conversation who are taken for the actor
)

// What can be wrong with a corpus. Errors say where, and never repeat what was read.
var (
	ErrCorpus   = errors.New("corpus: not in the form that was named")
	ErrTooLarge = errors.New("corpus: one conversation or message is too large")
	ErrScatter  = errors.New("corpus: lines of one conversation do not stand together")
)

// Key keys the HMACs that stand for ids. It is made anew for each run.
type Key []byte

// ID stands for an id of a corpus: an HMAC-SHA256, shortened.
type ID [16]byte

// id replaces the parts of an id, so that they are not kept.
func (k Key) id(kind string, parts ...string) (out ID) {
	h := hmac.New(sha256.New, k)
	fmt.Fprintf(h, "%s", kind)
	for _, p := range parts {
		fmt.Fprintf(h, "\x00%d\x00%s", len(p), p)
	}
	copy(out[:], h.Sum(nil))
	return out
}

// Label is what somebody judged.
type Label uint8

// The labels.
const (
	Unlabelled Label = iota
	Benign
	Harm
)

// Author is somebody who writes in a conversation.
type Author struct {
	ID       ID
	Label    Label          // as the actor of this conversation
	Person   talk.Person    // what the corpus says of their age
	Relation *talk.Relation // to whom they write, where the corpus says
}

// everybody is a target that is not named.
const everybody = -1

// Message is one line of a conversation.
type Message struct {
	At       time.Time
	Author   int // of Conversation.Authors
	Target   int // likewise, or everybody
	Text     string
	NoText   bool // nothing was there to read
	Found    talk.Set
	Media    bool
	External *float64
	Harm     bool // a line that is to be found
}

// Conversation is one conversation of a corpus.
type Conversation struct {
	ID       ID
	Class    Label // of the conversation, where the corpus says
	Authors  []Author
	Messages []Message
	Slices   [dimensions]string
	Warned   int // lines that carry a warning of their own
	Ours     int // and of them, those with that of package synthetic
	Odd      Oddities
	index    map[ID]int
	bytes    int // of the texts
}

// Oddities are counts of what a corpus has that its form does not promise.
type Oddities struct {
	EmptyText  int `json:"messages_without_text"`
	NoAuthor   int `json:"messages_without_author_left_out"`
	BadTime    int `json:"messages_without_time_taken_as_the_one_before"`
	NextDay    int `json:"times_that_went_back_taken_as_the_next_day"`
	Entities   int `json:"messages_with_entities_escaped_twice"`
	Long       int `json:"conversations_over_150_messages"`
	Gaps       int `json:"gaps_and_separators_left_out"`
	BadSlices  int `json:"slice_values_that_are_no_labels"`
	NotActors  int `json:"authors_not_taken_for_the_actor"`
	OutOfOrder int `json:"messages_older_than_the_one_before"`
	Disagree   int `json:"conversations_whose_class_and_authors_disagree"`
}

func (o *Oddities) add(p *Oddities) {
	o.EmptyText += p.EmptyText
	o.NoAuthor += p.NoAuthor
	o.BadTime += p.BadTime
	o.NextDay += p.NextDay
	o.Entities += p.Entities
	o.Long += p.Long
	o.Gaps += p.Gaps
	o.BadSlices += p.BadSlices
	o.NotActors += p.NotActors
	o.OutOfOrder += p.OutOfOrder
	o.Disagree += p.Disagree
}

// Label is what the labels of the authors make of the conversation, and what it has
// itself: harm if any is harm.
func (c *Conversation) Label() Label {
	l := c.Class
	for i := range c.Authors {
		l = max(l, c.Authors[i].Label)
	}
	return l
}

// author finds or adds an author.
func (c *Conversation) author(id ID) (int, error) {
	if n, ok := c.index[id]; ok {
		return n, nil
	}
	if len(c.Authors) >= MaxAuthors {
		return 0, ErrTooLarge
	}
	if c.index == nil {
		c.index = map[ID]int{}
	}
	c.index[id] = len(c.Authors)
	c.Authors = append(c.Authors, Author{ID: id})
	return len(c.Authors) - 1, nil
}

func (c *Conversation) add(m Message) error {
	if c.bytes += len(m.Text); len(c.Messages) >= MaxMessages || c.bytes > MaxText {
		return ErrTooLarge
	}
	c.Messages = append(c.Messages, m)
	return nil
}

// Source yields the conversations of a corpus, or an error and then nothing more.
// What it yields holds until the next.
type Source = iter.Seq2[*Conversation, error]

// dimensions are what a corpus can be sliced by.
const (
	byLanguage = iota
	byDialect
	byRegion
	byAge // of all who write: "13_15+adult"
	bySurface
	dimensions
)

var dimensionNames = [dimensions]string{"language", "dialect", "region", "age band", "surface"}

// labels are what values of slices may look like. Anything else could be text or a
// name, and is called "other".
var labels = [dimensions]*regexp.Regexp{
	byLanguage: regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`),
	byDialect:  regexp.MustCompile(`^[a-z][a-z0-9_-]{1,23}$`),
	byRegion:   regexp.MustCompile(`^([A-Z]{2}|[0-9]{3})(-[A-Z0-9]{1,3})?$`),
	bySurface:  regexp.MustCompile(`^(public|private|group|encrypted|game|live)$`),
}

// other is a slice's value that is not said or must not be.
const other = "other"

func (c *Conversation) slice(dimension int, value string) {
	if value == "" || c.Slices[dimension] != "" {
		return
	}
	if !labels[dimension].MatchString(value) {
		c.Odd.BadSlices++
		value = other
	}
	c.Slices[dimension] = value
}

// clock makes times of times of day: what goes back is the next day. PAN 2012 and
// eSPD give no dates.
type clock struct {
	last time.Time
}

// epoch is the day on which conversations without a date begin.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// at is the moment of a time of day; without one (ok is false), that of the message
// before.
func (k *clock) at(sinceMidnight time.Duration, ok bool, odd *Oddities) time.Time {
	if k.last.IsZero() {
		k.last = epoch
	}
	if !ok {
		odd.BadTime++
		return k.last
	}
	t := k.last.Truncate(24 * time.Hour).Add(sinceMidnight)
	if t.Before(k.last) {
		t = t.Add(24 * time.Hour)
		odd.NextDay++
	}
	k.last = t
	return t
}

// meter bounds how much is read between two marks, so that one endless element or
// line cannot fill the memory.
type meter struct {
	r    io.Reader
	left int
}

func (m *meter) mark() { m.left = MaxPiece }

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := m.r.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// fail names a place in a corpus and a reason, without anything that was read.
func fail(err error, place string, n int64) error {
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrScatter) {
		return fmt.Errorf("%s %d: %w", place, n, err)
	}
	return fmt.Errorf("%s %d: %w", place, n, ErrCorpus)
}

// collapse is text with its white space made single spaces.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
