package talk

import (
	"strings"
	"unicode"
)

// Language is what a text seems to be written in.
type Language uint8

// The languages that there are word lists for, and everything else.
const (
	Unknown Language = iota
	English
	Spanish
	German
	languages
)

var languageNames = [languages]string{"unknown", "en", "es", "de"}

func (l Language) String() string {
	if l < languages {
		return languageNames[l]
	}
	return "unknown"
}

func languageOf(name string) Language {
	for l, n := range languageNames {
		if n == name {
			return Language(l)
		}
	}
	return Unknown
}

// functionWords are short words that speech cannot do without, in key form. Words
// that two of the languages share are left out.
var functionWords = func() map[string]Language {
	m := map[string]Language{}
	for l, words := range map[Language][]string{
		English: {"the", "and", "you", "your", "are", "is", "it", "to", "of", "that", "what", "how", "my", "me", "we", "do", "dont", "not", "for", "with", "have", "this", "can", "on", "at", "be", "if", "when", "they", "just", "i", "im", "u", "ur", "will", "old"},
		Spanish: {"el", "los", "las", "que", "y", "eres", "tu", "tus", "mi", "te", "se", "por", "para", "con", "un", "una", "como", "pero", "esta", "este", "tienes", "cuantos", "quien", "donde", "le", "lo", "yo", "muy", "si", "del", "nadie", "tengo", "hola"},
		German:  {"der", "die", "das", "und", "ich", "du", "ist", "nicht", "wie", "bist", "ein", "eine", "dein", "deine", "mir", "mich", "dir", "dich", "wir", "ihr", "sie", "mit", "auf", "fur", "hast", "habe", "was", "wo", "kannst", "aber", "zu", "den", "dem", "von", "sag"},
	} {
		for _, w := range words {
			m[keyOf(w)] = l
		}
	}
	return m
}()

// keyOf is the key form of one word.
func keyOf(word string) string {
	return strings.Trim(Normalise(word).Key(), " ")
}

// Identify says which language texts are in, by their script and their function
// words. One short message seldom tells; [State] adds up the votes of a
// conversation. It says [Unknown] where it cannot tell: a mix, other languages,
// other scripts.
func Identify(texts ...*Text) Language {
	var votes [languages]int
	for _, t := range texts {
		t.vote(&votes)
	}
	return winner(votes[:])
}

// vote adds one for each function word, and one to Unknown for each word in another
// script.
func (t *Text) vote(votes *[languages]int) {
	var buf [64]byte
	k := t.key.r
	for i := 0; i < len(k); {
		if k[i] == ' ' {
			i++
			continue
		}
		word, ascii := buf[:0], true
		start := i
		for ; i < len(k) && k[i] != ' '; i++ {
			ascii = ascii && k[i] < 0x80
			if ascii && len(word) < len(buf) {
				word = append(word, byte(k[i]))
			}
		}
		if !ascii {
			if unicode.IsLetter(k[start]) && !unicode.Is(unicode.Latin, k[start]) {
				votes[Unknown]++
			}
			continue
		}
		if l, ok := functionWords[string(word)]; ok {
			votes[l]++
		}
	}
}

// winner needs two votes and twice as many as any other.
func winner[N int | uint16](votes []N) Language {
	best := Unknown
	for l := English; l < languages; l++ {
		if votes[l] > votes[best] {
			best = l
		}
	}
	if best == Unknown || votes[best] < 2 {
		return Unknown
	}
	for l := range votes {
		if Language(l) != best && votes[l]*2 > votes[best] {
			return Unknown
		}
	}
	return best
}
