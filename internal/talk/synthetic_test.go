package talk_test

import (
	"bytes"
	"encoding/json"
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
	at    [2]bool // tier of at least tip within the first 30 and 1,000 messages
}

func (x *readings) run(w *talk.Weights, c *synthetic.Conversation, change func(string) string) (out result, s talk.State) {
	for i, l := range c.Lines {
		m := &talk.Message{ID: l.ID, At: l.At, FromTarget: l.FromTarget, Media: l.Media}
		if l.Text != "" {
			text := l.Text
			if change != nil {
				text = change(text)
			}
			m.Reading = x.read(text)
		}
		o := s.Update(w, &c.Relation, m, l.At)
		out.tier, out.fast, out.last = max(out.tier, o.Tier), out.fast|o.Fast, o.Score
		out.score = max(out.score, o.Score)
		if o.Tier >= talk.Tip {
			out.at[0] = out.at[0] || i < 30
			out.at[1] = out.at[1] || i < 1000
		}
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
					if got := x.read(line.Text).Found; got&line.Means != line.Means || line.Means == 0 && got != 0 {
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

func TestTwoBuildsAreOne(t *testing.T) {
	build := func() (out [][]byte) {
		w, x := weights(t), newReadings(t)
		for i := range synthetic.Scenarios {
			c := synthetic.Make(&synthetic.Scenarios[i], talk.Spanish, 7)
			text, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			_, s := x.run(w, c, nil)
			state, err := s.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text, state)
		}
		return out
	}
	a, b := build(), build()
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			t.Errorf("build %d differs", i)
		}
	}
	if bytes.Equal(a[1], a[3]) {
		t.Error("two scenarios have one state")
	}
}

// TestScenarios: what was written to be found is found in every language, and what
// was written to be left alone never reaches a reviewer. 500 seeds.
func TestScenarios(t *testing.T) {
	w, x := weights(t), newReadings(t)
	seeds := uint64(500)
	for i := range synthetic.Scenarios {
		s := &synthetic.Scenarios[i]
		tiers := map[talk.Tier]int{}
		fast, highest := 0, 0.0
		for _, l := range synthetic.Languages {
			for seed := range seeds {
				got, _ := x.run(w, synthetic.Make(s, l, seed), nil)
				tiers[got.tier]++
				highest = max(highest, got.score)
				if got.fast != 0 {
					fast++
				}
			}
		}
		n := int(seeds) * len(synthetic.Languages)
		t.Logf("%-34s none %4d tip %4d friction %4d review %4d fast %4d of %d, highest score %.2f", s.Name,
			tiers[talk.None], tiers[talk.Tip], tiers[talk.Friction], tiers[talk.Review], fast, n, highest)
		switch {
		case s.Harm && tiers[talk.None] > 0:
			t.Errorf("%s: %d of %d conversations reach no tier", s.Name, tiers[talk.None], n)
		case strings.HasPrefix(s.Name, "fast") && fast != n:
			t.Errorf("%s: the fast detector spoke %d of %d times", s.Name, fast, n)
		case !s.Harm && tiers[talk.Review] > 0:
			t.Errorf("%s: %d of %d conversations reach review", s.Name, tiers[talk.Review], n)
		}
	}
	t.Log(synthetic.Warning)
}

// TestLength: longer ordinary talk is flagged more often, but not by more than ten
// times from 30 to 1,000 messages.
func TestLength(t *testing.T) {
	w, x := weights(t), newReadings(t)
	const streams = 3000
	var short, long int
	for seed := range uint64(streams) {
		got, _ := x.run(w, synthetic.Stream(seed, 1000), nil)
		if got.at[0] {
			short++
		}
		if got.at[1] {
			long++
		}
	}
	t.Logf("tip tier on ordinary streams with invented rates: %d of %d at 30 messages, %d at 1,000: ratio %.1f", short, streams, long, float64(long)/float64(short))
	if short < 10 {
		t.Fatalf("%d streams flagged at 30 messages say nothing about a ratio", short)
	}
	if long > 10*short {
		t.Errorf("flag rate grows %d to %d", short, long)
	}
}

