package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

var anna = vault.Viewer{ID: "user:usr_anna", Name: "Anna"}

var (
	anna2 = safety.Actor{ID: "user:usr_anna", Name: "Anna", Person: true}
	boris = safety.Actor{ID: "user:usr_boris", Name: "Boris", Person: true}
	robot = safety.Actor{ID: "key:key_robot", Name: "robot"}
)

type bench struct {
	t      testing.TB
	now    time.Time
	store  *store.Store
	raw    *sql.DB
	dir    string
	master *age.HybridIdentity
	blobs  *vault.Folder
	vault  *vault.Vault
	n      int
	jumped time.Duration // by which the wall clock has left the monotonic one
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return newBenchOn(t, storetest.New(t))
}

// newBenchOn is newBench on a database of either engine.
func newBenchOn(t testing.TB, d *storetest.Database) *bench {
	t.Helper()
	b := &bench{t: t, now: start, store: d.Open(t), raw: d.SQL(t), dir: filepath.Join(t.TempDir(), "blobs")}
	var err error
	if b.master, err = age.GenerateHybridIdentity(); err != nil {
		t.Fatal(err)
	}
	if b.blobs, err = vault.OpenFolder(b.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.blobs.Close() })
	b.open()
	return b
}

// open makes a vault as a new process would. Its monotonic clock goes along with
// b.now, unless a test has called jump.
func (b *bench) open() {
	b.vault = vault.New(b.store, b.master, b.blobs, func() time.Time { return b.now })
	b.vault.SetTrust(vault.Trust{Elapsed: func() time.Duration { return b.now.Sub(start) - b.jumped }})
}

// jump moves the wall clock alone.
func (b *bench) jump(d time.Duration) { b.now, b.jumped = b.now.Add(d), b.jumped+d }

// expired makes a decided case whose only clock has run out.
func (b *bench) expired() (caseID, evidenceID string) {
	b.t.Helper()
	ctx := context.Background()
	caseID, itemID := b.newCase()
	evidenceID = b.seal(caseID, itemID, []byte("harmless"))
	b.tx(func(tx *store.Tx) error {
		return errors.Join(tx.UpdateCase(ctx, db.UpdateCaseParams{ID: caseID, State: "decided", Priority: "P2"}),
			b.vault.SetClock(ctx, tx, caseID, vault.Clock{Law: "test", Basis: "test", Until: b.now.Add(-time.Hour)}))
	})
	return caseID, evidenceID
}

// newCase makes an open case with one item and returns both ids.
func (b *bench) newCase() (caseID, itemID string) {
	b.t.Helper()
	b.n++
	caseID, itemID = fmt.Sprintf("cas_%d", b.n), fmt.Sprintf("itm_%d", b.n)
	ctx := context.Background()
	b.tx(func(tx *store.Tx) error {
		return errors.Join(tx.CreateCase(ctx, db.CreateCaseParams{ID: caseID, State: "open", Priority: "P2"}),
			tx.AddItem(ctx, db.AddItemParams{ID: itemID, CaseID: caseID, DedupeKey: itemID}))
	})
	return caseID, itemID
}

func (b *bench) tx(fn func(*store.Tx) error) {
	b.t.Helper()
	if err := b.store.Tx(context.Background(), fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) seal(caseID, itemID string, data []byte) (id string) {
	b.t.Helper()
	b.tx(func(tx *store.Tx) (err error) {
		id, err = b.vault.Seal(context.Background(), tx, vault.Piece{CaseID: caseID, ItemID: itemID, Role: vault.Original, MediaType: "image/png", Data: data})
		return err
	})
	return id
}

// body is the path of a sealed body on the disk.
func (b *bench) body(id string) string {
	b.t.Helper()
	found := ""
	err := filepath.WalkDir(b.dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == id {
			found = p
		}
		return err
	})
	if err != nil || found == "" {
		b.t.Fatalf("no body %s on the disk (%v)", id, err)
	}
	return found
}

func (b *bench) exec(query string, args ...any) {
	b.t.Helper()
	res, err := b.raw.ExecContext(context.Background(), query, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		b.t.Fatalf("%s: changed nothing", query)
	}
}

