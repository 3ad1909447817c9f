package eval

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/rowan-safety/rowan/internal/talk"
	"github.com/rowan-safety/rowan/internal/talk/synthetic"
)

// The gates of the synthetic corpus.
const (
	longest     = 10.0 // times the flag rate may grow from 30 messages to 1,000
	leastFlags  = 10   // streams flagged at 30 messages, below which a ratio says nothing
	leastKept   = .95  // of signs that an evasion leaves
	furthest    = .05  // that a swap may move a score
	leastSwaps  = 100  // lines changed, below which a swap says nothing
	changeSeeds = 10   // seeds for evasions and swaps
	againSeeds  = 50   // seeds that are made a second time
)

// Gates are what the synthetic corpus says: whether what worked still works.
type Gates struct {
	Warning   string     `json:"warning"`
	Limits    []string   `json:"limits"`
	Weights   string     `json:"weights"`
	Lexicons  string     `json:"lexicons"`
	Seeds     int        `json:"seeds"`
	Streams   int        `json:"streams"`
	Checks    []Check    `json:"checks"`
	Scenarios []Scenario `json:"scenarios"`
	Corpus    string     `json:"corpus_sha256"`  // of what WriteSynthetic writes for the seeds
	Results   string     `json:"results_sha256"` // of tiers, fast signals and scores to two places
}

// Check is one gate.
type Check struct {
	Name   string `json:"name"`
	Want   string `json:"want"`
	Got    string `json:"got"`
	Passed bool   `json:"passed"`
	Gated  bool   `json:"gated"` // otherwise it is only shown
}

// Scenario is what became of one scenario over all seeds and languages.
type Scenario struct {
	Name    string  `json:"name"`
	Harm    bool    `json:"to_be_found"`
	Tiers   [4]int  `json:"conversations_by_tier"` // none, tip, friction, review
	Fast    int     `json:"fast"`
	Highest float64 `json:"highest_score"`
}

func (s *Scenario) conversations() int { return s.Tiers[0] + s.Tiers[1] + s.Tiers[2] + s.Tiers[3] }

// Passed says whether all gates did.
func (g *Gates) Passed() bool {
	return !slices.ContainsFunc(g.Checks, func(c Check) bool { return c.Gated && !c.Passed })
}

func (g *Gates) check(name, want string, passed bool, got string, args ...any) {
	g.Checks = append(g.Checks, Check{name, want, fmt.Sprintf(got, args...), passed, true})
}

// Synthetic makes every scenario in every language with seeds seeds, and streams of
// ordinary talk, and says what the detectors make of them. lookup is called for each
// of two runs, so that nothing is shared between them.
func Synthetic(w *talk.Weights, lookup func() (*talk.Lookup, error), seeds, streams int) (*Gates, error) {
	g := &Gates{Warning: synthetic.Warning, Weights: w.Version, Seeds: seeds, Streams: streams,
		Limits: []string{synthetic.Warning, "No prevalence, no slang that drifts, no real adversary and no real talk of teenagers. That none of those to be left alone reaches review says that it stays so, not that it is so elsewhere: bounds were set with these conversations in view."}}
	k, err := lookup()
	if err != nil {
		return nil, err
	}
	p, first := newPlayer(w, k), newSums()
	all := newSums()
	if g.Scenarios, err = p.scenarios(seeds, all, first); err != nil {
		return nil, err
	}
	g.Lexicons, g.Corpus, g.Results = k.Version(), sum(all.corpus), sum(all.results)
	g.tiers()
	p.length(g)
	p.evasions(g)
	p.swaps(g)
	if k, err = lookup(); err != nil {
		return nil, err
	}
	again := newSums()
	if _, err := newPlayer(w, k).scenarios(min(seeds, againSeeds), again, newSums()); err != nil {
		return nil, err
	}
	same := sum(first.corpus) == sum(again.corpus) && sum(first.results) == sum(again.results)
	g.check("two runs give the same bytes", "the same SHA-256 of corpus and results", same, "%s, with %d seeds", map[bool]string{true: "the same", false: "others"}[same], min(seeds, againSeeds))
	return g, nil
}

// sums are hashes of what was made and of what came of it.
type sums struct{ corpus, results hash.Hash }

