package talk_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// readings remembers what was read, so that long streams are cheap. Each has a
// reader of its own and keeps it.
type readings struct {
	lookup *talk.Lookup
	of     map[string]*talk.Reading
}

func newReadings(t testing.TB) *readings {
	return &readings{lookup(t), map[string]*talk.Reading{}}
}

func (x *readings) read(text string) *talk.Reading {
	r, ok := x.of[text]
	if !ok {
		r = talk.NewReader(x.lookup).Read(text)
		x.of[text] = r
	}
	return r
}

// result is the highest that a conversation came to.
type result struct {
	tier  talk.Tier
	fast  talk.Fast
	score float64 // the highest
	last  float64
}

func (x *readings) run(w *talk.Weights, c *synthetic.Conversation, change func(string) string) (out result, s talk.State) {
	for _, l := range c.Lines {
		m := synthetic.Message(&l, func(text string) *talk.Reading {
			if change != nil {
				text = change(text)
			}
			return x.read(text)
		})
		o := s.Update(w, &c.Relation, m, l.At)
		out.tier, out.fast, out.last = max(out.tier, o.Tier), out.fast|o.Fast, o.Score
		out.score = max(out.score, o.Score)
	}
	return out, s
}

func TestSyntheticWords(t *testing.T) {
	x := newReadings(t)
	harm, left := 0, 0
	for i := range synthetic.Scenarios {
		s := &synthetic.Scenarios[i]
		for _, l := range synthetic.Languages {
			if s.Harm {
				harm++
			} else {
				left++
			}
			for seed := range uint64(20) {
				c := synthetic.Make(s, l, seed)
				if c.Warning != synthetic.Warning || !strings.Contains(c.Warning, "not the field") {
					t.Fatal("a conversation without its warning")
				}
				for _, line := range c.Lines {
					if got := x.read(line.Text).Found | line.Found&line.Means; got&line.Means != line.Means || line.Means == 0 && got != 0 {
						t.Errorf("%s, %v: %q shows %b, was written for %b", s.Name, l, line.Text, got, line.Means)
					}
				}
			}
		}
	}
	t.Logf("%d conversations to be found, %d to be left alone, in %d languages", harm, left, len(synthetic.Languages))
	if harm < 24 || left < 12 {
		t.Error("fewer scenarios than were promised")
	}
}

// TestStateHoldsNoText: conversations with other names in them leave the same state,
// to the byte.
func TestStateHoldsNoText(t *testing.T) {
	w, x := weights(t), newReadings(t)
	for i := range synthetic.Scenarios {
		const canary = "Zanzibarquux"
		s := &synthetic.Scenarios[i]
		_, a := x.run(w, synthetic.Make(s, talk.English, 3), nil)
		_, b := x.run(w, synthetic.MakeWith(s, talk.English, 3, []string{canary}, []string{canary}), nil)
		if a != b {
			t.Errorf("%s: the state knows which names were said", s.Name)
		}
	}
}

// TestSpelling: words inside a phrase written as the lists know that they are
// written do not move a score either. Other spellings do; docs/talk.md says so.
func TestSpelling(t *testing.T) {
	w, x := weights(t), newReadings(t)
	for l, spell := range map[talk.Language]map[string]string{
		talk.English: {"your": "ur", "you": "u", "are": "r", "don't": "dnt", "please": "pls", "school": "skool", "what": "wat", "picture": "pic"},
		talk.Spanish: {"tienes": "tenés", "eres": "sos", "quieres": "querés", "qué": "q", "dinero": "plata"},
		talk.German:  {"nicht": "net", "ich": "isch", "Geld": "Kohle", "allein": "alleine"},
	} {
		worst, changed := 0.0, 0
		for i := range synthetic.Scenarios {
			if synthetic.Scenarios[i].Mixed() {
				continue // see docs/talk.md: in which language a mix is depends on single words
			}
			for seed := range uint64(10) {
				c := synthetic.Make(&synthetic.Scenarios[i], l, seed)
				base, _ := x.run(w, c, nil)
				other, _ := x.run(w, c, func(s string) string {
					words := strings.Fields(s)
					for i, word := range words {
						if other, ok := spell[word]; ok {
							words[i] = other
						}
					}
					out := strings.Join(words, " ")
					if out == s || x.read(s).Found == 0 {
						return s
					}
					changed++
					if was := x.read(s).Found; x.read(out).Found&was != was {
						t.Logf("%q is not seen as %q is", out, s)
					}
					return out
				})
				worst = max(worst, math.Abs(base.last-other.last))
			}
		}
		t.Logf("%v: %d phrases spelled otherwise, the largest move is %.4f", l, changed, worst)
		if changed < 50 {
			t.Errorf("%v: only %d phrases changed", l, changed)
		}
		if worst > .05 {
			t.Errorf("%v: spelling moves a score by %.3f", l, worst)
		}
	}
}

