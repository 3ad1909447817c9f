package ledger_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

type bench struct {
	t        testing.TB
	data     *storetest.Database
	store    *store.Store
	raw      *sql.DB
	log      *ledger.Log
	verifier note.Verifier
	signer   note.Signer

	mu   sync.Mutex
	kept string // the newest checkpoint outside the database; guarded by mu
}

func keys(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	sk, vk, err := note.GenerateKey(rand.Reader, "example.test/ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(sk)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vk)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func newBench(t testing.TB, d *storetest.Database) *bench {
	t.Helper()
	b := &bench{t: t, data: d, store: d.Open(t), raw: d.SQL(t)}
	b.signer, b.verifier = keys(t)
	b.log = ledger.NewLog(b.store, b.signer, func() time.Time { return start }, func(c string) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.kept = c
		return nil
	})
	return b
}

func entry(i int) ledger.Entry {
	return ledger.Entry{At: start.Add(time.Duration(i) * time.Second), Actor: "user:usr_anna", Action: "case.open",
		Subject: fmt.Sprintf("cas_%d", i), Detail: fmt.Sprintf("detail %d", i)}
}

func (b *bench) append(from, n int) {
	b.t.Helper()
	err := b.store.Tx(context.Background(), func(tx *store.Tx) error {
		for i := range n {
			if err := ledger.Append(context.Background(), tx, entry(from+i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) seal() int {
	b.t.Helper()
	n, err := b.log.Seal(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// exec changes the database behind Rowan's back and insists that it changed
// something.
func (b *bench) exec(query string, args ...any) {
	b.t.Helper()
	res, err := b.raw.ExecContext(context.Background(), query, args...)
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		b.t.Fatalf("%s: changed nothing (%v)", query, err)
	}
}

func (b *bench) verify(kept string) *ledger.Verification {
	b.t.Helper()
	v, err := ledger.Verify(context.Background(), b.store, b.verifier, kept)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) holds(kept string) *ledger.Verification {
	b.t.Helper()
	v := b.verify(kept)
	if len(v.Problems) != 0 {
		b.t.Fatalf("an untouched ledger fails: %q", v.Problems)
	}
	return v
}

func TestLedger_AppendSealProve(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBench(t, fresh(t))
		ctx := t.Context()
		if v := b.holds(""); v.Size != 0 || v.Pending != 0 {
			t.Errorf("an empty ledger has %d entries and %d pending", v.Size, v.Pending)
		}
		if _, err := b.log.Checkpoint(ctx); safety.KindOf(err) != safety.NotFound {
			t.Errorf("checkpoint of nothing: %v, want not found", err)
		}
		const n = 300 // more than one batch
		b.append(0, n)
		if v := b.verify(""); v.Pending != n || v.Size != 0 {
			t.Errorf("before sealing: %d pending, %d sealed", v.Pending, v.Size)
		}
		if got := b.seal(); got != n {
			t.Errorf("sealed %d, want %d", got, n)
		}
		if got := b.seal(); got != 0 {
			t.Errorf("sealed %d entries again", got)
		}
		v := b.holds(b.kept)
		if v.Size != n || v.Pending != 0 || v.Checkpoints != 2 {
			t.Errorf("got %d entries, %d pending, %d checkpoints; want %d, 0, 2", v.Size, v.Pending, v.Checkpoints, n)
		}
		b.proveAll(v)
		b.append(n, 3)
		pending, err := b.store.Read().PendingEntries(ctx, 1)
		if err != nil || len(pending) != 1 {
			t.Fatal("nothing is pending", err)
		}
		p, err := b.log.Prove(ctx, pending[0].ID)
		if err != nil || p.Size != n+3 {
			t.Errorf("proving a pending entry seals it first: size %d, %v", p.Size, err)
		}
		if _, err := b.log.Prove(ctx, "led_none"); safety.KindOf(err) != safety.NotFound {
			t.Errorf("proof of nothing: %v, want not found", err)
		}
	})
}

// proveAll checks each proof with nothing of ours: the leaf is made here.
func (b *bench) proveAll(v *ledger.Verification) {
	b.t.Helper()
	for i, id := range b.ids() {
		p, err := b.log.Prove(context.Background(), id)
		if err != nil {
			b.t.Fatal(err)
		}
		n, err := note.Open([]byte(p.Checkpoint), note.VerifierList(b.verifier))
		if err != nil {
			b.t.Fatalf("checkpoint of the proof: %v", err)
		}
		tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + strings.SplitN(n.Text, "\n", 2)[1]))
		if err != nil {
			b.t.Fatal(err)
		}
		e := entry(i)
		leaf := fmt.Sprintf(`{"id":%q,"at":%d,"actor":%q,"action":%q,"subject":%q,"detail":%q}`,
			id, e.At.UnixMicro(), e.Actor, e.Action, e.Subject, e.Detail)
		if p.Index != int64(i) || tree.N != v.Size || tree.Hash != v.Root {
			b.t.Fatalf("entry %d: proof of index %d in a tree of %d", i, p.Index, tree.N)
		}
		if err := tlog.CheckRecord(p.Path, tree.N, tree.Hash, p.Index, tlog.RecordHash([]byte(leaf))); err != nil {
			b.t.Fatalf("entry %d: %v", i, err)
		}
		if i > 0 && tlog.CheckRecord(p.Path, tree.N, tree.Hash, p.Index-1, tlog.RecordHash([]byte(leaf))) == nil {
			b.t.Fatal("a proof holds for another index")
		}
	}
}

func (b *bench) ids() []string {
	b.t.Helper()
	rows, err := b.store.Read().SealedEntries(context.Background(), 0, 10_000)
	if err != nil {
		b.t.Fatal(err)
	}
	var ids []string
	for _, e := range rows {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestAppend_ExistsIffCommitted(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBench(t, fresh(t))
		undo := errors.New("changed my mind")
		err := b.store.Tx(t.Context(), func(tx *store.Tx) error {
			if err := ledger.Append(t.Context(), tx, entry(1)); err != nil {
				t.Error(err)
			}
			return undo
		})
		if !errors.Is(err, undo) || b.verify("").Pending != 0 {
			t.Errorf("a rolled back entry stays: %v", err)
		}
		for _, e := range []ledger.Entry{{Action: "a", Subject: "s"}, {Actor: "a", Subject: "s"}, {Actor: "a", Action: "a"}} {
			if err := b.store.Tx(t.Context(), func(tx *store.Tx) error { return ledger.Append(t.Context(), tx, e) }); err == nil {
				t.Errorf("took an incomplete entry %+v", e)
			}
		}
	})
}

func TestSeal_Concurrent(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		d := fresh(t)
		b := newBench(t, d)
		other := ledger.NewLog(d.Open(t), b.signer, func() time.Time { return start }, nil) // another process
		var wg sync.WaitGroup
		var mu sync.Mutex
		sealed := 0
		for w := range 6 {
			wg.Go(func() {
				for i := range 10 {
					b.append(w*1000+i, 1)
					log := b.log
					if w%2 == 1 {
						log = other
					}
					n, err := log.Seal(context.Background())
					if err != nil {
						t.Errorf("sealing beside others: %v", err)
					}
					mu.Lock()
					sealed += n
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		b.seal()
		if v := b.holds(""); v.Size != 60 || sealed > 60 {
			t.Errorf("%d entries in the tree, %d sealed, want 60", v.Size, sealed)
		}
	})
}

// TestVerify_WhileSealing: a check that runs beside a sealer finds no fault.
func TestVerify_WhileSealing(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBench(t, fresh(t))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 40 {
				b.append(i*5, 5)
				b.seal()
			}
		}()
		for {
			b.holds("")
			select {
			case <-done:
				if v := b.holds(b.kept); v.Size != 200 {
					t.Errorf("%d entries, want 200", v.Size)
				}
				return
			default:
			}
		}
	})
}

func TestVerify_FindsTampering(t *testing.T) {
	tests := []struct {
		name   string
		tamper func(b *bench)
		kept   bool // only the copy outside the database shows it
		says   string
	}{
		{name: "changed detail", says: "entry 7", tamper: func(b *bench) { b.exec("update ledger_entries set detail = 'nothing' where leaf_index = 7") }},
		{name: "changed actor", says: "entry 19", tamper: func(b *bench) { b.exec("update ledger_entries set actor = 'user:usr_eve' where leaf_index = 19") }},
		{name: "dropped row", says: "entry 3 is missing", tamper: func(b *bench) { b.exec("delete from ledger_entries where leaf_index = 3") }},
		{name: "dropped first row", says: "entry 0 is missing", tamper: func(b *bench) { b.exec("delete from ledger_entries where leaf_index = 0") }},
		{name: "dropped last row", says: "head", tamper: func(b *bench) { b.exec("delete from ledger_entries where leaf_index = 19") }},
		{name: "swapped rows", says: "entry 4", tamper: func(b *bench) {
			b.exec("update ledger_entries set leaf_index = case leaf_index when 4 then 5 else 4 end where leaf_index in (4, 5)")
		}},
		{name: "unsealed row", says: "missing", tamper: func(b *bench) { b.exec("update ledger_entries set leaf_index = -1 where leaf_index = 10") }},
		{name: "inserted row", says: "twice", tamper: func(b *bench) {
			b.exec("insert into ledger_entries (id, at, actor, action, subject, detail, leaf_index) values ('led_x', 1, 'a', 'b', 'c', 'd', 6)")
		}},
		{name: "appended row", says: "head", tamper: func(b *bench) {
			b.exec("insert into ledger_entries (id, at, actor, action, subject, detail, leaf_index) values ('led_x', 1, 'a', 'b', 'c', 'd', 20)")
		}},
		{name: "deleted stored hash", says: "recorded", tamper: func(b *bench) { b.exec("delete from ledger_hashes where id = 11") }},
		{name: "altered stored hash", says: "recorded", tamper: func(b *bench) {
			b.exec("update ledger_hashes set hash = $1 where id = 12", make([]byte, tlog.HashSize))
		}},
		{name: "altered inner hash", says: "recorded", tamper: func(b *bench) {
			b.exec("update ledger_hashes set hash = $1 where id = $2", make([]byte, tlog.HashSize), tlog.StoredHashIndex(3, 0))
		}},
		{name: "head moved", says: "head says 12", tamper: func(b *bench) { b.exec("update ledger_head set size = 12") }},
		{name: "altered checkpoint", says: "signature", tamper: func(b *bench) {
			b.exec("update ledger_checkpoints set note = replace(note, $1, $2) where size = 20", "\n20\n", "\n19\n")
		}},
		{name: "checkpoint of another key", says: "signature", tamper: func(b *bench) { b.forge(20) }},
		{name: "checkpoint under another size", says: "another size", tamper: func(b *bench) { b.exec("update ledger_checkpoints set size = 15 where size = 10") }},
		{name: "all checkpoints removed", says: "stand under no signed", tamper: func(b *bench) { b.exec("delete from ledger_checkpoints") }},
		{name: "last checkpoint removed", says: "stand under no signed", tamper: func(b *bench) { b.exec("delete from ledger_checkpoints where size = 20") }},
		{name: "rewritten with its hashes", says: "signed root", tamper: func(b *bench) { b.rewrite() }},
		{name: "rewritten with its hashes, checkpoints removed", says: "stand under no signed", tamper: func(b *bench) {
			b.rewrite()
			b.exec("delete from ledger_checkpoints")
		}},
		{name: "rolled back", kept: true, says: "only 10 entries", tamper: func(b *bench) {
			b.exec("delete from ledger_entries where leaf_index >= 10")
			b.exec("delete from ledger_hashes where id >= $1", tlog.StoredHashCount(10))
			b.exec("delete from ledger_checkpoints where size > 10")
			b.exec("update ledger_head set size = 10")
		}},
	}
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, fresh(t))
				b.append(0, 10)
				b.seal()
				b.append(10, 10)
				b.seal()
				b.holds("")
				b.holds(b.kept)
				tc.tamper(b)
				if tc.kept {
					b.holds("") // documented: without the copy nothing shows
				}
				kept := ""
				if tc.kept {
					kept = b.kept
				}
				v := b.verify(kept)
				if !slices.ContainsFunc(v.Problems, func(p string) bool { return strings.Contains(p, tc.says) }) {
					t.Errorf("problems %q do not say %q", v.Problems, tc.says)
				}
			})
		}
	})
}

