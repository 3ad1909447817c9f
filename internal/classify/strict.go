package classify

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxDepth  = 16
	maxValues = 20_000
)

// plainJSON reports whether text is one JSON value with nothing behind it, no deeper
// or larger than any answer has to be, and no name twice in an object. Package json
// would take the last of two, and folds the case of names: so does this.
func plainJSON(text []byte) bool {
	if !utf8.Valid(text) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var open []*object
	for n := range maxValues {
		t, err := dec.Token()
		if err == io.EOF {
			return n > 0 && len(open) == 0
		}
		if err != nil || n > 0 && len(open) == 0 {
			return false
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(open) > 0 && !open[len(open)-1].take(nil) || len(open) == maxDepth {
				return false
			}
			open = append(open, &object{names: t == json.Delim('{'), seen: map[string]bool{}})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if len(open) > 0 && !open[len(open)-1].take(t) {
				return false
			}
		}
	}
	return false
}

// object follows the members of an object or array that is being read.
type object struct {
	names bool // an object
	value bool // a value is due
	seen  map[string]bool
}

// take takes the next token and reports whether it may be there.
func (o *object) take(t json.Token) bool {
	if !o.names {
		return true
	}
	o.value = !o.value
	if !o.value {
		return true
	}
	name := strings.ToLower(strings.ToUpper(t.(string))) // the decoder gives nothing else here
	if o.seen[name] {
		return false
	}
	o.seen[name] = true
	return true
}

// exactly reads text into a struct whose fields are all that may be there. Names are
// of small letters in all our formats, so that folding cannot hide another.
func exactly(text []byte, into any) bool {
	if !plainJSON(text) || !smallNames(text) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(into) == nil
}

// loosely reads text of somebody else's format, of which we know only a part.
func loosely(text []byte, into any) bool { return plainJSON(text) && json.Unmarshal(text, into) == nil }

// smallNames reports whether all names in text are of small letters and low lines.
// text is plainJSON.
func smallNames(text []byte) bool {
	var tree any
	if json.Unmarshal(text, &tree) != nil {
		return false
	}
	small := true
	walk(tree, func(s string, name bool) {
		small = small && (!name || !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' }))
	})
	return small
}

// walk calls fn for every string and every name in a tree of JSON.
func walk(tree any, fn func(s string, name bool)) {
	switch v := tree.(type) {
	case string:
		fn(v, false)
	case []any:
		for _, x := range v {
			walk(x, fn)
		}
	case map[string]any:
		for k, x := range v {
			fn(k, true)
			walk(x, fn)
		}
	}
}

// What counts as a quotation: five words in a row, or as many letters in a row where
// words are long or not set apart.
const (
	runWords   = 5
	runLetters = 24
)

// quotes reports whether any string or name in an answer repeats a line. text is
// plainJSON.
func quotes(text []byte, lines []Line) bool {
	var tree any
	if json.Unmarshal(text, &tree) != nil {
		return true
	}
	var said map[string]bool // made only when there is a string that is long enough
	found := false
	walk(tree, func(s string, _ bool) {
		for run := range runs(s) {
			if said == nil {
				said = map[string]bool{}
				for _, l := range lines {
					for r := range runs(l.Text) {
						said[r] = true
					}
				}
			}
			found = found || said[run]
		}
	})
	return found
}

// runs yields every run of words and of letters of a text.
func runs(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.In(r, unicode.L, unicode.M, unicode.N) })
		for i := 0; i+runWords <= len(words); i++ {
			if !yield(strings.Join(words[i:i+runWords], " ")) {
				return
			}
		}
		letters := []rune(strings.Join(words, ""))
		for i := 0; i+runLetters <= len(letters); i++ {
			if !yield(string(letters[i : i+runLetters])) {
				return
			}
		}
	}
}
