package reporting_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/vault"
)

// TestViewed_RandomHistories: over random histories of reviewing (previews and
// originals, by anybody, before and after the approval, of any file, with reports
// withdrawn and supplemented in between), a file is said to be viewed exactly when
// the log had a view of its original at the approval.
func TestViewed_RandomHistories(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	reports, said := 0, map[bool]int{}
	rapid.Check(t, func(rt *rapid.T) {
		m := material{}
		n := rapid.IntRange(1, 4).Draw(rt, "files")
		for i := range n {
			m.files = append(m.files, fmt.Sprint("harmless ", i))
		}
		toNCA := rapid.Bool().Draw(rt, "to the NCA")
		b.cfg.Route, b.cfg.UK.Provider = reporting.NCMEC, true
		if toNCA {
			b.cfg.Route = reporting.NCA
		}
		c := b.confirm(m)
		seen := map[string]bool{}
		look := func(when string) {
			for range rapid.IntRange(0, 5).Draw(rt, "looks "+when) {
				id := c.evidence[rapid.IntRange(0, n-1).Draw(rt, "file")]
				mode := rapid.SampledFrom([]vault.Mode{vault.ViewPreview, vault.ViewOriginal}).Draw(rt, "mode")
				b.reveal(id, mode)
				if when == "before" && mode == vault.ViewOriginal {
					seen[id] = true
				}
			}
		}
		look("before")
		if toNCA {
			b.declare(c.reportID, safety.P3)
		} else {
			b.approve(c.reportID)
		}
		look("after")
		v, err := b.desk(nil).View(t.Context(), c.reportID)
		if err != nil {
			rt.Fatal(err)
		}
		for _, f := range v.Files {
			said[f.Viewed]++
			if f.Viewed != seen[f.EvidenceID] {
				rt.Fatalf("viewed is %t, the log at the approval says %t", f.Viewed, seen[f.EvidenceID])
			}
		}
		if toNCA {
			doc, _, err := b.desk(nil).Document(t.Context(), c.reportID)
			if err != nil {
				rt.Fatal(err)
			}
			for _, content := range doc.Content {
				for _, f := range content.Files {
					if f.Viewed != seen[f.EvidenceID] {
						rt.Fatalf("the document says %t, the log at the approval %t", f.Viewed, seen[f.EvidenceID])
					}
				}
			}
		} else {
			b.drive(b.desk(nil), c.reportID)
			b.viewedAt(rt, c, seen)
		}
		reports++
	})
	t.Logf("%d reports, %d files viewed, %d not", reports, said[true], said[false])
	if said[true] == 0 || said[false] == 0 {
		t.Error("the histories hold only one kind of file")
	}
}

// viewedAt compares what the authority was told with the log at the approval.
func (b *bench) viewedAt(rt *rapid.T, c confirmed, seen map[string]bool) {
	rows, err := b.store.Read().ReportFiles(b.t.Context(), c.reportID)
	if err != nil {
		rt.Fatal(err)
	}
	got := b.finished(c.caseID)[0]
	for _, row := range rows {
		i := slices.IndexFunc(got.Files, func(f ncmec.File) bool { return f.ID == row.RemoteFileID })
		if i < 0 {
			rt.Fatal("a file is not at the authority")
		}
		info := string(got.Files[i].Info)
		if fileViewed.MatchString(info) != seen[row.EvidenceID] || strings.Contains(info, "exifViewedByEsp") {
			rt.Fatalf("the authority was told otherwise than the log says (%t)", seen[row.EvidenceID])
		}
	}
}