func newSums() *sums { return &sums{sha256.New(), sha256.New()} }

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// tiers checks what every scenario came to.
func (g *Gates) tiers() {
	missed, slow, reviewed, found, left := 0, 0, 0, 0, 0
	for i := range g.Scenarios {
		s := &g.Scenarios[i]
		if !s.Harm {
			left += s.conversations()
			reviewed += s.Tiers[talk.Review]
			continue
		}
		found += s.conversations()
		missed += s.Tiers[talk.None]
		if strings.HasPrefix(s.Name, "fast") {
			slow += s.conversations() - s.Fast
		}
	}
	g.check("what is to be left alone reaches review", "0", reviewed == 0, "%d of %d", reviewed, left)
	g.check("what is to be found reaches no tier", "0", missed == 0, "%d of %d", missed, found)
	g.check("extortion that the fast detector does not name", "0", slow == 0, "%d", slow)
}

// player takes synthetic conversations through the detectors. It remembers what was
// read: there are few lines, and many conversations.
type player struct {
	w      *talk.Weights
	reader *talk.Reader
	of     map[string]talk.Reading
}

func newPlayer(w *talk.Weights, k *talk.Lookup) *player {
	return &player{w: w, reader: talk.NewReader(k), of: map[string]talk.Reading{}}
}

func (p *player) read(text string) *talk.Reading {
	r, ok := p.of[text]
	if !ok {
		r = *p.reader.Read(text)
		r.Hits, r.Facts = slices.Clone(r.Hits), slices.Clone(r.Facts)
		p.of[text] = r
	}
	return &r
}

// played is what a conversation came to.
type played struct {
	tier    talk.Tier
	fast    bool
	highest float64
	last    float64
	flagged [2]bool // a tip or more within 30 and within 1,000 messages
}

func (p *player) play(c *synthetic.Conversation, change func(string) string) (out played) {
	var s talk.State
	for i := range c.Lines {
		l := c.Lines[i]
		if change != nil && l.Text != "" {
			l.Text = change(l.Text)
		}
		o := s.Update(p.w, &c.Relation, synthetic.Message(&l, p.read), l.At)
		out.tier, out.fast, out.last = max(out.tier, o.Tier), out.fast || o.Fast != 0, o.Score
		out.highest = max(out.highest, o.Score)
		if o.Tier >= talk.Tip {
			out.flagged[0] = out.flagged[0] || i < 30
			out.flagged[1] = out.flagged[1] || i < 1000
		}
	}
	return out
}

// scenarios plays all of them. What it makes goes into all, and what the first seeds
// make into first also.
func (p *player) scenarios(seeds int, all, first *sums) (out []Scenario, err error) {
	var rows bytes.Buffer
	for i := range synthetic.Scenarios {
		s := &synthetic.Scenarios[i]
		r := Scenario{Name: s.Name, Harm: s.Harm}
		for _, l := range synthetic.Languages {
			for seed := range uint64(seeds) {
				c := synthetic.Make(s, l, seed)
				rows.Reset()
				if err := writeRows(&rows, c, i); err != nil {
					return nil, err
				}
				got := p.play(c, nil)
				result := fmt.Sprintf("%d %v %d %v %v %.2f\n", i, l, seed, got.tier, got.fast, got.highest)
				for _, h := range []*sums{all, first} {
					if h == first && seed >= againSeeds {
						continue
					}
					h.corpus.Write(rows.Bytes())
					h.results.Write([]byte(result))
				}
				r.add(&got)
			}
		}
		r.Highest = math.Round(r.Highest*100) / 100
		out = append(out, r)
	}
	return out, nil
}

func (s *Scenario) add(p *played) {
	s.Tiers[p.tier]++
	s.Highest = max(s.Highest, p.highest)
	if p.fast {
		s.Fast++
	}
}

func (p *player) length(g *Gates) {
	short, long := 0, 0
	for seed := range uint64(g.Streams) {
		got := p.play(synthetic.Stream(seed, 1000), nil)
		if got.flagged[0] {
			short++
		}
		if got.flagged[1] {
			long++
		}
	}
	ratio := float64(long) / float64(short)
	g.check("growth of the flag rate of ordinary talk from 30 to 1,000 messages", "at most 10 times, of at least 10 flagged",
		short >= leastFlags && ratio <= longest, "%.1f times (%d, then %d of %d)", ratio, short, long, g.Streams)
}

