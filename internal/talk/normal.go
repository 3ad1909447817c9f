package talk

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxBytes is how much of one message is read. Chat services permit 2,000 to
// 65,536 characters; the rest of a longer message is not looked at, and
// [Text.Truncated] says so.
const MaxBytes = 32 << 10

// maxMarks is how many combining marks may follow a letter of a script that needs
// them.
const maxMarks = 2

// markless are the scripts whose letters keep no marks, nor do digits and signs:
// "señor" and "senor" are one word here, and stacked marks are nothing.
var markless = []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Armenian, unicode.Common, unicode.Inherited}

// Text is one message in normal form, in two views. The plain view keeps digits,
// for ages, handles and amounts. The key view is what word lists are looked up in:
// digits between letters are read as the letters that they stand for, repeated
// letters are one, and words are parted by one space. Both know where each rune was
// in the message.
//
// A Text is a buffer: [Text.Read] fills it anew and keeps the memory.
type Text struct {
	plain, key span
	compact    span   // the key view without spaces, only where letters were spaced out
	spaced     []bool // for each rune of compact: it was in a run of spaced-out letters
	altered    int    // runes that were hidden, look-alikes or digits for letters
	runes      int    // runes of the message that were read
	bytes      int    // of the message that were read
	truncated  bool

	raw       span
	stripped  []byte
	alike     []int   // bounds of words of look-alikes alone
	at        []int32 // for each byte of stripped: where it was
	wasSpaced []bool  // for each rune of key
}

// span is a sequence of runes, each with the byte offset that it came from.
type span struct {
	r  []rune
	at []int32
}

func (s *span) add(r rune, at int32) { s.r = append(s.r, r); s.at = append(s.at, at) }
func (s *span) reset()               { s.r, s.at = s.r[:0], s.at[:0] }
func (s *span) cut(n int)            { s.r, s.at = s.r[:n], s.at[:n] }

// Normalise returns the normal form of a message.
func Normalise(message string) *Text {
	t := new(Text)
	t.Read(message)
	return t
}

// Plain is the plain view. It is its own normal form.
func (t *Text) Plain() string { return string(t.plain.r) }

// Key is the view in which word lists are looked up.
func (t *Text) Key() string { return string(t.key.r) }

// Truncated says that the message was longer than [MaxBytes] and its rest not read.
func (t *Text) Truncated() bool { return t.truncated }

// Evasion is the share of runes, 0 to 1, that were invisible, look-alikes of other
// scripts, digits written for letters or letters spaced out. Repeated letters are
// not counted: people write so.
func (t *Text) Evasion() float64 {
	if t.runes == 0 {
		return 0
	}
	return min(1, float64(t.altered)/float64(t.runes))
}

