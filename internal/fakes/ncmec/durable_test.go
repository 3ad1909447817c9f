package ncmec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

// TestReopen: a second stand-in on the same directory, without the first
// having been closed, knows all that was answered.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	a := newSite(t, ncmec.Config{Dir: dir})
	open := want(t, a.submit(minimal()), 0).ID
	f := want(t, a.upload(open, "example"), 0)
	want(t, a.fileinfo(details(open, f.FileID, "")), 0)
	finished := want(t, a.submit(batched("", "", "")), 0).ID
	want(t, a.id("finish", finished), 0)
	retracted := want(t, a.submit(minimal()), 0).ID
	want(t, a.id("retract", retracted), 0)

	b := newSite(t, ncmec.Config{Dir: dir})
	if d := cmp.Diff(a.srv.Reports(), b.srv.Reports()); d != "" {
		t.Errorf("-before +after:\n%s", d)
	}
	want(t, b.fileinfo(details(open, f.FileID, "")), 4100)
	want(t, b.id("finish", open), 0)
	want(t, b.id("finish", finished), 5102)
	want(t, b.id("finish", retracted), 5101)
	if next := want(t, b.submit(minimal()), 0).ID; next <= retracted {
		t.Errorf("number %d was given before", next)
	}
}

// TestTornJournal: whatever the length at which the journal was cut, it opens,
// and what follows is kept.
func TestTornJournal(t *testing.T) {
	dir := t.TempDir()
	a := newSite(t, ncmec.Config{Dir: dir})
	id := want(t, a.submit(minimal()), 0).ID
	want(t, a.upload(id, "example"), 0)
	want(t, a.id("finish", id), 0)
	whole, err := os.ReadFile(filepath.Join(dir, "standin.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n <= len(whole); n += 7 {
		dir := t.TempDir()
		path := filepath.Join(dir, "standin.jsonl")
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		b := newSite(t, ncmec.Config{Dir: dir})
		id := want(t, b.submit(minimal()), 0).ID
		want(t, b.id("finish", id), 0)
		c := newSite(t, ncmec.Config{Dir: dir})
		if d := cmp.Diff(b.srv.Reports(), c.srv.Reports()); d != "" {
			t.Fatalf("cut at %d: -before +after:\n%s", n, d)
		}
	}
}

func TestJournalRefusesOthersFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "standin.jsonl"), []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ncmec.New(ncmec.Config{Dir: dir}); err == nil {
		t.Error("no error")
	}
}

// TestClosedJournal: an answer of success needs the disk.
func TestClosedJournal(t *testing.T) {
	s := newSite(t, ncmec.Config{Dir: t.TempDir()})
	id := want(t, s.submit(minimal()), 0).ID
	f := want(t, s.upload(id, "a"), 0)
	if err := s.srv.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, s.submit(minimal()), 1100)
	want(t, s.upload(id, "b"), 1111)
	want(t, s.fileinfo(details(id, f.FileID, "")), 1300)
	want(t, s.id("finish", id), 1300)
	if got := s.srv.Reports(); len(got) != 1 || got[0].State != ncmec.Open || len(got[0].Files) != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestTwice: a request that is delivered twice is carried out twice; that is
// what a submit, an upload and a finish then look like.
func TestTwice(t *testing.T) {
	s := newSite(t, ncmec.Config{Faults: func(_ string, p ncmec.Phase) ncmec.Fault {
		if p == ncmec.Before {
			return ncmec.Fault{Kind: ncmec.Twice}
		}
		return ncmec.Fault{}
	}})
	id := want(t, s.submit(minimal()), 0).ID
	want(t, s.upload(id, "example"), 0)
	want(t, s.id("finish", id), 5102)
	got := s.srv.Reports()
	if len(got) != 2 || got[0].State != ncmec.Open || got[1].State != ncmec.Finished || len(got[1].Files) != 2 {
		t.Errorf("got %+v", got)
	}
}