func (b *bench) views(caseID string) []db.View {
	b.t.Helper()
	v, err := b.store.Read().ViewsOfCase(context.Background(), caseID)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) ledger(subject, action string) (n int) {
	b.t.Helper()
	rows, err := b.store.Read().EntriesOfSubject(context.Background(), subject, "\U0010ffff", 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range rows {
		if e.Action == action {
			n++
		}
	}
	return n
}

func TestSealOpen_RoundTrip(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, itemID := b.newCase()
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "data")
		for range rapid.IntRange(0, 10).Draw(rt, "doublings") { // over the 64 KiB of age's chunks
			data = append(data, data...)
		}
		id := b.seal(caseID, itemID, data)
		got, e, err := b.vault.Open(t.Context(), id)
		if err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got, data) {
			rt.Fatal("other bytes came out than went in")
		}
		sum := sha256.Sum256(data)
		if e.Sha256 != hex.EncodeToString(sum[:]) || e.Size != int64(len(data)) {
			rt.Fatalf("manifest says %d bytes of %s", e.Size, e.Sha256)
		}
	})
}

func TestSeal_NothingReadableOnTheDisk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, itemID := b.newCase()
	marker := []byte("harmless marker text that must not be seen")
	id := b.seal(caseID, itemID, bytes.Repeat(marker, 50))
	on, err := os.ReadFile(b.body(id))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(on, marker[:12]) {
		t.Error("plaintext is in the body on the disk")
	}
	if bytes.Contains(on, []byte("age-encryption.org")) {
		t.Error("the header is on the disk beside the body")
	}
	sum := sha256.Sum256(bytes.Repeat(marker, 50))
	if strings.Contains(b.body(id), hex.EncodeToString(sum[:4])) {
		t.Error("the name of the body tells the hash of the content")
	}
	dir := t.TempDir()
	if _, err := b.raw.ExecContext(t.Context(), "vacuum into $1", filepath.Join(dir, "copy.db")); err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(filepath.Join(dir, "copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(copied, marker[:12]) || bytes.Contains(copied, []byte("AGE-SECRET-KEY")) {
		t.Error("plaintext or a key is in the database")
	}
	if info, err := os.Stat(b.body(id)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("body has mode %v, want 0600 (%v)", info.Mode().Perm(), err)
	}
}