// TestFlood: ordinary lines before or after do not hide what was said.
func TestFlood(t *testing.T) {
	w, x := weights(t), newReadings(t)
	for i := range synthetic.Scenarios {
		s := synthetic.Scenarios[i]
		if !s.Harm {
			continue
		}
		s.Script = "~300 " + s.Script + " ~300"
		got, state := x.run(w, synthetic.Make(&s, talk.English, 1), nil)
		if got.tier < talk.Tip {
			t.Errorf("%s: hidden by ordinary lines", s.Name)
		}
		if a := state.Explain(w, &s.Relation); a.Peak < got.score-1e-4 {
			t.Errorf("%s: peak %v, highest %v", s.Name, a.Peak, got.score)
		}
	}
}

func BenchmarkStage1(b *testing.B) {
	w, r := weights(b), talk.NewReader(lookup(b))
	var lines []synthetic.Line
	for i := range synthetic.Scenarios {
		lines = append(lines, synthetic.Make(&synthetic.Scenarios[i], synthetic.Languages[i%3], 1).Lines...)
	}
	size := 0
	for i := range lines {
		lines[i].Text += ", and then we talked about the weather and the new map"
		size += len(lines[i].Text)
	}
	states := make([]talk.State, 1024)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		l := &lines[n%len(lines)]
		m := talk.Message{ID: l.ID, At: start.Add(time.Duration(n) * time.Second), FromTarget: l.FromTarget, Reading: r.Read(l.Text)}
		states[n%len(states)].Update(w, &stranger, &m, m.At)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(float64(size)/float64(len(lines)), "bytes/message")
}

// BenchmarkHostile reads messages of full length that are made to be slow. All
// should take about the same: a step for each rune.
func BenchmarkHostile(b *testing.B) {
	k := lookup(b)
	for name, piece := range map[string]string{
		"ordinary": "what do you think of it ", "spaced": "a b ", "numbers": "1 2 ", "signs": "+ ( ", "phrases": "how old are you ",
		"marks": "e\u0301\u0302", "look-alikes": "оа ", "long word": "ab", "ligatures": "\ufdfa", "at": "@$€",
	} {
		b.Run(name, func(b *testing.B) {
			text, r := strings.Repeat(piece, talk.MaxBytes/len(piece)), talk.NewReader(k)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.Read(text)
			}
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	w := weights(b)
	var s talk.State
	ms := make([]talk.Message, 64)
	for i := range ms {
		ms[i] = talk.Message{ID: fmt.Sprintf("conversation-1/message-%d", i), FromTarget: i%2 == 1}
		if i%8 == 0 {
			ms[i].Found = talk.SetOf(talk.AsksAge, talk.AsksSecrecy)
		}
	}
	stored, err := s.AppendBinary(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m := &ms[n%len(ms)]
		m.At = start.Add(time.Duration(n) * time.Second)
		s.Update(w, &stranger, m, m.At)
		n++
	}
	b.ReportMetric(float64(len(stored)), "bytes/state")
}
