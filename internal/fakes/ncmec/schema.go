package ncmec

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

//go:embed schema.txt
var schemaText string

// typ is one line of the table.
type typ struct {
	name     string
	kind     string // seq, all, one, text, enum, pattern
	children []slot
	attrs    map[string]attr
	text     string // type of the text, for kind text
	enum     map[string]bool
	pattern  *regexp.Regexp
}

// slot is one place in a seq, or one member of an all or a one.
type slot struct {
	options   []option // more than one: (a|b)
	min, many bool     // at least one; more than one
}

type option struct{ name, typ string }

type attr struct {
	typ      string
	required bool
}

// table is the parsed schema.txt. A mistake in the file is a mistake in the
// program, so it panics; TestSchemaTable loads it.
var table = sync.OnceValue(func() map[string]*typ {
	types := map[string]*typ{}
	for _, line := range logicalLines(schemaText) {
		name, rest, ok := strings.Cut(line, " = ")
		kind, body, _ := strings.Cut(rest, " ")
		if !ok || types[name] != nil {
			panic("ncmec: schema.txt: " + name)
		}
		types[name] = parseType(name, kind, body)
	}
	return types
})

func logicalLines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, " "):
			out[len(out)-1] += " " + strings.TrimSpace(line)
		default:
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

func parseType(name, kind, body string) *typ {
	t := &typ{name: name, kind: kind, attrs: map[string]attr{}}
	switch kind {
	case "enum":
		t.enum = map[string]bool{}
		for v := range strings.SplitSeq(body, "|") {
			t.enum[strings.TrimSpace(v)] = true
		}
		return t
	case "pattern":
		t.pattern = regexp.MustCompile("^(?:" + body + ")$")
		return t
	case "seq", "all", "one", "text":
	default:
		panic(fmt.Sprintf("ncmec: schema.txt: %s is of kind %q", name, kind))
	}
	for word := range strings.FieldsSeq(body) {
		switch {
		case strings.HasPrefix(word, "@"):
			a, of, _ := strings.Cut(word[1:], ":")
			t.attrs[a] = attr{typ: strings.TrimSuffix(of, "!"), required: strings.HasSuffix(of, "!")}
		case kind == "text":
			t.text = word
		default:
			t.children = append(t.children, parseSlot(word))
		}
	}
	return t
}

func parseSlot(word string) slot {
	var s slot
	switch word[len(word)-1] {
	case '?':
		word = word[:len(word)-1]
	case '*':
		s.many, word = true, word[:len(word)-1]
	case '+':
		s.min, s.many, word = true, true, word[:len(word)-1]
	default:
		s.min = true
	}
	for o := range strings.SplitSeq(strings.Trim(word, "()"), "|") {
		name, of, ok := strings.Cut(o, ":")
		if !ok {
			of = name
		}
		s.options = append(s.options, option{name, of})
	}
	return s
}

// find returns the type that s gives to a child called name.
func (s slot) find(name string) (string, bool) {
	for _, o := range s.options {
		if o.name == name {
			return o.typ, true
		}
	}
	return "", false
}
