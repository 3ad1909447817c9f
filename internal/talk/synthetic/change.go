package synthetic

import "strings"

// Evasion is something that people do to words so that programs do not see them.
type Evasion struct {
	Name   string
	Change func(string) string
}

// Evasions are the six that tests apply.
func Evasions() []Evasion {
	return []Evasion{
		{"zero width", func(s string) string { return strings.Join(strings.Split(s, ""), "\u200b") }},
		{"look-alikes", strings.NewReplacer("a", "а", "e", "е", "o", "о", "c", "с", "i", "і").Replace},
		{"digits", strings.NewReplacer("a", "4", "e", "3", "o", "0", "i", "1", "s", "5", "t", "7").Replace},
		{"spaced out", func(s string) string { return strings.Join(strings.Split(strings.ReplaceAll(s, " ", ""), ""), " ") }},
		{"repeated", strings.NewReplacer("a", "aaaa", "e", "eee", "o", "ooooo", "u", "uuu", "n", "nnn").Replace},
		{"marks and full width", marked},
	}
}

// marked writes every other letter in full width and strikes the rest through.
func marked(s string) string {
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
}

// Respelled is an ordinary line as speakers of some dialects would write it.
func Respelled(s string) string { return dialect.Replace(s) }

var dialect = strings.NewReplacer(" going ", " goin ", "haha", "lol", "good morning", "mornin", "maths", "math", "the ", "da ", "yes", "yeah",
	"lunch", "dinner", "matter", "mattah", "sofá", "sillón", "vale", "dale", "gut", "jut", "Essen", "Esse", "nicht", "net")

// Swaps are other names and forms of address than [Names] and [Pals]: what they are
// must not move a score.
func Swaps() (names [][]string, pals []string) {
	return [][]string{{"Aisha", "Mohammed", "Oluwaseun", "José"}, {"Emily", "Jack", "Xiomara", "Siobhán"}},
		[]string{"bro", "sis", "fam", "habibi", "amigo"}
}
