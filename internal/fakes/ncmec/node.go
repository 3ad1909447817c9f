package ncmec

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
)

// node is an element of a document, as it came.
type node struct {
	name     string
	typ      string // set by the check against the table
	parent   *node
	attrs    map[string]string
	children []*node
	text     string
}

// Limits on what is read. They are the stand-in's own.
const (
	maxDocument = 16 << 20
	maxDepth    = 32
)

// parseTree reads a whole document. ok is false for anything that is not
// well-formed, has a document type declaration or nests too deep.
func parseTree(doc []byte) (root *node, ok bool) {
	d := xml.NewDecoder(bytes.NewReader(doc))
	var at *node
	depth := 0
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return root, root != nil && at == nil
		}
		if err != nil {
			return nil, false
		}
		switch t := tok.(type) {
		case xml.Directive:
			return nil, false
		case xml.StartElement:
			if depth++; depth > maxDepth || at == nil && root != nil {
				return nil, false
			}
			n := newNode(t, at)
			if at == nil {
				root = n
			}
			at = n
		case xml.EndElement:
			depth--
			at = at.parent
		case xml.CharData:
			if at != nil {
				at.text += string(t)
			} else if len(bytes.TrimSpace(t)) > 0 {
				return nil, false
			}
		}
	}
}

func newNode(t xml.StartElement, parent *node) *node {
	n := &node{name: t.Name.Local, parent: parent, attrs: map[string]string{}}
	if t.Name.Space != "" {
		n.name = "{" + t.Name.Space + "}" + n.name // the schema has no namespace
	}
	for _, a := range t.Attr {
		switch {
		case a.Name.Local == "xmlns" || a.Name.Space == "xmlns":
		case a.Name.Space == "http://www.w3.org/2001/XMLSchema-instance":
		case a.Name.Space != "":
			n.attrs["{"+a.Name.Space+"}"+a.Name.Local] = a.Value
		default:
			n.attrs[a.Name.Local] = a.Value
		}
	}
	if parent != nil {
		parent.children = append(parent.children, n)
	}
	return n
}

// key names n for the tables of rules: "type of parent/name".
func (n *node) key() string {
	if n.parent == nil {
		return n.name
	}
	return n.parent.typ + "/" + n.name
}

// path names n for a description; it holds no values.
func (n *node) path() string {
	if n.parent == nil {
		return n.name
	}
	return n.parent.path() + "/" + n.name
}

// all returns the children of n called name.
func (n *node) all(name string) []*node {
	var out []*node
	for _, c := range n.children {
		if c.name == name {
			out = append(out, c)
		}
	}
	return out
}

// one returns the first child of n called name, or nil.
func (n *node) one(name string) *node {
	if l := n.all(name); len(l) > 0 {
		return l[0]
	}
	return nil
}

func (n *node) has(name string) bool { return n.one(name) != nil }

// value is the text of the child called name, trimmed; empty if absent.
func (n *node) value(name string) string {
	if c := n.one(name); c != nil {
		return strings.TrimSpace(c.text)
	}
	return ""
}

// walk calls f for n and everything below, in document order.
func (n *node) walk(f func(*node)) {
	f(n)
	for _, c := range n.children {
		c.walk(f)
	}
}