// Read fills t with the normal form of message.
func (t *Text) Read(message string) {
	t.truncated = false
	if len(message) > MaxBytes {
		n := MaxBytes
		for n > MaxBytes-utf8.UTFMax && !utf8.RuneStart(message[n]) {
			n--
		}
		message, t.truncated = message[:n], true
	}
	t.altered, t.runes, t.bytes = 0, 0, len(message)
	t.raw.reset()
	if isASCII(message) {
		t.runes = len(message)
		for i := range len(message) {
			t.raw.add(rune(message[i]), int32(i))
		}
	} else {
		t.compose(message)
		t.unmix()
	}
	t.settle()
	t.makeKey()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// compose drops what cannot be seen, brings the rest to NFKC, and takes marks off.
func (t *Text) compose(message string) {
	t.stripped, t.at = t.stripped[:0], t.at[:0]
	marks := 0
	for i, r := range message {
		t.runes++
		switch {
		case invisible(r):
			t.altered++
			continue
		case unicode.IsMark(r):
			// The iterator below would split longer runs of marks by itself.
			if marks++; marks > 4 {
				t.altered++
				continue
			}
		default:
			marks = 0
		}
		if blank(r) {
			r = ' ' // now, so that no mark sits on it
		}
		n := len(t.stripped)
		t.stripped = utf8.AppendRune(t.stripped, r) // repairs what is not UTF-8
		for range len(t.stripped) - n {
			t.at = append(t.at, int32(i))
		}
	}
	var it norm.Iter
	it.Init(norm.NFKC, t.stripped)
	drop, marks := true, 0 // no letter yet to carry a mark
	for !it.Done() && len(t.raw.r) < MaxBytes {
		at := t.at[it.Pos()]
		for seg := it.Next(); len(seg) > 0; {
			r, n := utf8.DecodeRune(seg)
			seg = seg[n:]
			if unicode.IsMark(r) {
				if marks++; !drop && marks <= maxMarks && !invisible(r) {
					t.raw.add(r, at)
				}
				continue
			}
			marks = 0
			drop = unicode.In(r, markless...)
			t.fold(r, at)
		}
	}
}

// fold adds r in lower case, without the marks that are part of the letter.
func (t *Text) fold(r rune, at int32) {
	if r >= utf8.RuneSelf {
		if unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic) {
			if d := norm.NFD.PropertiesString(string(r)).Decomposition(); len(d) > 0 {
				r, _ = utf8.DecodeRune(d)
			}
		}
		r = unicode.ToLower(r)
		if s, ok := latinFolds[r]; ok {
			for _, r := range s {
				t.raw.add(r, at)
			}
			return
		}
		if a, ok := symbolLetter(r); ok {
			t.altered++
			r = a
		}
	}
	t.raw.add(r, at)
}

// unmix reads look-alikes of other scripts as Latin letters: in words that also hold
// Latin letters, and in words made of nothing but look-alikes where most words are
// Latin. Other Greek or Russian words stay what they are.
func (t *Text) unmix() {
	rs := t.raw.r
	latinWords, otherWords := 0, 0
	t.alike = t.alike[:0]
	for i := 0; i < len(rs); {
		if !wordRune(rs[i]) {
			i++
			continue
		}
		start, latin, other, alike := i, false, false, true
		for ; i < len(rs) && wordRune(rs[i]); i++ {
			if unicode.Is(unicode.Latin, rs[i]) {
				latin = true
			} else if unicode.IsLetter(rs[i]) {
				_, like := confusable[rs[i]]
				other, alike = true, alike && like
			}
		}
		switch {
		case latin:
			latinWords++
			if other {
				t.unmask(start, i)
			}
		case other:
			otherWords++
			if alike {
				t.alike = append(t.alike, start, i)
			}
		}
	}
	if latinWords > otherWords {
		for i := 0; i < len(t.alike); i += 2 {
			t.unmask(t.alike[i], t.alike[i+1])
		}
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) }

func (t *Text) unmask(from, to int) {
	for i := from; i < to; i++ {
		if a, ok := confusable[t.raw.r[i]]; ok {
			t.raw.r[i] = a
			t.altered++
		}
	}
}

// settle makes the plain view: lower case, white space and controls as one space,
// runs of a letter no longer than two.
func (t *Text) settle() {
	p := &t.plain
	p.reset()
	for i, r := range t.raw.r {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		if blank(r) {
			r = ' '
		}
		n := len(p.r)
		if r == ' ' && (n == 0 || p.r[n-1] == ' ') {
			continue
		}
		if n >= 2 && p.r[n-1] == r && p.r[n-2] == r && unicode.IsLetter(r) {
			continue
		}
		if n >= MaxBytes {
			break
		}
		p.add(r, t.raw.at[i])
	}
	if n := len(p.r); n > 0 && p.r[n-1] == ' ' {
		p.cut(n - 1)
	}
}

