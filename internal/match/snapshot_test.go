package match_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

// fresh is an index of a process that starts with a snapshot.
func (b *bench) fresh(path string) (*match.Index, int, error) {
	b.t.Helper()
	x := match.NewIndex(b.store, b.clock, slog.New(slog.DiscardHandler))
	n, loadErr := x.LoadSnapshot(b.t.Context(), path)
	if err := x.Ready(); err == nil {
		b.t.Error("an index is ready before it has seen the database")
	}
	if err := x.Refresh(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	return x, n, loadErr
}

// sees is which of the synthetic hashes an index finds, by type.
func (b *bench) sees(x *match.Index, n int) (out string) {
	b.t.Helper()
	var s strings.Builder
	for _, typ := range []safety.HashType{safety.MD5, safety.SHA1, safety.SHA256, safety.PDQ} {
		for i := range n {
			h := synthetic(typ, i)
			q := match.Query{Exact: []safety.Hash{h}}
			if typ == safety.PDQ {
				q = match.Query{Near: []match.Near{{Hash: flipped(pdq.Hash(h.Bytes()), 5), Quality: 100}}}
			}
			found, err := x.Lookup(q)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, f := range found {
				s.WriteString(string(typ) + f.List + f.SignalID + " ")
			}
		}
	}
	found, err := x.Lookup(match.Query{Video: []match.Video{{Variant: "original", Frames: frames(9, 12)}}})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range found {
		s.WriteString("film " + f.List + f.SignalID)
	}
	return s.String()
}

// mixed is a list of n hashes of every type.
func mixed(from, n int) string {
	var s strings.Builder
	for i := from; i < from+n; i++ {
		for _, typ := range []safety.HashType{safety.MD5, safety.SHA1, safety.SHA256, safety.PDQ} {
			s.WriteString(string(typ) + ":" + synthetic(typ, i).Value + "\n")
		}
	}
	return s.String()
}

// TestSnapshot: a process that starts with a snapshot finds what one without
// finds, also what has come and gone since.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	path := filepath.Join(t.TempDir(), "lists")
	b.create("one", safety.ListIllegal)
	b.create("two", safety.ListHarmful)
	b.imports("one", match.FormatHashes, mixed(0, 20))
	b.imports("two", match.FormatHashes, mixed(10, 20))
	b.imports("one", match.FormatVPDQ, textOf(frames(9, 12)))
	if _, n, err := b.fresh(path); n != 0 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no snapshot: %d signals, %v", n, err)
	}
	if err := match.WriteSnapshot(t.Context(), b.store, path); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	check := func(what string, fromSnapshot int) {
		t.Helper()
		plain, _, _ := b.fresh(path + ".none")
		x, n, err := b.fresh(path)
		if n != fromSnapshot || err != nil {
			t.Errorf("%s: %d signals from the snapshot, want %d, %v", what, n, fromSnapshot, err)
		}
		if got, want := b.sees(x, 45), b.sees(plain, 45); got != want || x.Signals() != plain.Signals() {
			t.Errorf("%s: with the snapshot\n%s\nwithout\n%s", what, got, want)
		}
	}
	check("unchanged", 161)
	if x, _, _ := b.fresh(path); !strings.Contains(b.sees(x, 45), "film one") {
		t.Error("the known video is not found")
	}
	b.imports("one", match.FormatHashes, mixed(40, 5))
	check("grown", 161)
	rows, err := b.lists.Signals(t.Context(), "one", "", 7)
	if err != nil || len(rows) != 7 {
		t.Fatal(err)
	}
	for _, s := range rows {
		if err := b.lists.RemoveSignal(t.Context(), actor, "one", s.ID); err != nil {
			t.Fatal(err)
		}
	}
	check("shrunk", 161)
	if err := b.lists.Delete(t.Context(), actor, "two"); err != nil {
		t.Fatal(err)
	}
	check("a list less", 161)
	if err := match.WriteSnapshot(t.Context(), b.store, path); err != nil {
		t.Fatal(err)
	}
	check("written again", 80+20+1-7)
}

// TestSnapshot_OtherHistory: after a backup was put back the same version may be
// another list; the snapshot is not believed.
func TestSnapshot_OtherHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lists")
	b := newBench(t, storetest.New(t))
	b.create("one", safety.ListIllegal)
	b.imports("one", match.FormatHashes, mixed(0, 5))
	if err := match.WriteSnapshot(t.Context(), b.store, path); err != nil {
		t.Fatal(err)
	}
	// The same list id and version, and another stamp.
	if _, err := b.data.SQL(t).Exec("update list_versions set stamp = 'another'"); err != nil {
		t.Fatal(err)
	}
	x, n, err := b.fresh(path)
	if n != 0 || err != nil || x.Signals() != 20 {
		t.Errorf("%d signals from the snapshot, %d in all, %v", n, x.Signals(), err)
	}
}

// TestSnapshot_Damaged: whatever byte is wrong or missing, nothing is lost and
// nothing is found that is not on a list.
func TestSnapshot_Damaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lists")
	b := newBench(t, storetest.New(t))
	b.create("one", safety.ListIllegal)
	b.imports("one", match.FormatHashes, mixed(0, 2))
	if err := match.WriteSnapshot(t.Context(), b.store, path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	plain, _, _ := b.fresh(path + ".none")
	want := b.sees(plain, 3)
	try := func(what string, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		x, n, err := b.fresh(path)
		if n != 0 || err == nil {
			t.Fatalf("%s: %d signals were taken, %v", what, n, err)
		}
		if got := b.sees(x, 3); got != want {
			t.Fatalf("%s: found\n%s\nwant\n%s", what, got, want)
		}
	}
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x10
		try("a wrong byte", bad)
		try("cut off", good[:i])
	}
	try("longer", append(good[:len(good):len(good)], 0))
}