// evasions are what people do to words so that programs do not see them.
var evasions = map[string]func(string) string{
	"zero width":  func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") },
	"look-alikes": strings.NewReplacer("a", "а", "e", "е", "o", "о", "c", "с", "i", "і").Replace,
	"digits":      strings.NewReplacer("a", "4", "e", "3", "o", "0", "i", "1", "s", "5", "t", "7").Replace,
	"spaced out":  func(s string) string { return strings.Join(strings.Split(strings.ReplaceAll(s, " ", ""), ""), " ") },
	"repeated": func(s string) string {
		return strings.NewReplacer("a", "aaaa", "e", "eee", "o", "ooooo", "u", "uuu", "n", "nnn").Replace(s)
	},
	"marks and full width": func(s string) string {
		out := []rune{}
		for i, r := range []rune(s) {
			if 'a' <= r && r <= 'z' {
				if i%2 == 0 {
					r += 'ａ' - 'a'
				} else {
					out = append(out, r)
					r = '\u0336'
				}
			}
			out = append(out, r)
		}
		return string(out)
	},
}

func TestEvasions(t *testing.T) {
	x := newReadings(t)
	for name, change := range evasions {
		kept, all, said := 0, 0, 0
		for _, l := range synthetic.Languages {
			for i := range synthetic.Scenarios {
				for seed := range uint64(3) {
					for _, line := range synthetic.Make(&synthetic.Scenarios[i], l, seed).Lines {
						changed := change(line.Text)
						if line.Means == 0 {
							continue
						}
						if changed == line.Text {
							t.Fatalf("%s changes nothing in %q", name, line.Text)
						}
						all++
						got := x.read(changed)
						if got.Found&line.Means == line.Means {
							kept++
						}
						if got.Evasion > .05 {
							said++
						}
					}
				}
			}
		}
		t.Logf("%-22s keeps %d of %d (%.1f %%); evasion noticed in %.0f %%", name, kept, all, 100*float64(kept)/float64(all), 100*float64(said)/float64(all))
		if kept*100 < all*95 {
			t.Errorf("%s: only %d of %d indicators survive", name, kept, all)
		}
	}
}

// TestSwaps: who is named, how people address each other and how they spell around
// what they say does not move a score.
func TestSwaps(t *testing.T) {
	w, x := weights(t), newReadings(t)
	dialect := strings.NewReplacer(" going ", " goin ", "haha", "lol", "good morning", "mornin", "maths", "math", "the ", "da ", "yes", "yeah",
		"lunch", "dinner", "matter", "mattah", "sofá", "sillón", "vale", "dale", "gut", "jut", "Essen", "Esse", "nicht", "net")
	worst, swapped, respelled := 0.0, 0, 0
	for i := range synthetic.Scenarios {
		for _, l := range synthetic.Languages {
			for seed := range uint64(10) {
				s := &synthetic.Scenarios[i]
				base, _ := x.run(w, synthetic.Make(s, l, seed), nil)
				plain := synthetic.Make(s, l, seed).Lines
				for n, line := range synthetic.MakeWith(s, l, seed, []string{"Aisha"}, []string{"bro"}).Lines {
					if line.Text != plain[n].Text {
						swapped++
					}
					if dialect.Replace(line.Text) != line.Text && line.Means == 0 {
						respelled++
					}
				}
				for who, names := range map[string][]string{"names": {"Aisha", "Mohammed", "Oluwaseun", "José"}, "others": {"Emily", "Jack", "Xiomara", "Siobhán"}} {
					other, _ := x.run(w, synthetic.MakeWith(s, l, seed, names, []string{"bro", "sis", "fam", "habibi", "amigo"}), nil)
					if d := math.Abs(base.last - other.last); d > .05 {
						t.Errorf("%s, %v, seed %d: %s move the score by %v", s.Name, l, seed, who, d)
					}
					worst = max(worst, math.Abs(base.last-other.last))
				}
				spelled, _ := x.run(w, synthetic.Make(s, l, seed), func(s string) string {
					if x.read(s).Found != 0 {
						return s // see docs/talk.md: spelling inside a phrase is what word lists are weak at
					}
					return dialect.Replace(s)
				})
				if d := math.Abs(base.last - spelled.last); d > .05 {
					t.Errorf("%s, %v, seed %d: dialect moves the score by %v", s.Name, l, seed, d)
				}
				worst = max(worst, math.Abs(base.last-spelled.last))
			}
		}
	}
	t.Logf("%d lines with other names, %d spelled otherwise: the largest move is %.4f", swapped, respelled, worst)
	if swapped < 100 || respelled < 100 {
		t.Error("the swaps change too little to show anything")
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