// forge puts a checkpoint of another key in place of the true one.
func (b *bench) forge(size int64) {
	b.t.Helper()
	other, _ := keys(b.t)
	v := b.verify("")
	text := fmt.Sprintf("%s\n%d\n%s\n", other.Name(), size, v.Root)
	signed, err := note.Sign(&note.Note{Text: text}, other)
	if err != nil {
		b.t.Fatal(err)
	}
	b.exec("update ledger_checkpoints set note = $1 where size = $2", string(signed), size)
}

// rewrite changes an entry and recomputes every stored hash, as somebody with
// the database and without the signing key would.
func (b *bench) rewrite() {
	b.t.Helper()
	b.exec("update ledger_entries set actor = 'user:usr_eve' where leaf_index = 4")
	rows, err := b.store.Read().SealedEntries(context.Background(), 0, 100)
	if err != nil {
		b.t.Fatal(err)
	}
	all := map[int64]tlog.Hash{}
	read := tlog.HashReaderFunc(func(ids []int64) (out []tlog.Hash, err error) {
		for _, id := range ids {
			out = append(out, all[id])
		}
		return out, nil
	})
	for i, e := range rows {
		hs, err := tlog.StoredHashes(int64(i), ledger.Leaf(e), read)
		if err != nil {
			b.t.Fatal(err)
		}
		for j, h := range hs {
			id := tlog.StoredHashCount(int64(i)) + int64(j)
			all[id] = h
			b.exec("update ledger_hashes set hash = $1 where id = $2", h[:], id)
		}
	}
}

