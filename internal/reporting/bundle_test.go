package reporting_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/reporting"
	"github.com/rowan-safety/rowan/internal/safety"
)

const passphrase = "a passphrase of harmless words"

// unpack opens a bundle with 7-Zip, as an officer might.
func unpack(t *testing.T, archive []byte, pass string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("7z")
	if err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE") != "" {
			t.Fatal("7z is not installed; scripts/setup installs it")
		}
		t.Skip("7z is not installed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "bundle.zip")
	if err := os.WriteFile(file, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	text, err := exec.CommandContext(t.Context(), program, "x", "-y", "-p"+pass, "-o"+out, file).CombinedOutput()
	if err != nil {
		err = errors.New(string(text))
	}
	return out, err
}

// TestBundle_OpensElsewhere: what a person takes to an authority opens with the
// passphrase in another program, holds what it says, and is on record.
func TestBundle_OpensElsewhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.toNCA()
	c := b.confirm(material{files: []string{"harmless one", "harmless two " + strings.Repeat("long ", 10_000), ""}, viewed: []int{0}})
	if _, err := b.desk(nil).Bundle(t.Context(), anna, c.reportID, passphrase); safety.KindOf(err) != safety.Conflict {
		t.Errorf("a bundle of a draft: %v, want a conflict", err)
	}
	b.declare(c.reportID, safety.P2)
	if _, err := b.desk(nil).Bundle(t.Context(), robot, c.reportID, passphrase); safety.KindOf(err) != safety.Forbidden {
		t.Errorf("a bundle for a program: %v, want forbidden", err)
	}
	if _, err := b.desk(nil).Bundle(t.Context(), anna, c.reportID, "short"); safety.KindOf(err) != safety.Invalid {
		t.Errorf("a short passphrase: %v, want invalid", err)
	}
	bundle, err := b.desk(nil).Bundle(t.Context(), anna, c.reportID, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := bundle.WriteTo(t.Context(), &archive); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(archive.Bytes(), []byte("harmless")) {
		t.Error("the archive holds plain text")
	}
	if _, err := unpack(t, archive.Bytes(), "another passphrase of words"); err == nil {
		t.Error("opens with another passphrase")
	}
	broken := bytes.Clone(archive.Bytes())
	broken[len(broken)/2] ^= 1
	if _, err := unpack(t, broken, passphrase); err == nil {
		t.Error("an archive with a flipped bit opens without a word")
	}
	dir, err := unpack(t, archive.Bytes(), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	b.holds(c, dir)
	x, err := b.store.Read().ExchangesOfReport(t.Context(), c.reportID)
	if err != nil || len(x) != 1 || x[0].Operation != "bundle" || !json.Valid(x[0].Request) {
		t.Errorf("what left is not kept: %d exchanges, %v", len(x), err)
	}
	if a := b.actions(c.caseID); a[len(a)-1] != "report.bundle" {
		t.Errorf("last on record is %s", a[len(a)-1])
	}
}

// holds checks an unpacked bundle against the vault, the sums and the view log.
func (b *bench) holds(c confirmed, dir string) {
	b.t.Helper()
	digest := func(name string) string {
		b.t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			b.t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		return hex.EncodeToString(sum[:])
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		b.t.Fatal(err)
	}
	named := 0
	for line := range strings.Lines(string(sums)) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		named++
		if digest(name) != sum {
			b.t.Errorf("%s is not what SHA256SUMS says", name)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var doc reporting.Document
	if err := json.Unmarshal(text, &doc); err != nil {
		b.t.Fatal(err)
	}
	files := 0
	for _, content := range doc.Content {
		for _, f := range content.Files {
			files++
			if got := digest("files/" + f.Name); got != f.SHA256 || got != c.sha256[f.EvidenceID] {
				b.t.Errorf("%s is not the file in the vault", f.Name)
			}
			if f.Viewed != c.viewed[f.EvidenceID] {
				b.t.Errorf("%s: viewed is %t, the view log says %t", f.Name, f.Viewed, c.viewed[f.EvidenceID])
			}
		}
	}
	if files != len(c.evidence) || named != files+2 {
		b.t.Errorf("%d files, %d sums; the case has %d", files, named, len(c.evidence))
	}
	if !doc.Test || doc.Priority != "P2" || doc.Declaration == nil || doc.Declaration.By != boris.ID {
		b.t.Errorf("the document says test %t, priority %q, declaration %+v", doc.Test, doc.Priority, doc.Declaration)
	}
	pdf, err := os.ReadFile(filepath.Join(dir, "report.pdf"))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		b.t.Errorf("report.pdf is no PDF: %v", err)
	}
}