// makeKey makes the key view and, where letters were spaced out, the compact one.
func (t *Text) makeKey() {
	k := &t.key
	k.reset()
	t.wasSpaced = t.wasSpaced[:0]
	add := func(r rune, at int32) {
		n := len(k.r)
		if r == 'l' {
			r = 'i' // so that the digit 1 may stand for both
		}
		// Letters once; digits as they are.
		if n > 0 && k.r[n-1] == r && (r == ' ' || unicode.IsLetter(r)) {
			return
		}
		k.add(r, at)
		t.wasSpaced = append(t.wasSpaced, false)
	}
	add(' ', 0)
	p, all := &t.plain, t.mixedWords() >= 2
	for i := 0; i < len(p.r); {
		if !keyRune(p.r, i) {
			if p.r[i] != '\'' && p.r[i] != '’' { // "don't" and "dont" are one word
				add(' ', p.at[i])
			}
			i++
			continue
		}
		end, mixed := keyWord(p.r, i)
		for ; i < end; i++ {
			r := p.r[i]
			if a, ok := leetLetter(r); ok && (mixed || all) {
				t.altered++
				r = a
			}
			add(r, p.at[i])
		}
	}
	add(' ', int32(t.bytes))
	spacedOut := t.markSpaced()
	t.compact.reset()
	t.spaced = t.spaced[:0]
	if !spacedOut {
		return
	}
	for i, r := range k.r {
		if n := len(t.compact.r); r == ' ' || n > 0 && t.compact.r[n-1] == r && unicode.IsLetter(r) {
			continue
		}
		t.compact.add(r, k.at[i])
		t.spaced = append(t.spaced, t.wasSpaced[i])
		if t.wasSpaced[i] {
			t.altered++
		}
	}
}

// mixedWords counts words of letters and digits that stand for letters. Where there
// are two, numbers may be words as well: "1 w111 5h0w 17".
func (t *Text) mixedWords() (n int) {
	rs := t.plain.r
	for i := 0; i < len(rs); {
		if !keyRune(rs, i) {
			i++
			continue
		}
		var mixed bool
		if i, mixed = keyWord(rs, i); mixed {
			n++
		}
	}
	return n
}

// keyWord is the end of the word that begins at i, and whether it mixes letters with
// other signs.
func keyWord(rs []rune, i int) (end int, mixed bool) {
	letters, others := false, false
	for end = i; end < len(rs) && keyRune(rs, end); end++ {
		if unicode.IsLetter(rs[end]) {
			letters = true
		} else {
			others = true
		}
	}
	return end, letters && others
}

// markSpaced marks runs of at least four words of one letter each in the key view,
// and says whether there is one.
func (t *Text) markSpaced() bool {
	k, found, start, count := t.key.r, false, 0, 0
	for i := 0; i+1 < len(k); {
		end := i + 1
		for end < len(k) && k[end] != ' ' {
			end++
		}
		if end-i == 2 && !unicode.IsDigit(k[i+1]) { // k[i] is a space
			if count == 0 {
				start = i
			}
			count++
		} else {
			count = 0
		}
		if count >= 4 {
			found = true
			for j := start; j <= end && j < len(k); j++ {
				t.wasSpaced[j] = true
			}
			start = end // marked as far as here, once
		}
		i = end
	}
	return found
}

// keyRune says whether rs[i] is part of a word in the key view: letters, marks,
// digits, and the signs that stand for letters, inside a word.
func keyRune(rs []rune, i int) bool {
	r := rs[i]
	if alnum(r) {
		return true
	}
	inner := i > 0 && i+1 < len(rs) && alnum(rs[i-1]) && alnum(rs[i+1])
	switch r {
	case '@', '!', '|':
		return inner && unicode.IsLetter(rs[i+1])
	case '$':
		return i+1 < len(rs) && unicode.IsLetter(rs[i+1])
	}
	return false
}

func alnum(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r)
}

// blank says whether r is white space, a control, for private use or no character.
func blank(r rune) bool {
	if ' ' < r && r < 0x7F {
		return false
	}
	return r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Co, r)
}

func leetLetter(r rune) (rune, bool) {
	const from, to = "0134578@$!|", "oieastbasii"
	if r > '|' {
		return 0, false
	}
	for i := range len(from) {
		if rune(from[i]) == r {
			return rune(to[i]), true
		}
	}
	return 0, false
}

// invisible says whether r shows nothing: format characters (zero width, bidi
// controls, tags), variation selectors, fillers.
func invisible(r rune) bool {
	if r < 0xAD {
		return false
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) ||
		slices.Contains([]rune{0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}, r)
}
