package cybertip_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/cybertip"
)

// schemaPath finds NCMEC's schema, which is not ours to commit. Without it the
// test is skipped, or fails if ROWAN_TEST_REQUIRE_XSD is set.
func schemaPath(t *testing.T) string {
	t.Helper()
	for _, p := range []string{os.Getenv("ROWAN_NCMEC_XSD"), "../../shared/facts/ncmec/cybertipline-2025-11.xsd"} {
		if _, err := os.Stat(p); p != "" && err == nil {
			return p
		}
	}
	absent(t, "ROWAN_TEST_REQUIRE_XSD", "NCMEC's schema is not here: set ROWAN_NCMEC_XSD to a copy")
	return ""
}

func absent(t *testing.T, require, why string) {
	t.Helper()
	if os.Getenv(require) != "" {
		t.Fatal(why)
	}
	t.Skip("NOT CHECKED: " + why)
}

// TestEveryOptionalPartIsValidAgainstTheSchema validates every document with
// xmllint; TestCoverage shows that together they hold every part.
func TestEveryOptionalPartIsValidAgainstTheSchema(t *testing.T) {
	schema := schemaPath(t)
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		absent(t, "ROWAN_TEST_REQUIRE", "xmllint is not installed")
	}
	for name, doc := range documents() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name+".xml")
			if err := os.WriteFile(path, marshal(t, doc), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), lint, "--noout", "--nonet", "--schema", schema, path).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// xs is an element of an XML schema file, whatever it is.
type xs struct {
	XMLName xml.Name
	Name    string `xml:"name,attr"`
	Ref     string `xml:"ref,attr"`
	Type    string `xml:"type,attr"`
	Value   string `xml:"value,attr"`
	Inner   []xs   `xml:",any"`
}

// xsd is what the coverage needs of the schema: for each type (or global
// element), the types of its children and the names of its attributes.
type xsd struct {
	children map[string]map[string]string
	attrs    map[string][]string
	enums    map[string][]string
}

func readXSD(t *testing.T) xsd {
	t.Helper()
	b, err := os.ReadFile(schemaPath(t))
	if err != nil {
		t.Fatal(err)
	}
	var root xs
	if err := xml.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	s := xsd{map[string]map[string]string{}, map[string][]string{}, map[string][]string{}}
	for _, e := range root.Inner {
		s.collect(e.Name, e.Inner)
	}
	return s
}

func (s xsd) collect(owner string, list []xs) {
	for _, e := range list {
		switch e.XMLName.Local {
		case "element":
			s.element(owner, e)
		case "attribute":
			s.attrs[owner] = append(s.attrs[owner], e.Name)
		case "enumeration":
			s.enums[owner] = append(s.enums[owner], e.Value)
		default:
			s.collect(owner, e.Inner)
		}
	}
}

func (s xsd) element(owner string, e xs) {
	name, of := e.Name, e.Type
	if e.Ref != "" {
		name, of = e.Ref, e.Ref
	}
	if of == "" { // an anonymous type is named after its place
		of = owner + "/" + name
		s.collect(of, e.Inner)
	}
	if s.children[owner] == nil {
		s.children[owner] = map[string]string{}
	}
	s.children[owner][name] = of
}

// places lists every element and attribute as "type/child" and "type/@name".
func (s xsd) places() []string {
	var out []string
	for owner, kids := range s.children {
		for k := range kids {
			out = append(out, owner+"/"+k)
		}
	}
	for owner, list := range s.attrs {
		for _, a := range list {
			out = append(out, owner+"/@"+a)
		}
	}
	sort.Strings(out)
	return out
}

// mark counts the places that doc uses. A place that the schema does not know
// is an error.
func (s xsd) mark(t *testing.T, doc []byte, seen map[string]int) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(doc))
	stack := []string{""}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			owner := stack[len(stack)-1]
			of := e.Name.Local
			if owner != "" {
				place := owner + "/" + e.Name.Local
				var ok bool
				if of, ok = s.children[owner][e.Name.Local]; !ok {
					t.Errorf("%s is not in the schema", place)
				}
				seen[place]++
			}
			for _, a := range e.Attr {
				if a.Name.Space == "" {
					seen[of+"/@"+a.Name.Local]++
				}
			}
			stack = append(stack, of)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
}

// unused are places that no document of the tests has, with the reason.
var unused = map[string]string{}

// TestCoverage shows that the documents of the optional-part tests, which
// xmllint finds valid, hold every element and every attribute of the schema.
// Run with -v for the table.
func TestCoverage(t *testing.T) {
	s := readXSD(t)
	seen := map[string]int{}
	for _, doc := range documents() {
		s.mark(t, marshal(t, doc), seen)
	}
	covered, places := 0, s.places()
	var b strings.Builder
	for _, p := range places {
		state := fmt.Sprintf("%4d", seen[p])
		switch {
		case seen[p] > 0:
			covered++
		case unused[p] != "":
			state = "   - " + unused[p]
		default:
			t.Errorf("%s is produced by no document", p)
		}
		fmt.Fprintf(&b, "%-60s %s\n", p, state)
	}
	for p := range seen {
		if !slices.Contains(places, p) {
			t.Errorf("%s is produced and not in the schema", p)
		}
	}
	t.Logf("times produced:\n%s%d of %d elements and attributes produced, %d unused with a reason", &b, covered, len(places), len(unused))
}

// TestEnumerations compares our constants with the schema.
func TestEnumerations(t *testing.T) {
	s := readXSD(t)
	for name, got := range map[string][]string{
		"incidentType": texts(cybertip.IncidentTypes()), "ipCaptureType": texts(cybertip.IPCaptureTypes()),
		"fileClassification": texts(cybertip.FileClassifications()), "fileRelevance": texts(cybertip.FileRelevances()),
		"addressType": texts(cybertip.AddressTypes()), "emailType": texts(cybertip.EmailTypes()),
		"phoneType": texts(cybertip.PhoneTypes()), "associatedAccountType": texts(cybertip.AssociatedAccountTypes()),
		"batchedReportReason": texts(cybertip.BatchedReportReasons()), "metadataTypes": texts(cybertip.MetadataTypes()),
		"country": texts(cybertip.Countries()), "state": texts(cybertip.States()),
	} {
		want := slices.DeleteFunc(slices.Clone(s.enums[name]), func(v string) bool { return v == "" })
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -schema +ours:\n%s", name, d)
		}
		delete(s.enums, name)
	}
	for name := range s.enums {
		t.Errorf("enumeration %s has no type here", name)
	}
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
