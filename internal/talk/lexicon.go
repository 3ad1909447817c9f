package talk

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Bounds of word lists. A list over a bound is refused whole.
const (
	MaxLexiconBytes  = 1 << 20
	MaxPhrases       = 20_000
	MaxPhraseLetters = 120
	maxNodes         = 1 << 17 // of an automaton: 20 MB
)

// What can be wrong with a word list. They are found with errors.Is.
var (
	ErrFormat   = errors.New("word list: not in a format that is known")
	ErrLanguage = errors.New("word list: not for a language that is known")
	ErrTooLarge = errors.New("word list: too large")
	ErrEmpty    = errors.New("word list: a phrase without letters")
	ErrBroad    = errors.New("word list: a phrase that would match ordinary talk")
	ErrConflict = errors.New("word list: a phrase of two indicators")
	ErrSection  = errors.New("word list: a section that words cannot show")
)

// LineError says in which line of a word list something is wrong. It does not
// repeat the line.
type LineError struct {
	Line int
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *LineError) Unwrap() error { return e.Err }

// Lexicon is one word list: phrases in key form and what they hint at.
type Lexicon struct {
	Language Language
	Version  string
	phrases  []phrase
	variants [][2]string // words of phrases, in key form, and how else they are written
}

type phrase struct {
	key       string // with a space before and after
	indicator Indicator
	language  Language
}

// Len is the number of phrases.
func (l *Lexicon) Len() int { return len(l.phrases) }

// ParseLexicon reads a word list: lines "format 1", "language en", "version ...",
// "variant you u" for a word that is also written otherwise, then sections
// "[indicator]" with one phrase a line. "#" begins a comment.
func ParseLexicon(text string) (*Lexicon, error) {
	if len(text) > MaxLexiconBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(text), MaxLexiconBytes)
	}
	l, section, seen, format := &Lexicon{}, Indicators, map[string]Indicator{}, ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := l.line(line, &format, &section, seen); err != nil {
			return nil, &LineError{n, err}
		}
	}
	switch {
	case format == "":
		return nil, fmt.Errorf("%w: no line \"format 1\"", ErrFormat)
	case l.Language == Unknown:
		return nil, ErrLanguage
	case l.Version == "":
		return nil, fmt.Errorf("%w: no version", ErrFormat)
	case len(l.phrases) == 0:
		return nil, fmt.Errorf("%w: no phrases", ErrFormat)
	}
	return l, nil
}

func (l *Lexicon) line(line string, format *string, section *Indicator, seen map[string]Indicator) error {
	if name, ok := strings.CutPrefix(line, "["); ok {
		i, known := IndicatorOf(strings.TrimSuffix(name, "]"))
		if !known || !strings.HasSuffix(name, "]") || !i.spoken() {
			return ErrSection
		}
		if *format == "" || l.Language == Unknown {
			return fmt.Errorf("%w: format and language come first", ErrFormat)
		}
		*section = i
		return nil
	}
	if *section == Indicators {
		word, value, _ := strings.Cut(line, " ")
		switch word {
		case "format":
			if value != "1" {
				return ErrFormat
			}
			*format = value
		case "language":
			if l.Language = languageOf(value); l.Language == Unknown {
				return ErrLanguage
			}
		case "version":
			l.Version = value
		case "variant":
			from, to, ok := strings.Cut(value, " ")
			from, to = keyOf(from), keyOf(to)
			if !ok || from == "" || to == "" || from == to || strings.Contains(from+to, " ") {
				return ErrFormat
			}
			l.variants = append(l.variants, [2]string{from, to})
		default:
			return ErrFormat
		}
		return nil
	}
	if len(line) > 4*MaxPhraseLetters || len(l.phrases) >= MaxPhrases || len(l.variants) > maxVariants {
		return ErrTooLarge
	}
	key := Normalise(line).Key()
	if err := checkKey(key); err != nil {
		return err
	}
	if other, ok := seen[key]; ok {
		if other != *section {
			return ErrConflict
		}
		return nil // written twice, or two spellings of one key
	}
	seen[key] = *section
	l.phrases = append(l.phrases, phrase{key, *section, l.Language})
	return nil
}

// maxVariants bounds the variants of a list, and maxTogether how many of them are
// tried in one phrase: it becomes at most 1<<maxTogether phrases.
const (
	maxVariants = 16
	maxTogether = 5
)

// spellings are the keys of a phrase with some of its words written otherwise, in
// all ways to choose them. They are left out where that makes them say nothing.
func (l *Lexicon) spellings(key string) (out []string) {
	keys, n := []string{key}, 0
	for _, v := range l.variants {
		from, to := " "+v[0]+" ", " "+v[1]+" "
		if n >= maxTogether || !strings.Contains(key, from) {
			continue
		}
		n++
		for _, k := range keys {
			if other := strings.ReplaceAll(k, from, to); other != k {
				keys = append(keys, other)
			}
		}
	}
	for _, k := range keys[1:] {
		if checkKey(k) == nil {
			out = append(out, k)
		}
	}
	return out
}

// checkKey refuses phrases that say nothing. It cannot know that a phrase is wise.
func checkKey(key string) error {
	words, letters, telling := strings.Fields(key), 0, false
	for _, w := range words {
		for _, r := range w {
			if classOf(r) == 0 {
				return fmt.Errorf("%w: a letter outside the Latin script", ErrFormat)
			}
		}
		letters += len(w)
		_, common := functionWords[w]
		telling = telling || !common && len(w) > 1
	}
	switch {
	case letters == 0:
		return ErrEmpty
	case letters > MaxPhraseLetters:
		return ErrTooLarge
	case letters < 4 || len(words) < 2 && letters < 6 || !telling && len(words) < 3:
		return ErrBroad
	}
	return nil
}

//go:embed lexicon/*.txt
var lexicons embed.FS

// BuiltIn returns the word lists of this package.
func BuiltIn() ([]*Lexicon, error) {
	files, err := fs.Glob(lexicons, "lexicon/*.txt")
	if err != nil {
		return nil, err
	}
	var out []*Lexicon
	for _, name := range files {
		text, err := lexicons.ReadFile(name)
		if err != nil {
			return nil, err
		}
		l, err := ParseLexicon(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, l)
	}
	return out, nil
}
