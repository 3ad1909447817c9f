package talk

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// ErrWord says that a word is not one of a closed list of this package. It does not
// repeat the word.
var ErrWord = errors.New("not one of the words that are known here")

var (
	bandNames = []string{"unknown", "under_13", "13_15", "16_17", "adult"}
	tieNames  = []string{"unknown", "stranger", "connected", "family"}
)

func named(names []string, n int) string {
	if n < len(names) {
		return names[n]
	}
	return names[0]
}

func wordIn(names []string, text []byte) (int, error) {
	if n := slices.Index(names, string(text)); n >= 0 {
		return n, nil
	}
	return 0, ErrWord
}

func (b Band) String() string { return named(bandNames, int(b)) }

// MarshalText gives "unknown", "under_13", "13_15", "16_17" or "adult".
func (b Band) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (b *Band) UnmarshalText(text []byte) error {
	n, err := wordIn(bandNames, text)
	*b = Band(n)
	return err
}

func (t Tie) String() string { return named(tieNames, int(t)) }

// MarshalText gives "unknown", "stranger", "connected" or "family".
func (t Tie) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (t *Tie) UnmarshalText(text []byte) error {
	n, err := wordIn(tieNames, text)
	*t = Tie(n)
	return err
}

// Names are the names of the indicators in s, in their order.
func (s Set) Names() []string {
	out := []string{}
	for i := range Indicators {
		if s.Has(i) {
			out = append(out, i.String())
		}
	}
	return out
}

func (s Set) String() string { return strings.Join(s.Names(), " ") }

// MarshalJSON gives the names of the indicators.
func (s Set) MarshalJSON() ([]byte, error) { return json.Marshal(s.Names()) }

// UnmarshalJSON reads names of indicators. A name that is not known is an error: a
// sign that nobody understands must not pass for none.
func (s *Set) UnmarshalJSON(text []byte) error {
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		return ErrWord
	}
	*s = 0
	for _, n := range names {
		i, ok := IndicatorOf(n)
		if !ok {
			return ErrWord
		}
		*s |= SetOf(i)
	}
	return nil
}
