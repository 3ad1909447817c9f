package ncmec

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

// TestTableAgainstXmllint changes valid documents at random and compares the
// table's verdict with that of xmllint and NCMEC's schema.
func TestTableAgainstXmllint(t *testing.T) {
	schema := os.Getenv("ROWAN_NCMEC_XSD")
	if schema == "" {
		schema = "../../../../shared/facts/ncmec/cybertipline-2025-11.xsd"
	}
	lint, err := exec.LookPath("xmllint")
	if _, e := os.Stat(schema); e != nil || err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE_XSD") != "" {
			t.Fatal("NCMEC's schema or xmllint is not here: set ROWAN_NCMEC_XSD to a copy")
		}
		t.Skip("NOT CHECKED: NCMEC's schema or xmllint is not here")
	}
	r := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	ours := map[string]faultList{}
	args := []string{"--noout", "--nonet", "--schema", schema}
	for _, name := range []string{"report-full", "file-full", "report-batched"} {
		doc, err := os.ReadFile("../../../cybertip/testdata/" + name + ".golden.xml")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 400 {
			root, ok := parseTree(doc)
			if !ok {
				t.Fatal(name)
			}
			if i > 0 {
				mutate(r, root)
			}
			var b bytes.Buffer
			root.write(&b)
			path := filepath.Join(dir, fmt.Sprintf("%s-%03d.xml", name, i))
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			again, _ := parseTree(b.Bytes())
			var f faultList
			f.checkSchema(again, again.name)
			ours[path] = f
			args = append(args, path)
		}
	}
	out, _ := exec.CommandContext(t.Context(), lint, args...).CombinedOutput() // fails if any document does
	theirs := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		if path, ok := strings.CutSuffix(strings.TrimSpace(line), " validates"); ok {
			theirs[path] = true
		}
	}
	for path, f := range ours {
		if (len(f) == 0) != theirs[path] {
			b, _ := os.ReadFile(path)
			t.Errorf("%s: table says %v, xmllint says valid=%v\n%s", filepath.Base(path), f, theirs[path], b)
		}
	}
	t.Logf("%d documents, %d valid", len(ours), len(theirs))
}

// mutate makes one change somewhere.
func mutate(r *rand.Rand, root *node) {
	var all []*node
	root.walk(func(n *node) { all = append(all, n) })
	n := all[r.IntN(len(all))]
	kids := n.children
	switch k := r.IntN(6); {
	case k == 0 && len(kids) > 0: // one child less
		i := r.IntN(len(kids))
		n.children = append(append([]*node{}, kids[:i]...), kids[i+1:]...)
	case k == 1 && len(kids) > 1: // two change places
		i, j := r.IntN(len(kids)), r.IntN(len(kids))
		kids[i], kids[j] = kids[j], kids[i]
	case k == 2 && len(kids) > 0: // one twice
		i := r.IntN(len(kids))
		n.children = append(append(append([]*node{}, kids[:i+1]...), kids[i]), kids[i+1:]...)
	case k == 3: // one from elsewhere
		n.children = append(append([]*node{}, kids...), &node{name: all[r.IntN(len(all))].name})
	case k == 4 && len(n.attrs) > 0:
		names := make([]string, 0, len(n.attrs))
		for a := range n.attrs {
			names = append(names, a)
		}
		sort.Strings(names)
		a := names[r.IntN(len(names))]
		if delete(n.attrs, a); r.IntN(2) == 0 {
			n.attrs[a] = texts[r.IntN(len(texts))]
		}
	case len(kids) == 0:
		n.text = texts[r.IntN(len(texts))]
	default:
		n.attrs["type"] = texts[r.IntN(len(texts))]
	}
}

var texts = []string{"", "x", "true", "false", "0", "1", "-5", "1.5", "2026-10-15", "2026-10-15T08:00:00Z",
	"2026-13-15T08:00:00Z", "Home", "Upload", "US", "GB", "VA", "+44", "Linked", "EXIF", "99999999999"}

func (n *node) write(b *bytes.Buffer) {
	b.WriteString("<" + n.name)
	for a, v := range n.attrs {
		b.WriteString(" " + a + `="`)
		_ = xml.EscapeText(b, []byte(v))
		b.WriteString(`"`)
	}
	b.WriteString(">")
	if len(n.children) == 0 {
		_ = xml.EscapeText(b, []byte(n.text))
	}
	for _, c := range n.children {
		c.write(b)
	}
	b.WriteString("</" + n.name + ">")
}
