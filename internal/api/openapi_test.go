package api

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOpenAPI: the committed document is the one that the code generates. The
// console's types are made from it.
func TestOpenAPI(t *testing.T) {
	text, err := New(Deps{Version: "1"}).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("openapi.json is not what the code generates; run make generate (-committed +generated):\n%.2000s", diff)
	}
}
