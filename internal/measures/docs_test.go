package measures_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/measures"
)

// TestDocs: docs/measures.md lists every measure with its source and tags, as the
// catalogue has them.
func TestDocs(t *testing.T) {
	const file, begin = "../../docs/measures.md", "<!-- table -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, got, ok := strings.Cut(string(text), begin)
	if !ok {
		t.Fatal("the table has no place in " + file)
	}
	want := table(load(t))
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if got != want {
		t.Error("docs/measures.md is not what the catalogue says: go test ./internal/measures -run Docs -update")
	}
}

func table(c *measures.Catalogue) string {
	var b strings.Builder
	for _, g := range c.Regimes {
		fmt.Fprintf(&b, "\n### %s\n\nSource: %s [%s].", g.Name, g.Source, g.SourceTag)
		if g.InForce != "" {
			fmt.Fprintf(&b, " In force since %s [%s] unless a line says otherwise.", g.InForce, g.InForceTag)
		}
		b.WriteString("\n\n| measure | asks | applies | Rowan |\n|---|---|---|---|\n")
		for _, m := range c.Measures {
			if m.Regime != g.ID {
				continue
			}
			asks := fmt.Sprintf("%s: %s [%s]", m.Title, m.Requirement, m.Tags.Requirement)
			if m.Note != "" {
				asks += " " + m.Note
			}
			if m.Source != g.Source {
				asks += fmt.Sprintf(" Source: %s [%s].", m.Source, m.SourceTag)
			}
			if *m.InForce != g.InForce && *m.InForce != "" {
				asks += fmt.Sprintf(" In force since %s [%s].", *m.InForce, m.InForceTag)
			}
			holds := m.Capability
			if len(m.Probes) == 0 {
				holds = "holds nothing"
			}
			fmt.Fprintf(&b, "| %s | %s | %s [%s] | %s |\n", m.Code, asks, m.Applies.Words(), m.Tags.Applies, holds)
		}
	}
	return b.String()
}
