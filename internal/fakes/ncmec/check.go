package ncmec

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// faults collects what is wrong with a document. The texts name places and
// rules, never values.
type faultList []string

func (f *faultList) add(n *node, what string) { *f = append(*f, n.path()+" "+what) }

// checkSchema judges n as an element of type name and all below it.
func (f *faultList) checkSchema(n *node, name string) {
	n.typ = name
	t := table()[name]
	if t == nil || t.kind == "enum" || t.kind == "pattern" {
		f.checkLeaf(n, name)
		return
	}
	f.checkAttrs(n, t)
	switch t.kind {
	case "text":
		if len(n.children) > 0 {
			f.add(n, "has children")
		}
		f.checkText(n, t.text, n.text)
		return
	case "seq":
		f.checkSequence(n, t)
	default:
		f.checkSet(n, t)
	}
	if strings.TrimSpace(n.text) != "" {
		f.add(n, "has text between its children")
	}
}

func (f *faultList) checkLeaf(n *node, name string) {
	if len(n.attrs) > 0 {
		f.add(n, "has an attribute that the schema does not know")
	}
	if len(n.children) > 0 {
		f.add(n, "has children")
	}
	f.checkText(n, name, n.text)
}

func (f *faultList) checkAttrs(n *node, t *typ) {
	for name, value := range n.attrs {
		a, ok := t.attrs[name]
		if !ok {
			f.add(n, "has an attribute that the schema does not know")
			continue
		}
		if !valid(a.typ, value) {
			f.add(n, "@"+name+" is not a "+a.typ)
		}
	}
	for name, a := range t.attrs {
		if _, ok := n.attrs[name]; a.required && !ok {
			f.add(n, "lacks @"+name)
		}
	}
}

func (f *faultList) checkText(n *node, name, value string) {
	if !valid(name, value) {
		f.add(n, "is not a "+name)
	}
}

// checkSequence matches the children of n with the slots of t, in order.
func (f *faultList) checkSequence(n *node, t *typ) {
	i := 0
	for _, s := range t.children {
		count := 0
		for i < len(n.children) && (count == 0 || s.many) {
			of, ok := s.find(n.children[i].name)
			if !ok {
				break
			}
			f.checkSchema(n.children[i], of)
			i++
			count++
		}
		if s.min && count == 0 {
			f.add(n, "lacks "+s.options[0].name+" in its place")
		}
	}
	if i < len(n.children) {
		f.add(n, "has a child that is unknown, out of order or once too often")
	}
}

// checkSet matches the children of n with an all or a one.
func (f *faultList) checkSet(n *node, t *typ) {
	seen := map[string]bool{}
	for _, c := range n.children {
		of, ok := "", false
		for _, s := range t.children {
			if of, ok = s.find(c.name); ok {
				break
			}
		}
		switch {
		case !ok:
			f.add(n, "has a child that is unknown")
			continue
		case seen[c.name]:
			f.add(n, "repeats a child")
		}
		seen[c.name] = true
		f.checkSchema(c, of)
	}
	if t.kind == "one" && len(n.children) != 1 {
		f.add(n, "must have exactly one child")
	}
}

var (
	reDateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)
	reDouble   = regexp.MustCompile(`^([+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|-?INF|NaN)$`)
)

// valid reports whether value is in the lexical space of the type. A dateTime
// needs its offset here, which is a rule of the documentation.
func valid(name, value string) bool {
	if t := table()[name]; t != nil {
		if t.enum != nil {
			return t.enum[value]
		}
		return t.pattern != nil && t.pattern.MatchString(value)
	}
	v := strings.TrimSpace(value)
	switch name {
	case "string", "token":
		return true
	case "flag":
		return value == "" || v == "true" // xmllint refuses "1" too
	case "boolean":
		return v == "true" || v == "false" || v == "1" || v == "0"
	case "int":
		_, err := strconv.ParseInt(v, 10, 32)
		return err == nil
	case "long":
		_, err := strconv.ParseInt(v, 10, 64)
		return err == nil
	case "double":
		return reDouble.MatchString(v)
	case "dateTime":
		_, ok := instant(v)
		return ok
	case "date":
		_, err := time.Parse("2006-01-02", v)
		return err == nil
	}
	return false
}

func instant(v string) (time.Time, bool) {
	v = strings.TrimSpace(v)
	if !reDateTime.MatchString(v) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, v)
	return t, err == nil
}

func truth(v string) bool { v = strings.TrimSpace(v); return v == "true" || v == "1" }