// each calls fn with conversations of every scenario and language.
func each(seeds int, fn func(s *synthetic.Scenario, l talk.Language, seed uint64)) {
	for i := range synthetic.Scenarios {
		for _, l := range synthetic.Languages {
			for seed := range uint64(seeds) {
				fn(&synthetic.Scenarios[i], l, seed)
			}
		}
	}
}

func (p *player) evasions(g *Gates) {
	for _, e := range synthetic.Evasions() {
		kept, all := 0, 0
		each(3, func(s *synthetic.Scenario, l talk.Language, seed uint64) {
			for _, line := range synthetic.Make(s, l, seed).Lines {
				changed := e.Change(line.Text)
				if line.Means == 0 || line.Text == "" || changed == line.Text {
					continue
				}
				all++
				if p.read(changed).Found&line.Means == line.Means {
					kept++
				}
			}
		})
		share := float64(kept) / float64(all)
		g.check("signs that survive: "+e.Name, "at least 95 %", all > 0 && share >= leastKept, "%.1f %% (%d of %d)", 100*share, kept, all)
	}
}

func (p *player) swaps(g *Gates) {
	var names, dialect, mixed float64
	swapped, respelled := 0, 0
	others, pals := synthetic.Swaps()
	spell := func(text string) string {
		if p.read(text).Found != 0 {
			return text // see docs/talk.md: spelling inside a phrase is what word lists are weak at
		}
		out := synthetic.Respelled(text)
		if out != text {
			respelled++
		}
		return out
	}
	each(changeSeeds, func(s *synthetic.Scenario, l talk.Language, seed uint64) {
		plain := synthetic.Make(s, l, seed)
		base := p.play(plain, nil)
		for _, n := range others {
			c := synthetic.MakeWith(s, l, seed, n, pals)
			for i := range c.Lines {
				if c.Lines[i].Text != plain.Lines[i].Text {
					swapped++
				}
			}
			names = max(names, math.Abs(base.last-p.play(c, nil).last))
		}
		moved := math.Abs(base.last - p.play(plain, spell).last)
		if s.Mixed() {
			mixed = max(mixed, moved)
		} else {
			dialect = max(dialect, moved)
		}
	})
	g.check("other names and forms of address move a score", "at most 0.05", names <= furthest && swapped >= leastSwaps, "%.4f (%d lines changed)", names, swapped)
	g.check("other spelling around phrases moves a score", "at most 0.05", dialect <= furthest && respelled >= leastSwaps, "%.4f (%d lines changed)", dialect, respelled)
	g.Checks = append(g.Checks, Check{"the same where people change their language", "not gated: in which language a mix is depends on single words",
		fmt.Sprintf("%.4f", mixed), mixed <= furthest, false})
}

// WriteJSON writes the gates as JSON.
func (g *Gates) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(g)
}

// WriteSynthetic writes the synthetic corpus as [Row]s, each with its warning.
func WriteSynthetic(w io.Writer, seeds int) error {
	b := bufio.NewWriter(w)
	for i := range synthetic.Scenarios {
		for _, l := range synthetic.Languages {
			for seed := range uint64(seeds) {
				if err := writeRows(b, synthetic.Make(&synthetic.Scenarios[i], l, seed), i); err != nil {
					return err
				}
			}
		}
	}
	return b.Flush()
}

func writeRows(w io.Writer, c *synthetic.Conversation, scenario int) error {
	id := fmt.Sprintf("synthetic-%d-%v-%d", scenario, c.Language, c.Seed)
	there, back := c.Relation, c.Relation
	back.Actor, back.Target, back.ChildFirst = there.Target, there.Actor, false
	harm, none := c.Harm, false
	e := json.NewEncoder(w)
	for i := range c.Lines {
		l := &c.Lines[i]
		x := Row{Conversation: id, At: stamp{l.At}, Author: id + "-a", Target: id + "-t", Found: l.Found, Media: l.Media, External: l.External,
			Relation: &there, Harm: &harm, LineHarm: c.Harm && l.Means != 0 && !l.FromTarget,
			Language: c.Language.String(), Surface: "private", Warning: c.Warning}
		if l.FromTarget {
			x.Author, x.Target, x.Relation, x.Harm = x.Target, x.Author, &back, &none
		}
		if l.Text != "" {
			x.Text = &l.Text
		} else {
			x.Edge = true
		}
		if c.Relation.Lobby {
			x.Surface = "game"
		}
		if err := e.Encode(&x); err != nil {
			return err
		}
	}
	return nil
}