// TestVerify_AnyFieldOfAnyRow changes one field of one sealed row at random;
// the check must find it, and must hold again once it is put back.
func TestVerify_AnyFieldOfAnyRow(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBench(t, fresh(t))
		const n = 37
		b.append(0, n)
		b.seal()
		rows, err := b.store.Read().SealedEntries(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]func(i int) string{"actor": func(i int) string { return rows[i].Actor }, "action": func(i int) string { return rows[i].Action },
			"subject": func(i int) string { return rows[i].Subject }, "detail": func(i int) string { return rows[i].Detail }, "id": func(i int) string { return rows[i].ID }}
		rapid.Check(t, func(rt *rapid.T) {
			i := rapid.IntRange(0, n-1).Draw(rt, "row")
			column := rapid.SampledFrom([]string{"id", "actor", "action", "subject", "detail", "at", "leaf_index"}).Draw(rt, "column")
			where, key := " where leaf_index = $2", any(int64(i))
			var old, changed any
			switch column {
			case "at":
				old = rows[i].At
				changed = rapid.Int64Range(-1<<40, 1<<60).Draw(rt, "at")
			case "leaf_index":
				old = int64(i)
				changed = rapid.Int64Range(-3, n+3).Draw(rt, "index")
				where, key = " where id = $2", any(rows[i].ID)
			default:
				old = texts[column](i)
				changed = rapid.StringMatching(`[ -~äß☃]{0,12}`).Draw(rt, "text")
			}
			if old == changed {
				return
			}
			b.exec("update ledger_entries set "+column+" = $1"+where, changed, key)
			v := b.verify("")
			b.exec("update ledger_entries set "+column+" = $1"+where, old, key)
			if len(v.Problems) == 0 {
				rt.Fatalf("%s of row %d was changed from %v to %v and not found", column, i, old, changed)
			}
		})
		b.holds(b.kept)
	})
}

// TestLeaf_Form pins the bytes that the tree commits to: they never change.
func TestLeaf_Form(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.append(0, 1)
	b.seal()
	rows, err := b.store.Read().SealedEntries(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	e := rows[0]
	e.ID, e.Detail = "led_1", "a \"quoted\" <&> \u2028 line\n"
	want := `{"id":"led_1","at":1793610000000000,"actor":"user:usr_anna","action":"case.open","subject":"cas_0","detail":"a \"quoted\" \u003c\u0026\u003e \u2028 line\n"}`
	if diff := cmp.Diff(want, string(ledger.Leaf(e))); diff != "" {
		t.Errorf("leaf (-want +got):\n%s", diff)
	}
}
