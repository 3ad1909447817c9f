package eval

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/talk"
)

var testKey = Key("a key of tests")

func file(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func truth(t testing.TB) *Truth {
	t.Helper()
	tr := NewTruth(testKey)
	if n, err := tr.ReadAuthors(strings.NewReader(file(t, "authors.txt"))); n != 2 || err != nil {
		t.Fatalf("%d authors, %v", n, err)
	}
	if n, err := tr.ReadLines(strings.NewReader(file(t, "lines.txt"))); n != 2 || err != nil {
		t.Fatalf("%d lines, %v", n, err)
	}
	return tr
}

// collect copies what a source yields.
func collect(s Source) (out []Conversation, err error) {
	for c, e := range s {
		if e != nil {
			return out, e
		}
		x := *c
		x.index, x.bytes = nil, 0
		out = append(out, x)
	}
	return out, nil
}

func texts(c *Conversation) (out []string) {
	for i := range c.Messages {
		out = append(out, c.Messages[i].Text)
	}
	return out
}

func clocks(c *Conversation) (out []string) {
	for i := range c.Messages {
		out = append(out, c.Messages[i].At.Format("2 15:04"))
	}
	return out
}

// TestPAN12 reads every quirk that is known of the files, with both line ends, and a
// byte at a time.
func TestPAN12(t *testing.T) {
	text := file(t, "quirks.xml")
	for name, r := range map[string]io.Reader{
		"lines end in LF":    strings.NewReader(text),
		"lines end in CR LF": strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")),
		"byte by byte":       iotest.OneByteReader(strings.NewReader(text)),
	} {
		t.Run(name, func(t *testing.T) {
			cs, err := collect(PAN12(r, testKey, truth(t)))
			if err != nil || len(cs) != 3 {
				t.Fatalf("%d conversations, %v", len(cs), err)
			}
			one := &cs[0]
			if d := cmp.Diff([]string{"how old are you & what's up", "", "don't tell anyone", "", `are you home alone <3 "hi"`}, texts(one)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]string{"1 23:58", "1 23:59", "2 00:02", "2 00:02", "2 00:07"}, clocks(one)); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(Oddities{EmptyText: 2, NoAuthor: 1, BadTime: 1, NextDay: 1, Entities: 3}, one.Odd); d != "" {
				t.Error(d)
			}
			if len(one.Authors) != 2 || one.Authors[0].Label != Harm || one.Authors[1].Label != Benign || one.Label() != Harm {
				t.Errorf("authors: %+v", one.Authors)
			}
			var harm []bool
			for i := range one.Messages {
				harm = append(harm, one.Messages[i].Harm)
			}
			if d := cmp.Diff([]bool{true, false, false, false, true}, harm); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]string{"the boats are so fast now", "i have maths homework to do &bogus; 1 & 2"}, texts(&cs[1])); d != "" {
				t.Error(d)
			}
			if cs[1].Label() != Benign || cs[2].Label() != Unlabelled {
				t.Error("the labels of the others")
			}
		})
	}
}

// TestPAN12Long: more than the 150 messages that were promised, and bytes that XML
// forbids.
func TestPAN12Long(t *testing.T) {
	var b strings.Builder
	b.WriteString("<conversations><conversation id='x'>")
	for i := range 170 {
		fmt.Fprintf(&b, "<message line=\"%d\"><author>a%d</author><time>12:%02d</time><text>line \x01%d\xff</text></message>", i, i%2, i%60, i)
	}
	b.WriteString("</conversation></conversations>")
	cs, err := collect(PAN12(strings.NewReader(b.String()), testKey, nil))
	if err != nil || len(cs) != 1 || len(cs[0].Messages) != 170 || cs[0].Odd.Long != 1 {
		t.Fatalf("%v, %v", cs, err)
	}
	if cs[0].Messages[3].Text != "line 3" || cs[0].Label() != Unlabelled {
		t.Errorf("%q, label %v", cs[0].Messages[3].Text, cs[0].Label())
	}
	if got := cs[0].Messages[169].At.Sub(cs[0].Messages[0].At); got != 48*time.Hour+49*time.Minute {
		t.Errorf("two hours that went back are two days: %v", got)
	}
}

func TestESPD(t *testing.T) {
	cs, err := collect(ESPD(strings.NewReader(file(t, "datapack.json")), testKey))
	if err != nil || len(cs) != 2 {
		t.Fatalf("%d chats, %v", len(cs), err)
	}
	one := &cs[0]
	if d := cmp.Diff([]string{"how old are you", "", "don't tell anyone"}, texts(one)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"1 23:58", "1 23:58", "2 00:01"}, clocks(one)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Oddities{EmptyText: 1, BadTime: 1, NextDay: 1, Gaps: 2}, one.Odd); d != "" {
		t.Error(d)
	}
	if one.Label() != Harm || one.Authors[0].Label != Harm || one.Authors[1].Label != Benign || cs[1].Label() != Benign || cs[1].Odd.NoAuthor != 1 {
		t.Errorf("labels: %+v, %+v", one.Authors, cs[1])
	}
	wrong := strings.Replace(file(t, "datapack.json"), "non-predator", "predator", 1)
	cs, err = collect(ESPD(strings.NewReader(wrong), testKey))
	if err != nil || cs[1].Label() != Harm || cs[1].Odd.Disagree != 1 {
		t.Errorf("a class that its authors do not have: %+v, %v", cs[1], err)
	}
}

