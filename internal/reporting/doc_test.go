package reporting

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDocument: the diagram in docs/report.md is the table.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := 0
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "-->") && !strings.Contains(line, "[*]") {
			drawn++
		}
	}
	for _, tr := range Transitions {
		line := fmt.Sprintf("    %s --> %s: %s\n", tr.From, tr.To, tr.Why)
		if !strings.Contains(string(text), line) {
			t.Errorf("docs/report.md lacks\n%s", line)
		}
	}
	if drawn != len(Transitions) {
		t.Errorf("docs/report.md draws %d transitions, there are %d", drawn, len(Transitions))
	}
}