// TestOpen_Damage: whatever is changed, the answer is an error and no bytes, to
// the house and to a person, and no view is recorded.
func TestOpen_Damage(t *testing.T) {
	t.Parallel()
	rewrite := func(b *bench, id string, change func([]byte) []byte) {
		b.t.Helper()
		p := b.body(id)
		old, err := os.ReadFile(p)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(p, change(bytes.Clone(old)), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
	column := func(b *bench, table, col, where, id string, change func([]byte) []byte) {
		b.t.Helper()
		var old []byte
		if err := b.raw.QueryRowContext(context.Background(), "select "+col+" from "+table+" where "+where+" = $1", id).Scan(&old); err != nil {
			b.t.Fatal(err)
		}
		b.exec("update "+table+" set "+col+" = $1 where "+where+" = $2", change(bytes.Clone(old)), id)
	}
	flip := func(at int) func([]byte) []byte {
		return func(p []byte) []byte {
			if at < 0 {
				at += len(p)
			}
			p[at] ^= 1
			return p
		}
	}
	tests := []struct {
		name   string
		damage func(b *bench, caseID, id, second, foreign string)
	}{
		{"flipped first byte of the body", func(b *bench, _, id, _, _ string) { rewrite(b, id, flip(0)) }},
		{"flipped byte in the middle of the body", func(b *bench, _, id, _, _ string) { rewrite(b, id, flip(100_000)) }},
		{"flipped last byte of the body", func(b *bench, _, id, _, _ string) { rewrite(b, id, flip(-1)) }},
		{"truncated body", func(b *bench, _, id, _, _ string) { rewrite(b, id, func(p []byte) []byte { return p[:len(p)-1] }) }},
		{"body cut at a chunk", func(b *bench, _, id, _, _ string) {
			rewrite(b, id, func(p []byte) []byte { return p[:16+65536+16] })
		}},
		{"empty body", func(b *bench, _, id, _, _ string) { rewrite(b, id, func([]byte) []byte { return nil }) }},
		{"longer body", func(b *bench, _, id, _, _ string) { rewrite(b, id, func(p []byte) []byte { return append(p, 0) }) }},
		{"deleted body", func(b *bench, _, id, _, _ string) {
			if err := os.Remove(b.body(id)); err != nil {
				b.t.Fatal(err)
			}
		}},
		{"bodies of two pieces swapped", func(b *bench, _, id, second, _ string) {
			p, q := b.body(id), b.body(second)
			if err := errors.Join(os.Rename(p, p+"-"), os.Rename(q, p), os.Rename(p+"-", q)); err != nil {
				b.t.Fatal(err)
			}
		}},
		{"blob names swapped in the database", func(b *bench, _, id, second, _ string) {
			b.exec("update evidence set blob = $1 where id = $2", second, id)
		}},
		{"flipped byte in the header", func(b *bench, _, id, _, _ string) { column(b, "evidence", "header", "id", id, flip(-5)) }},
		{"header of another piece", func(b *bench, _, id, second, _ string) {
			b.exec("update evidence set header = (select header from evidence where id = $1) where id = $2", second, id)
		}},
		{"header and body of another piece", func(b *bench, _, id, second, _ string) {
			b.exec("update evidence set header = (select header from evidence where id = $1), blob = $1 where id = $2", second, id)
		}},
		{"flipped byte in the wrapped key", func(b *bench, caseID, _, _, _ string) { column(b, "case_keys", "wrapped", "case_id", caseID, flip(-5)) }},
		{"wrapped key of another case", func(b *bench, caseID, _, _, foreign string) {
			b.exec("update case_keys set wrapped = (select wrapped from case_keys where case_id = $1) where case_id = $2", foreign, caseID)
		}},
		{"another SHA-256 in the manifest", func(b *bench, _, id, _, _ string) {
			b.exec("update evidence set sha256 = $1 where id = $2", strings.Repeat("0", 64), id)
		}},
		{"another master key", func(b *bench, _, _, _, _ string) {
			other, err := age.GenerateHybridIdentity()
			if err != nil {
				b.t.Fatal(err)
			}
			b.vault = vault.New(b.store, other, b.blobs, func() time.Time { return b.now })
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			caseID, itemID := b.newCase()
			id := b.seal(caseID, itemID, bytes.Repeat([]byte("harmless "), 20_000))
			second := b.seal(caseID, itemID, bytes.Repeat([]byte("innocent "), 20_000))
			foreign, foreignItem := b.newCase()
			b.seal(foreign, foreignItem, []byte("harmless"))
			if _, _, err := b.vault.Open(t.Context(), id); err != nil {
				t.Fatal(err)
			}
			tc.damage(b, caseID, id, second, foreign)
			if data, _, err := b.vault.Open(t.Context(), id); err == nil || data != nil {
				t.Errorf("opened: %d bytes, error %v", len(data), err)
			}
			data, _, err := b.vault.Reveal(t.Context(), anna, anna.ID, id, vault.ViewOriginal, "test")
			if err == nil || data != nil {
				t.Errorf("revealed: %d bytes, error %v", len(data), err)
			}
			if len(b.views(caseID)) != 0 || b.ledger(caseID, "evidence.view") != 0 {
				t.Error("a view is recorded of what nobody saw")
			}
		})
	}
}

func TestReveal_RecordedBeforeBytes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, itemID := b.newCase()
	id := b.seal(caseID, itemID, []byte("harmless"))
	data, _, err := b.vault.Reveal(t.Context(), anna, anna.ID, id, vault.ViewOriginal, "a reason")
	if err != nil || string(data) != "harmless" {
		t.Fatalf("got %q, %v", data, err)
	}
	views := b.views(caseID)
	want := []db.View{{CaseID: caseID, EvidenceID: id, Viewer: anna.ID, ViewerName: anna.Name, Mode: "original", Reason: "a reason", At: store.Micros(start)}}
	if len(views) == 1 {
		want[0].ID = views[0].ID
	}
	if diff := cmp.Diff(want, views); diff != "" {
		t.Errorf("view log (-want +got):\n%s", diff)
	}
	if n := b.ledger(caseID, "evidence.view"); n != 1 {
		t.Errorf("%d ledger rows of the view, want 1", n)
	}
	if _, _, err := b.vault.Open(t.Context(), id); err != nil || len(b.views(caseID)) != 1 {
		t.Errorf("the house's own opening counts as a view (%v)", err)
	}
}

// TestReveal_NoRecordNoBytes breaks each of the two records in turn.
func TestReveal_NoRecordNoBytes(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"views", "ledger_entries"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			caseID, itemID := b.newCase()
			id := b.seal(caseID, itemID, []byte("harmless"))
			if _, err := b.raw.ExecContext(t.Context(), "create trigger broken before insert on "+table+" begin select raise(abort, 'disk is full'); end"); err != nil {
				t.Fatal(err)
			}
			data, _, err := b.vault.Reveal(t.Context(), anna, anna.ID, id, vault.ViewOriginal, "test")
			if err == nil || data != nil {
				t.Errorf("%d bytes without a record, error %v", len(data), err)
			}
			if len(b.views(caseID)) != 0 || b.ledger(caseID, "evidence.view") != 0 {
				t.Error("half a record stays")
			}
		})
	}
	t.Run("database closed", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		caseID, itemID := b.newCase()
		id := b.seal(caseID, itemID, []byte("harmless"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if data, _, err := b.vault.Reveal(ctx, anna, anna.ID, id, vault.ViewOriginal, "test"); err == nil || data != nil {
			t.Errorf("%d bytes without a record, error %v", len(data), err)
		}
	})
}

