package cybertip_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/cybertip"
)

var update = flag.Bool("update", false, "write testdata/*.golden.xml")

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := cybertip.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMarshalGolden(t *testing.T) {
	for name, doc := range documents() {
		t.Run(name, func(t *testing.T) {
			got := marshal(t, doc)
			path := filepath.Join("testdata", name+".golden.xml")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestMarshalStripsIllegalCharacters(t *testing.T) {
	r := smallReport()
	r.AdditionalInfo = "a\x00b\x1bc\uFFFEd\xff\te\r\nf<&>\U0001F333"
	doc := marshal(t, r)
	back, err := cybertip.ParseReport(doc)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("abcd\uFFFD\te\r\nf<&>\U0001F333", back.AdditionalInfo); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if r.AdditionalInfo[1] != 0 {
		t.Error("Marshal changed its argument")
	}
}

func TestMarshalRefusesBrokenChoice(t *testing.T) {
	none, two := smallReport(), smallReport()
	none.InternetDetails = []cybertip.InternetDetails{{}}
	two.InternetDetails = []cybertip.InternetDetails{{ChatIMIncident: &cybertip.ChatIMIncident{}, EmailIncident: &cybertip.EmailIncident{}}}
	both := fullFile()
	both.PotentialMeme = new(false)
	for name, v := range map[string]any{"none": none, "two": two, "both": both} {
		if _, err := cybertip.Marshal(v); !errors.Is(err, cybertip.ErrChoice) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for name, v := range map[string]any{"nil": (*cybertip.Report)(nil), "value": cybertip.Report{}, "other": "text", "untyped": nil} {
		if _, err := cybertip.Marshal(v); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFlag(t *testing.T) {
	for text, ok := range map[string]bool{"<spam/>": true, "<spam>true</spam>": true, "<spam> true </spam>": true,
		"<spam>false</spam>": false, "<spam>yes</spam>": false, "<spam>0</spam>": false} {
		doc := "<report><incidentSummary><reportAnnotations>" + text + "</reportAnnotations></incidentSummary></report>"
		r, err := cybertip.ParseReport([]byte(doc))
		if ok != (err == nil) {
			t.Errorf("%s: got error %v", text, err)
		}
		if ok && err == nil && !bool(r.IncidentSummary.ReportAnnotations.Spam) {
			t.Errorf("%s: not set", text)
		}
	}
}
