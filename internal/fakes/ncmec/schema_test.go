package ncmec

import (
	"encoding/xml"
	"os"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSchemaTableIsClosed(t *testing.T) {
	builtin := strings.Fields("string token boolean flag int long double dateTime date")
	known := func(name string) bool { return table()[name] != nil || slices.Contains(builtin, name) }
	for _, ty := range table() {
		for _, s := range ty.children {
			for _, o := range s.options {
				if !known(o.typ) {
					t.Errorf("%s: child %s has unknown type %s", ty.name, o.name, o.typ)
				}
			}
		}
		for name, a := range ty.attrs {
			if !known(a.typ) {
				t.Errorf("%s: @%s has unknown type %s", ty.name, name, a.typ)
			}
		}
		if ty.kind == "text" && !known(ty.text) {
			t.Errorf("%s: unknown text type %s", ty.name, ty.text)
		}
	}
}

// TestRulesNamePlacesOfTheTable: a limit for an element that does not exist
// would never be applied, and nobody would notice.
func TestRulesNamePlacesOfTheTable(t *testing.T) {
	exists := func(key string) bool {
		of, name, ok := strings.Cut(key, "/")
		ty := table()[of]
		if ty == nil || !ok {
			return ty != nil
		}
		if a, isAttr := strings.CutPrefix(name, "@"); isAttr {
			_, ok := ty.attrs[a]
			return ok
		}
		return slices.ContainsFunc(ty.children, func(s slot) bool { _, ok := s.find(name); return ok })
	}
	for key := range longest {
		if !exists(key) {
			t.Errorf("longest[%q]: no such place", key)
		}
	}
	for key := range nonBlank {
		if !exists(key) {
			t.Errorf("nonBlank[%q]: no such place", key)
		}
	}
}

type xs struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Inner   []xs       `xml:",any"`
}

func (x xs) attr(name, absent string) string {
	for _, a := range x.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return absent
}

// TestTableAgreesWithTheSchema compares schema.txt with NCMEC's schema: the
// names, order and occurrence of children, the attributes, the enumerations.
func TestTableAgreesWithTheSchema(t *testing.T) {
	var raw []byte
	for _, p := range []string{os.Getenv("ROWAN_NCMEC_XSD"), "../../../../shared/facts/ncmec/cybertipline-2025-11.xsd"} {
		if b, err := os.ReadFile(p); err == nil {
			raw = b
			break
		}
	}
	if raw == nil {
		if os.Getenv("ROWAN_TEST_REQUIRE_XSD") != "" {
			t.Fatal("NCMEC's schema is not here: set ROWAN_NCMEC_XSD to a copy")
		}
		t.Skip("NOT CHECKED: NCMEC's schema is not here: set ROWAN_NCMEC_XSD to a copy")
	}
	var root xs
	if err := xml.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	// Types that the table writes as plain text, and answers.
	skip := strings.Fields("text content screenName latlong reportedToLawEnforcement reportResponse reportDoneResponse")
	compared := 0
	for _, e := range root.Inner {
		name := e.attr("name", "")
		if name == "" || slices.Contains(skip, name) { // an annotation, or skipped
			continue
		}
		ty := table()[name]
		if ty == nil {
			t.Errorf("%s is not in the table", name)
			continue
		}
		var want []string
		schemaParts(e.Inner, &want)
		if d := cmp.Diff(want, tableParts(ty)); d != "" {
			t.Errorf("%s: -schema +table:\n%s", name, d)
		}
		compared++
	}
	t.Logf("%d types compared", compared)
}

// schemaParts lists children as "name min max", then attributes, then values.
func schemaParts(list []xs, out *[]string) {
	for _, e := range list {
		switch e.XMLName.Local {
		case "element":
			*out = append(*out, e.attr("name", e.attr("ref", ""))+" "+e.attr("minOccurs", "1")+" "+e.attr("maxOccurs", "1"))
		case "attribute":
			*out = append(*out, "@"+e.attr("name", "")+" "+e.attr("use", "optional"))
		case "enumeration":
			*out = append(*out, "="+e.attr("value", ""))
		case "pattern":
			*out = append(*out, "~"+e.attr("value", ""))
		default:
			schemaParts(e.Inner, out)
		}
	}
	slices.SortStableFunc(*out, func(a, b string) int { return rank(a) - rank(b) })
	i := slices.IndexFunc(*out, func(s string) bool { return rank(s) > 0 })
	if i >= 0 {
		sort.Strings((*out)[i:])
	}
}

func rank(s string) int {
	if strings.ContainsAny(s[:1], "@=~") {
		return 1
	}
	return 0
}

func tableParts(ty *typ) []string {
	var out, rest []string
	for _, s := range ty.children {
		min, max := "0", "1"
		if s.min || ty.kind == "one" {
			min = "1"
		}
		if s.many {
			max = "unbounded"
		}
		for _, o := range s.options {
			out = append(out, o.name+" "+min+" "+max)
		}
	}
	for name, a := range ty.attrs {
		use := "optional"
		if a.required {
			use = "required"
		}
		rest = append(rest, "@"+name+" "+use)
	}
	for v := range ty.enum {
		rest = append(rest, "="+v)
	}
	if ty.pattern != nil {
		p := ty.pattern.String()
		rest = append(rest, "~"+p[len("^(?:"):len(p)-len(")$")])
	}
	sort.Strings(rest)
	return append(out, rest...)
}