func TestSeal_RollbackLeavesNothingReadable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, itemID := b.newCase()
	undo := errors.New("changed my mind")
	var id string
	err := b.store.Tx(t.Context(), func(tx *store.Tx) (err error) {
		if id, err = b.vault.Seal(t.Context(), tx, vault.Piece{CaseID: caseID, ItemID: itemID, Role: vault.Original, Data: []byte("harmless")}); err != nil {
			t.Error(err)
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if _, _, err := b.vault.Open(t.Context(), id); safety.KindOf(err) != safety.NotFound {
		t.Errorf("opening what was rolled back: %v, want not found", err)
	}
	b.body(id) // an orphan, for the sweep
	kept := b.seal(caseID, itemID, []byte("kept"))
	b.sweepTo(id, kept)
}

// sweepTo checks that a sweep removes gone, once it is a day old, and not kept.
func (b *bench) sweepTo(gone, kept string) {
	b.t.Helper()
	ctx := context.Background()
	// Files carry the system's time, and the clock of the test starts elsewhere.
	for _, id := range []string{gone, kept} {
		if err := os.Chtimes(b.body(id), start, start); err != nil {
			b.t.Fatal(err)
		}
	}
	b.now = start.Add(23 * time.Hour)
	if n, err := b.vault.Sweep(ctx); err != nil || n != 0 {
		b.t.Errorf("swept %d young bodies (%v)", n, err)
	}
	b.now = start.Add(25 * time.Hour)
	if n, err := b.vault.Sweep(ctx); err != nil || n != 1 {
		b.t.Errorf("swept %d bodies (%v), want 1", n, err)
	}
	if _, err := b.blobs.Get(gone); !errors.Is(err, fs.ErrNotExist) {
		b.t.Errorf("the orphan is still there (%v)", err)
	}
	if _, _, err := b.vault.Open(ctx, kept); err != nil {
		b.t.Errorf("the sweep took what is in use: %v", err)
	}
	if n, err := b.vault.Sweep(ctx); err != nil || n != 0 {
		b.t.Errorf("swept %d again (%v)", n, err)
	}
}

func TestDestroy_ForEver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, id := b.expired()
	itemID := strings.Replace(caseID, "cas", "itm", 1)
	other, otherItem := b.newCase()
	otherID := b.seal(other, otherItem, []byte("another case"))
	body, err := os.ReadFile(b.body(id))
	if err != nil {
		t.Fatal(err)
	}
	path := b.body(id)
	undo := errors.New("undo")
	if err := b.store.Tx(t.Context(), func(tx *store.Tx) error {
		if _, err := b.vault.Destroy(t.Context(), tx, "system", caseID, "test"); err != nil {
			return err
		}
		return undo
	}); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if _, _, err := b.vault.Open(t.Context(), id); err != nil {
		t.Fatalf("a rolled back destruction destroyed: %v", err)
	}
	var after func() error
	b.tx(func(tx *store.Tx) (err error) {
		after, err = b.vault.Destroy(t.Context(), tx, "system", caseID, "test")
		return err
	})
	if err := after(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the body is still on the disk (%v)", err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil { // from some backup
		t.Fatal(err)
	}
	if data, _, err := b.vault.Open(t.Context(), id); safety.KindOf(err) != safety.NotFound || data != nil {
		t.Errorf("opened after destruction: %d bytes, %v", len(data), err)
	}
	// Even with the marks of destruction taken away, no key is left.
	b.exec("update evidence set destroyed_at = 0 where id = $1", id)
	b.exec("update case_keys set destroyed_at = 0 where case_id = $1", caseID)
	if data, _, err := b.vault.Open(t.Context(), id); err == nil || data != nil {
		t.Errorf("opened after destruction: %d bytes, %v", len(data), err)
	}
	b.exec("update case_keys set destroyed_at = 1 where case_id = $1", caseID)
	err = b.store.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := b.vault.Seal(t.Context(), tx, vault.Piece{CaseID: caseID, ItemID: itemID, Role: vault.Original, Data: []byte("more")})
		return err
	})
	if safety.KindOf(err) != safety.Conflict {
		t.Errorf("sealing into a destroyed case: %v, want a conflict", err)
	}
	if n := b.ledger(caseID, "evidence.destroy"); n != 1 {
		t.Errorf("%d ledger rows of destruction, want 1", n)
	}
	b.tx(func(tx *store.Tx) (err error) {
		after, err = b.vault.Destroy(t.Context(), tx, "system", caseID, "twice")
		return err
	})
	if err := after(); err != nil || b.ledger(caseID, "evidence.destroy") != 1 {
		t.Errorf("destroying twice is not quiet: %v", err)
	}
	if _, _, err := b.vault.Open(t.Context(), otherID); err != nil {
		t.Errorf("another case was hurt: %v", err)
	}
}

