package api

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNoBulkDeleteOnMandatedQueues: nothing that the API offers, and no query that
// Rowan has, takes cases, their content, evidence, decisions, reports, clocks or
// the ledger away, one or many: they end by being decided, filed or destroyed with
// a record, and in no other way.
func TestNoBulkDeleteOnMandatedQueues(t *testing.T) {
	text, err := New(Deps{Version: "1"}).OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	kept := regexp.MustCompile(`^/v1/(cases|reports|evidence|ledger|queues|accounts)\b`)
	looked := 0
	for path, ops := range doc.Paths {
		if !kept.MatchString(path) {
			continue
		}
		looked++
		if _, ok := ops["delete"]; ok {
			t.Errorf("DELETE %s: what the law makes us keep is not deleted by a call", path)
		}
	}
	if looked < 15 {
		t.Errorf("only %d paths were looked at", looked)
	}
	files, err := filepath.Glob(filepath.Join("..", "store", "queries", "*.sql"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d files of queries: %v", len(files), err)
	}
	away := regexp.MustCompile(`(?i)\b(delete\s+from|truncate(\s+table)?)\s+(cases|items|findings|evidence|views|decisions|reports|report_\w+|clocks|holds|case_keys|destructions|ledger_\w+)\b`)
	for _, f := range files {
		sql, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range away.FindAllString(string(sql), -1) {
			t.Errorf("%s: %q", filepath.Base(f), strings.Join(strings.Fields(m), " "))
		}
	}
}
