package talk

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// minCompact is how long a phrase must be to be looked for among spaced-out
// letters, where words have no bounds.
const minCompact = 7

// Lookup finds the phrases of word lists. It is made once, does not change, and may
// be used by many readers at once.
type Lookup struct {
	words, compact *automaton
	of, ofCompact  []phrase
	version        string
}

// NewLookup joins word lists, the built-in ones if none are given.
func NewLookup(lists ...*Lexicon) (*Lookup, error) {
	if len(lists) == 0 {
		var err error
		if lists, err = BuiltIn(); err != nil {
			return nil, err
		}
	}
	k, versions := &Lookup{}, []string{}
	seen, seenCompact := map[string]bool{}, map[string]bool{}
	var keys, compacts []string
	add := func(p phrase) {
		if seen[p.key] { // two languages with one phrase: the first counts
			return
		}
		seen[p.key] = true
		k.of, keys = append(k.of, p), append(keys, p.key)
		if c := squash(p.key); len(c) >= minCompact && !seenCompact[c] {
			seenCompact[c] = true
			k.ofCompact, compacts = append(k.ofCompact, p), append(compacts, c)
		}
	}
	for _, l := range lists {
		versions = append(versions, l.Language.String()+" "+l.Version)
		for _, p := range l.phrases {
			add(p)
		}
	}
	for _, l := range lists { // after what was written, which comes first
		for _, p := range l.phrases {
			for _, s := range l.spellings(p.key) {
				add(phrase{s, p.indicator, p.language})
			}
		}
	}
	if len(keys) > MaxPhrases {
		return nil, ErrTooLarge
	}
	slices.Sort(versions)
	k.version = strings.Join(versions, ", ")
	var err error
	if k.words, err = build(keys); err != nil {
		return nil, err
	}
	k.compact, err = build(compacts)
	return k, err
}

// squash takes the spaces out of a key, and what repeats then.
func squash(key string) string {
	var out []byte
	for i := range len(key) {
		c := key[i]
		if c == ' ' || len(out) > 0 && out[len(out)-1] == c && c > '9' {
			continue
		}
		out = append(out, c)
	}
	return string(out)
}

// Version names the word lists.
func (k *Lookup) Version() string { return k.version }

// Len is the number of phrases, with all their spellings.
func (k *Lookup) Len() int { return len(k.of) }

// Bytes is the memory that the tables take.
func (k *Lookup) Bytes() int { return k.words.bytes() + k.compact.bytes() }

// Hit is a phrase that was found: what it hints at, and the bytes of the message
// that it was in, for a reviewer who may see them.
type Hit struct {
	Indicator Indicator
	Language  Language
	From, To  int
}

// Reading is what one message says, without its text.
type Reading struct {
	Hits      []Hit
	Facts     []Fact
	Found     Set     // the indicators of the hits
	Refuses   bool    // says no, or shows distress
	Evasion   float64 // 0 to 1
	Truncated bool    // part of the message was not read
	votes     [languages]int
}

// Language is what this message alone seems to be in.
func (r *Reading) Language() Language { return winner(r.votes[:]) }

// Reader turns messages into readings. It holds buffers: one goroutine, one Reader.
type Reader struct {
	lookup  *Lookup
	text    Text
	reading Reading
}

// NewReader makes a reader of a lookup.
func NewReader(k *Lookup) *Reader { return &Reader{lookup: k} }

// Read reads one message. What it returns holds until the next call.
func (r *Reader) Read(message string) *Reading {
	t, out := &r.text, &r.reading
	t.Read(message)
	*out = Reading{Hits: out.Hits[:0], Facts: out.Facts[:0], Evasion: t.Evasion(), Truncated: t.truncated}
	t.vote(&out.votes)
	k := &t.key
	r.lookup.words.each(k.r, func(p, from, to int) {
		// A phrase has a space at each end, which is not part of the hit.
		r.hit(r.lookup.of[p], int(k.at[from+1]), int(k.at[to-1]))
	})
	if c := &t.compact; len(c.r) > 0 {
		r.lookup.compact.each(c.r, func(p, from, to int) {
			if slices.Contains(t.spaced[from:to], true) {
				_, n := utf8.DecodeRuneInString(message[c.at[to-1]:])
				r.hit(r.lookup.ofCompact[p], int(c.at[from]), int(c.at[to-1])+n)
			}
		})
	}
	slices.SortFunc(out.Hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Indicator, b.Indicator))
	})
	out.Refuses = out.Found.Has(Distress) || t.saysNo()
	r.extract()
	return out
}

func (r *Reader) hit(p phrase, from, to int) {
	out := &r.reading
	out.Found |= 1 << p.indicator
	if len(out.Hits) < 64 { // enough for a reviewer; Found holds them all
		out.Hits = append(out.Hits, Hit{p.indicator, p.language, from, to})
	}
}

// saysNo says whether the message begins with a plain no.
func (t *Text) saysNo() bool {
	k := t.key.r
	for _, no := range [...]string{" no ", " nope ", " nein ", " nah ", " never "} {
		if len(k) >= len(no) && string(k[:len(no)]) == no {
			return true
		}
	}
	return false
}