func TestExpire_OnlyWhenEverythingHasRunOut(t *testing.T) {
	t.Parallel()
	past, future := start.Add(-time.Hour), start.Add(time.Hour)
	tests := []struct {
		name   string
		state  string
		clocks []time.Time
		report string // state of a report on the case, "" for none
		gone   bool
	}{
		{name: "decided, one clock run out", state: "decided", clocks: []time.Time{past}, gone: true},
		{name: "decided, a clock that ends now", state: "decided", clocks: []time.Time{start}, gone: true},
		{name: "decided, one of two clocks runs", state: "decided", clocks: []time.Time{past, future}},
		{name: "decided, both clocks run out", state: "decided", clocks: []time.Time{past, past.Add(-time.Hour)}, gone: true},
		{name: "decided, no clock was ever set", state: "decided"},
		{name: "open, clock run out", state: "open", clocks: []time.Time{past}},
		{name: "report is a draft", state: "decided", clocks: []time.Time{past}, report: "draft"},
		{name: "report approved", state: "decided", clocks: []time.Time{past}, report: "approved"},
		{name: "report opening", state: "decided", clocks: []time.Time{past}, report: "opening"},
		{name: "report open", state: "decided", clocks: []time.Time{past}, report: "open"},
		{name: "report sealed", state: "decided", clocks: []time.Time{past}, report: "sealed"},
		{name: "report filed, its clock runs", state: "decided", clocks: []time.Time{past, future}, report: "filed"},
		{name: "report filed, its clock run out", state: "decided", clocks: []time.Time{past}, report: "filed", gone: true},
		{name: "report withdrawn", state: "decided", clocks: []time.Time{past}, report: "withdrawn", gone: true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			ctx := t.Context()
			caseID, itemID := b.newCase()
			id := b.seal(caseID, itemID, []byte("harmless"))
			b.tx(func(tx *store.Tx) error {
				err := tx.UpdateCase(ctx, db.UpdateCaseParams{ID: caseID, State: tc.state, Priority: "P2"})
				for _, at := range tc.clocks {
					err = errors.Join(err, b.vault.SetClock(ctx, tx, caseID, vault.Clock{Law: "test", Basis: "test", Until: at}))
				}
				if tc.report != "" {
					err = errors.Join(err, tx.CreateReport(ctx, db.CreateReportParams{ID: "rep", CaseID: caseID, DecisionID: "dec",
						Authority: "ncmec", State: tc.report, Draft: "{}", Receipt: []byte{}}))
				}
				return err
			})
			n, err := b.vault.Expire(ctx)
			if err != nil || (n == 1) != tc.gone {
				t.Errorf("destroyed %d cases (%v), want gone: %t", n, err, tc.gone)
			}
			if _, _, err := b.vault.Open(ctx, id); (err != nil) != tc.gone {
				t.Errorf("opening afterwards: %v, want gone: %t", err, tc.gone)
			}
		})
	}
}