func TestJSONL(t *testing.T) {
	cs, err := collect(JSONL(strings.NewReader(file(t, "rows.jsonl")), testKey))
	if err != nil || len(cs) != 2 {
		t.Fatalf("%d conversations, %v", len(cs), err)
	}
	one := &cs[0]
	if d := cmp.Diff([]string{"how old are you", "don't tell anyone", "no"}, texts(one)); d != "" {
		t.Errorf("in order of time: %s", d)
	}
	if one.Label() != Harm || one.Odd.OutOfOrder != 1 || one.Messages[1].Found != talk.SetOf(talk.AsksMoveApp) || !one.Messages[0].Harm {
		t.Errorf("%+v", one)
	}
	if d := cmp.Diff([dimensions]string{byLanguage: "en", byRegion: "GB", byAge: "13_15+adult", bySurface: "private"}, one.Slices); d != "" {
		t.Error(d)
	}
	if one.Messages[1].Target != 1 || one.Messages[0].Target != everybody || !cs[1].Messages[1].NoText {
		t.Error("targets, or a message that never left the device")
	}
}

func TestBadCorpora(t *testing.T) {
	row := `{"conv_id":"c","ts":"2026-11-01T12:00:00Z","author":"a","text":"x"}`
	espd, pan := func(s string) Source { return ESPD(strings.NewReader(s), testKey) }, func(s string) Source { return PAN12(strings.NewReader(s), testKey, nil) }
	rows := func(s string) Source { return JSONL(strings.NewReader(s), testKey) }
	for name, c := range map[string]struct {
		source Source
		want   error
	}{
		"an empty XML file":          {pan(""), ErrCorpus},
		"another XML file":           {pan("<feed><entry/></feed>"), ErrCorpus},
		"XML that is cut off":        {pan("<conversations><conversation id='a'><message><author>a</author>"), ErrCorpus},
		"another character set":      {pan(`<?xml version="1.0" encoding="EBCDIC"?><conversations/>`), ErrCorpus},
		"one endless element":        {PAN12(io.MultiReader(strings.NewReader("<conversations><conversation id='a'><message><text>"), endless{}), testKey, nil), ErrTooLarge},
		"an empty datapack":          {espd(""), ErrCorpus},
		"a datapack that is a list":  {espd("[]"), ErrCorpus},
		"chats that are a list":      {espd(`{"chats":[]}`), ErrCorpus},
		"a chat that is a word":      {espd(`{"chats":{"a":"b"}}`), ErrCorpus},
		"a datapack that is cut off": {espd(`{"chats":{"a":{"content":[{"type"`), ErrCorpus},
		"rows that are no JSON":      {rows("text"), ErrCorpus},
		"a row without author":       {rows(strings.Replace(row, "author", "writer", 1)), ErrCorpus},
		"a row without text":         {rows(strings.Replace(row, "text", "message", 1)), ErrCorpus},
		"a row without time":         {rows(strings.Replace(row, "ts", "when", 1)), ErrCorpus},
		"a sign that is not known":   {rows(strings.Replace(row, `"text"`, `"found":["x"],"text"`, 1)), ErrCorpus},
		"rows that are scattered":    {rows(row + "\n" + strings.Replace(row, `"c"`, `"d"`, 1) + "\n" + row), ErrScatter},
		"a line without end":         {JSONL(endless{}, testKey), ErrTooLarge},
	} {
		if _, err := collect(c.source); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewTruth(testKey).ReadLines(strings.NewReader("no tab")); !errors.Is(err, ErrCorpus) {
		t.Errorf("a line file without tabs: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestTooManyAuthors(t *testing.T) {
	var b strings.Builder
	for i := range MaxAuthors + 1 {
		fmt.Fprintf(&b, `{"conv_id":"c","ts":1793534460,"author":"a%d","text":"x"}`+"\n", i)
	}
	if _, err := collect(JSONL(strings.NewReader(b.String()), testKey)); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestTooMuchText(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	var c Conversation
	var err error
	for range MaxText>>20 + 1 {
		err = c.add(Message{Text: long})
	}
	if !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

// known are the errors that a corpus may give; there is nothing of it in them.
func known(t *testing.T, source Source) {
	t.Helper()
	for _, err := range source {
		if err != nil && !errors.Is(err, ErrCorpus) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrScatter) {
			t.Fatalf("an error of somebody else: %v", err)
		}
	}
}

func FuzzPAN12(f *testing.F) {
	f.Add(file(f, "quirks.xml"))
	f.Add("<conversations><conversation id='a'><message line='1'><author>a</author><time>12:00</time><text>&amp;amp;</text></message></conversation></conversations>")
	f.Add("<conversations>&#8;<conversation>")
	f.Fuzz(func(t *testing.T, text string) { known(t, PAN12(strings.NewReader(text), testKey, truth(t))) })
}

func FuzzESPD(f *testing.F) {
	f.Add(file(f, "datapack.json"))
	f.Add(`{"chats":{"a":{"className":"x","content":[{"type":"message","author":"a","time":1e300}]}}}`)
	f.Fuzz(func(t *testing.T, text string) { known(t, ESPD(strings.NewReader(text), testKey)) })
}

func FuzzJSONL(f *testing.F) {
	f.Add(file(f, "rows.jsonl"))
	f.Add(`{"conv_id":"c","ts":1e9,"author":"a","text":"x","relation":{"actor":{"band":"adult"}},"external":0.5}`)
	f.Fuzz(func(t *testing.T, text string) { known(t, JSONL(strings.NewReader(text), testKey)) })
}

func FuzzTruth(f *testing.F) {
	f.Add(file(f, "lines.txt"))
	f.Add("a\n\tb\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(io.Reader) (int, error){NewTruth(testKey).ReadAuthors, NewTruth(testKey).ReadLines} {
			if _, err := read(strings.NewReader(text)); err != nil && !errors.Is(err, ErrCorpus) && !errors.Is(err, ErrTooLarge) {
				t.Fatal(err)
			}
		}
	})
}