// TestExpire_ClockWalk walks five years in uneven steps, jumping back at times:
// nothing goes before its time, and everything goes after it.
func TestExpire_ClockWalk(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	due := map[string]time.Time{}
	for i := range 24 {
		caseID, itemID := b.newCase()
		id := b.seal(caseID, itemID, []byte("harmless"))
		until := start.AddDate(0, 1+i*3%60, i)
		due[id] = until
		b.tx(func(tx *store.Tx) error {
			return errors.Join(tx.UpdateCase(ctx, db.UpdateCaseParams{ID: caseID, State: "decided", Priority: "P2"}),
				b.vault.SetClock(ctx, tx, caseID, vault.Clock{Law: "a", Until: start.AddDate(0, 0, 1)}),
				b.vault.SetClock(ctx, tx, caseID, vault.Clock{Law: "b", Until: until}))
		})
	}
	latest := start
	for i := range 200 {
		b.now = start.Add(time.Duration(i) * 10 * 24 * time.Hour)
		if i%7 == 3 {
			b.now = b.now.Add(-24 * time.Hour)
		}
		if b.now.After(latest) {
			latest = b.now
		}
		if i%13 == 5 { // ten days ahead in no time, and back: nothing goes meanwhile
			b.jump(240 * time.Hour)
			if n, err := b.vault.Expire(ctx); err != nil || n != 0 {
				t.Fatalf("a clock that jumped ahead destroyed %d cases (%v)", n, err)
			}
			b.jump(-240 * time.Hour)
			if err := b.vault.Resume(ctx, anna2, b.now, "set right"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.vault.Expire(ctx); err != nil {
			t.Fatal(err)
		}
		if i%20 != 0 {
			continue
		}
		for id, until := range due {
			e, err := b.store.Read().Evidence(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if gone := e.DestroyedAt != 0; gone != !until.After(latest) {
				t.Fatalf("at %v: evidence due %v is gone: %t", latest, until, gone)
			}
		}
	}
}

func TestSweep_FinishesACutDestruction(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, id := b.expired()
	other, otherItem := b.newCase()
	kept := b.seal(other, otherItem, []byte("kept"))
	b.tx(func(tx *store.Tx) error {
		_, err := b.vault.Destroy(t.Context(), tx, "system", caseID, "test") // the process dies before it deletes bodies
		return err
	})
	b.sweepTo(id, kept)
}

// TestFolder_NeverHalfAFile reads while others write: under its name a body is
// whole or absent.
func TestFolder_NeverHalfAFile(t *testing.T) {
	t.Parallel()
	f, err := vault.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	whole := bytes.Repeat([]byte("x"), 1<<20)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	seen := 0
	wg.Go(func() {
		for {
			got, err := f.Get("evi_abcdefgh")
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				t.Errorf("reading: %v", err)
			case len(got) != len(whole):
				t.Errorf("read %d of %d bytes", len(got), len(whole))
			default:
				seen++
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for range 20 {
		if err := f.Put("evi_abcdefgh", whole); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	wg.Wait()
	names := map[string]bool{}
	if err := f.Each(func(n string, _ time.Time) error { names[n] = true; return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"evi_abcdefgh": true}, names); diff != "" {
		t.Errorf("files left (-want +got):\n%s", diff)
	}
	if err := f.Writable(); err != nil {
		t.Error(err)
	}
	if seen == 0 {
		t.Log("the reader never met the file")
	}
}

func TestFolder_StaysInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, err := vault.OpenFolder(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	secret := filepath.Join(dir, "outside")
	if err := os.WriteFile(secret, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../outside", "../../outside", "/etc/hostname", "x/../../outside", "..", ""} {
		if data, err := f.Get(name); err == nil {
			t.Errorf("%q: read %d bytes", name, len(data))
		}
		if err := f.Put(name, []byte("overwritten")); err == nil {
			if got, _ := os.ReadFile(secret); string(got) != "outside" {
				t.Fatalf("%q wrote outside", name)
			}
		}
		_ = f.Delete(name)
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "outside" {
		t.Errorf("the file outside is %q (%v)", got, err)
	}
}

func TestLoadMaster(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "keys", "vault.key")
	first, err := vault.LoadMaster(file)
	if err != nil {
		t.Fatal(err)
	}
	again, err := vault.LoadMaster(file)
	if err != nil || again.String() != first.String() {
		t.Errorf("the key changed (%v)", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key has mode %v (%v)", info.Mode(), err)
	}
	if err := os.WriteFile(file, []byte(""), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := vault.LoadMaster(file); err == nil {
		t.Error("took an empty key file")
	}
	if got, err := os.ReadFile(file); err != nil || len(got) != 0 {
		t.Errorf("a damaged key file was replaced (%v)", err)
	}
}
