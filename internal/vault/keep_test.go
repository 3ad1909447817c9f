package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

var legal = vault.NewHold{Kind: "legal_hold", Reason: "a court asks", Authority: "a court", Reference: "A 1"}

func (b *bench) hold(caseID string) (h db.Hold) {
	b.t.Helper()
	b.tx(func(tx *store.Tx) (err error) {
		h, err = b.vault.Hold(context.Background(), tx, anna2, caseID, legal)
		return err
	})
	return h
}

// try runs fn in a transaction and gives its error.
func (b *bench) try(fn func(*store.Tx) error) error {
	return b.store.Tx(context.Background(), fn)
}

func (b *bench) ask(who safety.Actor, id string) error {
	return b.try(func(tx *store.Tx) error {
		_, err := b.vault.AskRelease(context.Background(), tx, who, id, "over")
		return err
	})
}

func (b *bench) confirm(who safety.Actor, id string) error {
	return b.try(func(tx *store.Tx) error {
		_, err := b.vault.ConfirmRelease(context.Background(), tx, who, id, "over")
		return err
	})
}

func (b *bench) destroy(caseID string) error {
	return b.try(func(tx *store.Tx) error {
		_, err := b.vault.Destroy(context.Background(), tx, "user:usr_anna", caseID, "test")
		return err
	})
}

func (b *bench) opens(id string) bool {
	b.t.Helper()
	_, _, err := b.vault.Open(context.Background(), id)
	return err == nil
}

func wantKind(t testing.TB, what string, err error, k safety.Kind) {
	t.Helper()
	if err == nil || safety.KindOf(err) != k {
		t.Errorf("%s: got %v, want an error that says %s", what, err, k)
	}
}

func TestHold_BeatsClocks(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		testHold(t, newBenchOn(t, fresh(t)))
	})
}

func testHold(t *testing.T, b *bench) {
	t.Helper()
	caseID, id := b.expired()
	other, otherID := b.expired()
	h := b.hold(caseID)
	if n, err := b.vault.Expire(t.Context()); err != nil || n != 1 {
		t.Errorf("destroyed %d cases (%v), want the other one", n, err)
	}
	if !b.opens(id) || b.opens(otherID) {
		t.Errorf("held opens: %t, other opens: %t", b.opens(id), b.opens(otherID))
	}
	wantKind(t, "destroying a held case", b.destroy(caseID), safety.Conflict)
	if err := errors.Join(b.ask(anna2, h.ID), b.confirm(boris, h.ID)); err != nil {
		t.Fatal(err)
	}
	if n, err := b.vault.Expire(t.Context()); err != nil || n != 1 || b.opens(id) {
		t.Errorf("destroyed %d cases after the release (%v)", n, err)
	}
	wantKind(t, "holding what was destroyed", b.try(func(tx *store.Tx) error {
		_, err := b.vault.Hold(t.Context(), tx, anna2, other, legal)
		return err
	}), safety.Conflict)
	for action, n := range map[string]int{"hold.place": 1, "hold.ask_release": 1, "hold.release": 1, "evidence.destroy": 1} {
		if got := b.ledger(caseID, action); got != n {
			t.Errorf("%d ledger rows %s, want %d", got, action, n)
		}
	}
}

// TestHold_Race places holds while the destroyer runs: a hold that was placed
// keeps, and what was destroyed first is refused.
func TestHold_Race(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBenchOn(t, fresh(t))
		ctx := t.Context()
		if _, err := b.vault.Look(ctx); err != nil {
			t.Fatal(err)
		}
		pieces := map[string]string{}
		for range 24 {
			caseID, id := b.expired()
			pieces[caseID] = id
		}
		var wg sync.WaitGroup
		held := make(chan string, len(pieces))
		wg.Go(func() {
			if _, err := b.vault.Expire(ctx); err != nil {
				t.Error(err)
			}
		})
		for caseID := range pieces {
			wg.Go(func() {
				err := b.try(func(tx *store.Tx) error { _, err := b.vault.Hold(ctx, tx, anna2, caseID, legal); return err })
				if err == nil {
					held <- caseID
				} else if safety.KindOf(err) != safety.Conflict {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		close(held)
		n := 0
		for caseID := range held {
			n++
			if !b.opens(pieces[caseID]) {
				t.Errorf("%s is held and was destroyed", caseID)
			}
		}
		v, err := b.vault.Verify(ctx)
		if err != nil || len(v.Problems) > 0 || v.Held != n || v.Destroyed != len(pieces)-n {
			t.Errorf("%d held: %+v (%v)", n, v, err)
		}
		t.Logf("%d of %d cases were held in time", n, len(pieces))
	})
}

// TestHold_TwoPeople: nobody releases a hold alone, by whatever door.
func TestHold_TwoPeople(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	for _, k := range []db.CreateKeyParams{{ID: "anna1", CreatedBy: anna2.ID}, {ID: "anna2", CreatedBy: "key:anna1"}, {ID: "boris1", CreatedBy: boris.ID},
		{ID: "cli1", CreatedBy: "cli"}, {ID: "cli2", CreatedBy: "cli"}} {
		k.Hash = []byte(k.ID)
		b.tx(func(tx *store.Tx) error { return tx.CreateKey(ctx, k) })
	}
	key := func(id string) safety.Actor { return safety.Actor{ID: "key:" + id, Name: id, Person: true} }
	cli := safety.Actor{ID: "cli", Name: "Command line", Person: true}
	tests := []struct {
		name     string
		ask, yes safety.Actor
		refused  bool
	}{
		{"two people", boris, anna2, false},
		{"the placer asks, another confirms", anna2, boris, false},
		{"alone", anna2, anna2, true},
		{"alone, and did not place it", boris, boris, true},
		{"with a key of one's own", anna2, key("anna1"), true},
		{"with a key that one's key made", anna2, key("anna2"), true},
		{"with two keys of one's own", key("anna1"), key("anna2"), true},
		{"with another's key", anna2, key("boris1"), false},
		{"on the command line alone", cli, cli, true},
		{"with two keys made on the command line", key("cli1"), key("cli2"), true},
		{"asked on the command line", cli, boris, false},
		{"with a key that is not there", anna2, key("none"), true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			caseID, id := b.expired()
			h := b.hold(caseID)
			wantKind(t, "confirming what nobody asked", b.confirm(tc.yes, h.ID), safety.Conflict)
			if err := b.ask(tc.ask, h.ID); err != nil {
				t.Fatal(err)
			}
			if err := b.confirm(tc.yes, h.ID); (err != nil) != tc.refused {
				t.Errorf("confirming: %v, want refused: %t", err, tc.refused)
			}
			if err := b.destroy(caseID); (err != nil) != tc.refused {
				t.Errorf("destroying: %v, want refused: %t", err, tc.refused)
			}
			if b.opens(id) != tc.refused {
				t.Errorf("opens: %t", b.opens(id))
			}
			if !tc.refused {
				wantKind(t, "releasing twice", b.confirm(tc.yes, h.ID), safety.Conflict)
				wantKind(t, "asking for what was released", b.ask(tc.ask, h.ID), safety.Conflict)
			}
		})
	}
	v, err := b.vault.Verify(ctx)
	if err != nil || len(v.Problems) > 0 {
		t.Errorf("verify: %v %v", v, err)
	}
}

func TestHold_Refusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, _ := b.expired()
	place := func(who safety.Actor, id string, h vault.NewHold) error {
		return b.try(func(tx *store.Tx) error { _, err := b.vault.Hold(t.Context(), tx, who, id, h); return err })
	}
	wantKind(t, "a program", place(robot, caseID, legal), safety.Forbidden)
	wantKind(t, "no case", place(anna2, "none", legal), safety.NotFound)
	wantKind(t, "no reason", place(anna2, caseID, vault.NewHold{Kind: "other", Reason: " "}), safety.Invalid)
	wantKind(t, "no such kind", place(anna2, caseID, vault.NewHold{Kind: "x", Reason: "r"}), safety.Invalid)
	wantKind(t, "a long reference", place(anna2, caseID, vault.NewHold{Kind: "other", Reason: "r", Reference: strings.Repeat("x", 201)}), safety.Invalid)
	wantKind(t, "asking about nothing", b.ask(anna2, "none"), safety.NotFound)
	wantKind(t, "confirming nothing", b.confirm(anna2, "none"), safety.NotFound)
	h := b.hold(caseID)
	wantKind(t, "a program asks", b.ask(robot, h.ID), safety.Forbidden)
	if err := b.ask(anna2, h.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "a program confirms", b.confirm(robot, h.ID), safety.Forbidden)
	wantKind(t, "another reason than was asked", b.try(func(tx *store.Tx) error {
		_, err := b.vault.ConfirmRelease(t.Context(), tx, boris, h.ID, "something else")
		return err
	}), safety.Conflict)
}

// TestDestroy_RefusesWhoeverCalls: the transaction itself says no.
func TestDestroy_RefusesWhoeverCalls(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		keep func(b *bench, tx *store.Tx, caseID string) error
		says string
	}{
		{"open", func(_ *bench, tx *store.Tx, id string) error {
			return tx.UpdateCase(context.Background(), db.UpdateCaseParams{ID: id, State: "open"})
		}, "the case is open"},
		{"a clock", func(b *bench, tx *store.Tx, id string) error {
			return b.vault.SetClock(context.Background(), tx, id, vault.USPreserve.Clock(b.now, ""))
		}, "18 USC 2258A(h) keeps it until 2027-11-02"},
		{"a hold", func(b *bench, tx *store.Tx, id string) error {
			_, err := b.vault.Hold(context.Background(), tx, anna2, id, legal)
			return err
		}, "a hold (legal hold)"},
		{"a report", func(_ *bench, tx *store.Tx, id string) error {
			return tx.CreateReport(context.Background(), db.CreateReportParams{ID: "rep", CaseID: id, DecisionID: "dec", State: "sealed", Draft: "{}", Receipt: []byte{}})
		}, "a report is sealed"},
		{"the clock of the record alone", func(b *bench, tx *store.Tx, id string) error {
			return b.vault.SetClock(context.Background(), tx, id, vault.UKReference.Clock(b.now, ""))
		}, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			caseID, id := b.expired()
			b.tx(func(tx *store.Tx) error { return tc.keep(b, tx, caseID) })
			err := b.destroy(caseID)
			if tc.says == "" {
				if err != nil || b.opens(id) {
					t.Errorf("it may go: %v", err)
				}
				return
			}
			wantKind(t, "destroying", err, safety.Conflict)
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("says %q, want %q in it", err, tc.says)
			}
			if !b.opens(id) || b.ledger(caseID, "evidence.destroy") != 0 {
				t.Error("something was destroyed")
			}
		})
	}
	t.Run("no clock", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		caseID, itemID := b.newCase()
		b.seal(caseID, itemID, []byte("harmless"))
		b.exec("update cases set state = 'decided'")
		wantKind(t, "destroying", b.destroy(caseID), safety.Conflict)
	})
}

// TestClocks_SetWhileBehind: a clock that starts on a machine whose clock has gone
// back does not run out before its time.
func TestClocks_SetWhileBehind(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	if _, err := b.vault.Look(ctx); err != nil {
		t.Fatal(err)
	}
	caseID, _ := b.newCase()
	b.jump(-300 * 24 * time.Hour)
	b.tx(func(tx *store.Tx) error { return b.vault.SetClock(ctx, tx, caseID, vault.USPreserve.Clock(b.now, "")) })
	clocks, err := b.store.Read().ClocksOfCase(ctx, caseID)
	if err != nil || len(clocks) != 1 {
		t.Fatal(clocks, err)
	}
	if until := store.Time(clocks[0].UntilAt); until.Before(start.AddDate(1, 0, 0)) {
		t.Errorf("runs until %v only", until)
	}
}

// TestPause jumps the clock of a vault with something to destroy.
func TestPause(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	caseID, itemID := b.newCase()
	id := b.seal(caseID, itemID, []byte("harmless"))
	b.tx(func(tx *store.Tx) error {
		return errors.Join(tx.UpdateCase(ctx, db.UpdateCaseParams{ID: caseID, State: "decided"}),
			b.vault.SetClock(ctx, tx, caseID, vault.USPreserve.Clock(b.now, "")))
	})
	if n, err := b.vault.Expire(ctx); err != nil || n != 0 {
		t.Fatal(n, err)
	}
	b.jump(10 * 365 * 24 * time.Hour)
	wantKind(t, "destroying before anybody has looked", b.destroy(caseID), safety.Conflict)
	for range 3 {
		if n, err := b.vault.Expire(ctx); err != nil || n != 0 {
			t.Fatalf("destroyed %d (%v)", n, err)
		}
	}
	orphan := filepath.Join(b.dir, "xx", "evi_orphanxx")
	if err := errors.Join(os.MkdirAll(filepath.Dir(orphan), 0o700), os.WriteFile(orphan, []byte("x"), 0o600), os.Chtimes(orphan, start, start)); err != nil {
		t.Fatal(err)
	}
	if n, err := b.vault.Sweep(ctx); err != nil || n != 0 {
		t.Errorf("swept %d bodies while paused (%v)", n, err)
	}
	p, err := b.vault.Paused(ctx)
	if err != nil || !p.Paused || !strings.Contains(p.Reason, "went forward") || !p.Trusted.Equal(start) {
		t.Errorf("pause %+v (%v)", p, err)
	}
	if n := b.ledger("evidence", "evidence.pause"); n != 1 {
		t.Errorf("%d ledger rows of the pause, want 1", n)
	}
	wantKind(t, "destroying while paused", b.destroy(caseID), safety.Conflict)
	b.open() // a new process knows too
	if n, err := b.vault.Expire(ctx); err != nil || n != 0 || !b.opens(id) {
		t.Errorf("a new process destroyed %d (%v)", n, err)
	}
	wantKind(t, "a program resumes", b.vault.Resume(ctx, robot, b.now, "x"), safety.Forbidden)
	wantKind(t, "no reason", b.vault.Resume(ctx, anna2, b.now, ""), safety.Invalid)
	wantKind(t, "the clock is still wrong", b.vault.Resume(ctx, anna2, start.Add(time.Hour), "I looked"), safety.Conflict)
	b.jump(-10 * 365 * 24 * time.Hour)
	if n, err := b.vault.Expire(ctx); err != nil || n != 0 {
		t.Errorf("went on by itself: %d (%v)", n, err)
	}
	if err := b.vault.Resume(ctx, anna2, b.now, "the time server was wrong"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "resuming what runs", b.vault.Resume(ctx, anna2, b.now, "again"), safety.Conflict)
	if n := b.ledger("evidence", "evidence.resume"); n != 1 {
		t.Errorf("%d ledger rows of the resumption, want 1", n)
	}
	if n, err := b.vault.Expire(ctx); err != nil || n != 0 || !b.opens(id) {
		t.Errorf("with the clock right again: %d (%v)", n, err)
	}
	b.now = start.AddDate(1, 0, 0).Add(-time.Minute)
	if n, err := b.vault.Expire(ctx); err != nil || n != 0 || !b.opens(id) {
		t.Errorf("a minute before its time: %d (%v)", n, err)
	}
	b.now = start.AddDate(1, 0, 0)
	if n, err := b.vault.Expire(ctx); err != nil || n != 1 || b.opens(id) {
		t.Errorf("at its time: %d (%v)", n, err)
	}
	if n, err := b.vault.Sweep(ctx); err != nil || n != 1 {
		t.Errorf("swept %d (%v)", n, err)
	}
}

func TestDestroy_Certificate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	caseID, id := b.expired()
	b.exec("update cases set state = 'open' where id = $1", caseID)
	second := b.seal(caseID, strings.Replace(caseID, "cas", "itm", 1), []byte("more of it"))
	b.exec("update cases set state = 'decided' where id = $1", caseID)
	// Bodies that cannot be deleted: a folder stands in their place.
	stuck := b.body(second)
	if err := errors.Join(os.Remove(stuck), os.Mkdir(stuck, 0o700), os.WriteFile(filepath.Join(stuck, "x"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if n, err := b.vault.Expire(ctx); err == nil || n != 1 {
		t.Errorf("destroyed %d, and no word of the body that stays (%v)", n, err)
	}
	cert, err := b.store.Read().CertificateOfCase(ctx, caseID)
	if err != nil {
		t.Fatal(err)
	}
	want := db.Certificate{ID: cert.ID, CaseID: caseID, At: store.Micros(b.now), Actor: "system", Reason: "every clock has run out", Pieces: 2,
		Bytes: int64(len("harmless") + len("more of it")), Roles: `{"original":2}`, Clocks: cert.Clocks}
	if diff := cmp.Diff(want, cert); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	var clocks []struct {
		Law   string
		Until time.Time
	}
	if err := json.Unmarshal([]byte(cert.Clocks), &clocks); err != nil || len(clocks) != 1 || clocks[0].Law != "test" || !clocks[0].Until.Equal(start.Add(-time.Hour)) {
		t.Errorf("clocks %s (%v)", cert.Clocks, err)
	}
	e, err := b.store.Read().Evidence(ctx, id)
	if err != nil || e.DeletedAt == 0 || len(e.Header) > 0 {
		t.Errorf("the first piece: %+v (%v)", e, err)
	}
	if err := os.RemoveAll(stuck); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(time.Hour)
	if _, err := b.vault.Expire(ctx); err != nil {
		t.Error(err)
	}
	if e, err = b.store.Read().Evidence(ctx, second); err != nil || e.DeletedAt != store.Micros(b.now) {
		t.Errorf("the second piece: %+v (%v)", e, err)
	}
	if cert, err = b.store.Read().CertificateOfCase(ctx, caseID); err != nil || cert.DeletedAt != store.Micros(b.now) {
		t.Errorf("certificate is not closed: %+v (%v)", cert, err)
	}
}

// TestDestroy_NeverAnothersBody: a record that was made to point to the body of
// kept evidence does not delete it.
func TestDestroy_NeverAnothersBody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	caseID, id := b.expired()
	kept, keptID := b.expired()
	b.hold(kept)
	b.exec("update evidence set blob = $1 where id = $2", keptID, id)
	if n, err := b.vault.Expire(t.Context()); err == nil || n != 1 {
		t.Errorf("destroyed %d, error %v", n, err)
	}
	if !b.opens(keptID) {
		t.Errorf("destroying %s took the evidence of %s", caseID, kept)
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	free, known, err := b.vault.Free()
	if err != nil || !known || free == 0 {
		t.Fatalf("free space %d, %t, %v", free, known, err)
	}
	b.vault.SetReserve(1)
	if err := errors.Join(b.vault.Room(), b.vault.Ready()); err != nil {
		t.Error(err)
	}
	b.vault.SetReserve(1 << 60)
	wantKind(t, "no room", b.vault.Room(), safety.Unavailable)
	wantKind(t, "not ready", b.vault.Ready(), safety.Unavailable)
	caseID, itemID := b.newCase()
	if id := b.seal(caseID, itemID, []byte("harmless")); !b.opens(id) {
		t.Error("a case that is open cannot be worked on")
	}
	b.vault.SetReserve(0)
	if err := b.vault.Room(); err != nil {
		t.Error(err)
	}
}

// TestVerify_NamesDamage damages the database and the disk, one thing at a time,
// and wants verify to say what, by name.
func TestVerify_NamesDamage(t *testing.T) {
	t.Parallel()
	const running = "update clocks set until_at = 9000000000000000 where case_id = $1"
	tests := []struct {
		name   string
		damage func(b *bench, live, liveID, dead, deadID, hold string)
		says   []string // parts of one problem; LIVE, DEAD, … stand for ids
	}{
		{"nothing", func(*bench, string, string, string, string, string) {}, nil},
		{"a body is gone", func(b *bench, _, id, _, _, _ string) { _ = os.Remove(b.body(id)) }, []string{"LIVEID", "its body is gone"}},
		{"a body is changed", func(b *bench, _, id, _, _, _ string) { _ = os.WriteFile(b.body(id), []byte("other"), 0o600) }, []string{"LIVEID", "does not open"}},
		{"a header is gone", func(b *bench, _, id, _, _, _ string) {
			b.exec("update evidence set header = $1 where id = $2", []byte{}, id)
		}, []string{"LIVEID", "header is gone"}},
		{"a SHA-256 is changed", func(b *bench, _, id, _, _, _ string) {
			b.exec("update evidence set sha256 = 'x' where id = $1", id)
		}, []string{"LIVEID", "SHA-256"}},
		{"a key is gone", func(b *bench, live, _, _, _, _ string) { b.exec("delete from case_keys where case_id = $1", live) }, []string{"LIVEID", "key of the case is gone"}},
		{"a key is changed", func(b *bench, live, _, _, _, _ string) {
			b.exec("update case_keys set wrapped = $1 where case_id = $2", []byte("x"), live)
		}, []string{"case LIVE", "does not open with the vault's key"}},
		{"a piece is marked destroyed", func(b *bench, _, id, _, _, _ string) {
			b.exec("update evidence set destroyed_at = 5 where id = $1", id)
		}, []string{"LIVEID", "without its case"}},
		{"a record is gone, a view speaks of it", func(b *bench, live, id, _, _, _ string) {
			b.tx(func(tx *store.Tx) error {
				return tx.AddView(context.Background(), db.AddViewParams{ID: "v", CaseID: live, EvidenceID: id})
			})
			b.exec("delete from evidence where id = $1", id)
		}, []string{"LIVEID", "a view speaks of it"}},
		{"a record is gone, its body is old", func(b *bench, _, id, _, _, _ string) {
			if err := os.Chtimes(b.body(id), start.Add(-48*time.Hour), start.Add(-48*time.Hour)); err != nil {
				b.t.Fatal(err)
			}
			b.exec("delete from evidence where id = $1", id)
		}, []string{"body LIVEID", "no record points to it"}},
		{"destroyed while a clock ran", func(b *bench, _, _, dead, _, _ string) { b.exec(running, dead) }, []string{"case DEAD", "while clock", "test"}},
		{"a clock was moved", func(b *bench, live, _, _, _, _ string) {
			b.exec("update clocks set until_at = 1 where case_id = $1", live)
		}, []string{"case LIVE", "was set until", "its record says"}},
		{"a clock is gone", func(b *bench, live, _, _, _, _ string) { b.exec("delete from clocks where case_id = $1", live) }, []string{"case LIVE", "its record is gone"}},
		{"destroyed under a hold", func(b *bench, live, _, dead, _, hold string) {
			b.exec("update holds set case_id = $1, placed_at = 1 where id = $2", dead, hold)
		}, []string{"case DEAD", "under hold HOLD"}},
		{"a hold is gone", func(b *bench, _, _, _, _, hold string) { b.exec("delete from holds where id = $1", hold) }, []string{"case LIVE", "hold HOLD", "record is gone"}},
		{"a hold is released by nobody", func(b *bench, _, _, _, _, hold string) {
			b.exec("update holds set released_at = 9, released_by = 'x' where id = $1", hold)
		}, []string{"case LIVE", "hold HOLD", "the ledger has no row of it"}},
		{"a hold is released by one", func(b *bench, live, _, _, _, hold string) {
			b.exec("update holds set released_at = 9, released_by = 'x' where id = $1", hold)
			b.tx(func(tx *store.Tx) error {
				return errors.Join(ledger.Append(context.Background(), tx, ledger.Entry{At: b.now, Actor: "x", Action: "hold.ask_release", Subject: live, Detail: hold + " x"}),
					ledger.Append(context.Background(), tx, ledger.Entry{At: b.now.Add(time.Second), Actor: "x", Action: "hold.release", Subject: live, Detail: hold + " x"}))
			})
		}, []string{"case LIVE", "hold HOLD", "without two people"}},
		{"held evidence is destroyed by hand", func(b *bench, live, id, _, _, _ string) {
			b.exec("update case_keys set wrapped = $1, destroyed_at = $2 where case_id = $3", []byte{}, store.Micros(b.now), live)
			b.exec("update evidence set header = $1, destroyed_at = $2 where id = $3", []byte{}, store.Micros(b.now), id)
		}, []string{"case LIVE", "under hold HOLD"}},
		{"a certificate is gone", func(b *bench, _, _, dead, _, _ string) { b.exec("delete from certificates where case_id = $1", dead) }, []string{"case DEAD", "without a certificate"}},
		{"a certificate is changed", func(b *bench, _, _, dead, _, _ string) {
			b.exec("update certificates set pieces = 9 where case_id = $1", dead)
		}, []string{"case DEAD", "certificate", "9 pieces"}},
		{"the ledger row of a destruction is gone", func(b *bench, _, _, dead, _, _ string) {
			b.exec("delete from ledger_entries where subject = $1 and action = 'evidence.destroy'", dead)
		}, []string{"case DEAD", "without a ledger row"}},
		{"a destruction is undone by hand", func(b *bench, _, _, dead, _, _ string) {
			b.exec("update case_keys set destroyed_at = 0 where case_id = $1", dead)
		}, []string{"case DEAD", "the ledger says that it was destroyed"}},
		{"a key is put back", func(b *bench, _, _, dead, _, _ string) {
			b.exec("update case_keys set wrapped = $1 where case_id = $2", []byte("x"), dead)
		}, []string{"case DEAD", "its key is still there"}},
		{"a header is put back", func(b *bench, _, _, _, id, _ string) {
			b.exec("update evidence set header = $1 where id = $2", []byte("x"), id)
		}, []string{"DEADID", "its header is still there"}},
		{"a body is put back", func(b *bench, _, _, _, id, _ string) {
			if err := b.blobs.Put(id, []byte("from a backup")); err != nil {
				b.t.Fatal(err)
			}
		}, []string{"DEADID", "its body is there"}},
		{"a destroyed case is open", func(b *bench, _, _, dead, _, _ string) { b.exec("update cases set state = 'open' where id = $1", dead) }, []string{"case DEAD", "it is open"}},
		{"destroyed while a report was under way", func(b *bench, _, _, dead, _, _ string) {
			b.tx(func(tx *store.Tx) error {
				return tx.CreateReport(context.Background(), db.CreateReportParams{ID: "rep", CaseID: dead, DecisionID: "d", State: "approved", Draft: "{}", Receipt: []byte{}, CreatedAt: 1})
			})
		}, []string{"case DEAD", "report rep was under way"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.exec("pragma foreign_keys = off; update destroyer set epoch = epoch")
			live, liveID := b.expired()
			hold := b.hold(live).ID
			dead, deadID := b.expired()
			if n, err := b.vault.Expire(t.Context()); err != nil || n != 1 {
				t.Fatal(n, err)
			}
			tc.damage(b, live, liveID, dead, deadID, hold)
			v, err := b.vault.Verify(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if tc.says == nil {
				want := &vault.Verification{Opened: 1, Bytes: 8, Destroyed: 1, Held: 1}
				if diff := cmp.Diff(want, v); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			names := strings.NewReplacer("LIVEID", liveID, "DEADID", deadID, "LIVE", live, "DEAD", dead, "HOLD", hold)
			for _, p := range v.Problems {
				found := true
				for _, part := range tc.says {
					found = found && strings.Contains(p, names.Replace(part))
				}
				if found {
					return
				}
			}
			t.Errorf("does not say %q:\n%s", tc.says, strings.Join(v.Problems, "\n"))
		})
	}
}

// TestErase walks one account with several cases through a request.
func TestErase(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		testErase(t, newBenchOn(t, fresh(t)))
	})
}

func testErase(t *testing.T, b *bench) {
	t.Helper()
	ctx := t.Context()
	account := func(caseID string) {
		b.exec("update cases set account_id = 'acct' where id = $1", caseID)
		b.exec("update items set account_id = 'acct', ip = '192.0.2.1', filename = 'a name', sha256 = 'hash' where case_id = $1", caseID)
	}
	b.tx(func(tx *store.Tx) error {
		return errors.Join(tx.PutAccount(ctx, "acct", "{}", 1), tx.PutAccount(ctx, "other", "{}", 1),
			tx.AddRecent(ctx, db.AddRecentParams{ID: "1", AccountID: "acct"}), tx.AddRecent(ctx, db.AddRecentParams{ID: "2", AccountID: "other"}))
	})
	if _, err := b.vault.Look(ctx); err != nil {
		t.Fatal(err)
	}
	gone, goneID := b.expired() // may go now
	kept, keptID := b.expired() // kept by a clock
	held, heldID := b.expired() // kept by a hold
	for _, id := range []string{gone, kept, held} {
		account(id)
	}
	b.tx(func(tx *store.Tx) error {
		return errors.Join(b.vault.SetClock(ctx, tx, kept, vault.UKContent.Clock(b.now, "")), b.vault.SetClock(ctx, tx, kept, vault.UKReference.Clock(b.now, "")),
			tx.CreateReport(ctx, db.CreateReportParams{ID: "rep", CaseID: kept, DecisionID: "d", State: "filed", Draft: `{"account":1}`, Receipt: []byte{1}}))
	})
	hold := b.hold(held)
	stranger, strangerID := b.expired()

	_, err := b.vault.Erasure(ctx, "acct")
	wantKind(t, "no request", err, safety.NotFound)
	e, err := b.vault.Erase(ctx, "key:platform", "acct", "R 1")
	if err != nil || !e.CompletedAt.IsZero() {
		t.Fatalf("%+v, %v", e, err)
	}
	whys := map[string]string{}
	for _, k := range e.Kept {
		whys[k.CaseID+" "+k.Law] += k.Why
	}
	if diff := cmp.Diff(map[string]string{kept + " " + vault.UKContent.Name: "clock", kept + " " + vault.UKReference.Name: "clock", held + " ": "hold"}, whys); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if b.opens(goneID) || !b.opens(keptID) || !b.opens(heldID) || !b.opens(strangerID) {
		t.Errorf("opens: %t %t %t %t", b.opens(goneID), b.opens(keptID), b.opens(heldID), b.opens(strangerID))
	}
	item := func(caseID string) string {
		items, err := b.store.Read().ItemsOfCase(ctx, caseID)
		if err != nil {
			t.Fatal(err)
		}
		return items[0].AccountID + items[0].Ip + items[0].Filename + items[0].Sha256
	}
	if got := item(gone); got != "" {
		t.Errorf("left on the erased case: %q", got)
	}
	if item(kept) == "" || item(held) == "" {
		t.Error("what must be kept was erased")
	}
	if _, err := b.store.Read().Account(ctx, "acct"); err != nil {
		t.Errorf("the profile of a kept account: %v", err)
	}
	for range 2 { // asking again is asking once
		if again, err := b.vault.Erase(ctx, "key:platform", "acct", "R 1"); err != nil || !again.CompletedAt.IsZero() || !again.AskedAt.Equal(e.AskedAt) {
			t.Errorf("again: %+v, %v", again, err)
		}
	}
	if n := b.ledger("account:acct", "account.ask_erasure"); n != 1 {
		t.Errorf("%d ledger rows of the request, want 1", n)
	}
	if n, err := b.vault.Erasures(ctx); err != nil || n != 0 {
		t.Errorf("completed %d (%v)", n, err)
	}

	if err := errors.Join(b.ask(anna2, hold.ID), b.confirm(boris, hold.ID)); err != nil {
		t.Fatal(err)
	}
	b.now = vault.UKContent.End(start) // evidence goes, the reference stays
	if n, err := b.vault.Erasures(ctx); err != nil || n != 0 || b.opens(heldID) || !b.opens(keptID) {
		t.Errorf("after a year: completed %d (%v)", n, err)
	}
	if n, err := b.vault.Expire(ctx); err != nil || n != 2 {
		t.Errorf("after a year: destroyed %d (%v)", n, err)
	}
	r, err := b.store.Read().Report(ctx, "rep")
	if err != nil || r.Draft != `{"account":1}` {
		t.Errorf("the report within its five years: %+v (%v)", r, err)
	}
	b.now = vault.UKReference.End(start)
	if n, err := b.vault.Erasures(ctx); err != nil || n != 1 {
		t.Errorf("after five years: completed %d (%v)", n, err)
	}
	if e, err = b.vault.Erasure(ctx, "acct"); err != nil || !e.CompletedAt.Equal(b.now) || len(e.Kept) != 0 {
		t.Errorf("%+v (%v)", e, err)
	}
	if r, err = b.store.Read().Report(ctx, "rep"); err != nil || r.Draft != "{}" || r.State != "filed" || string(r.Receipt) != "\x01" {
		t.Errorf("the report afterwards: %+v (%v)", r, err)
	}
	if _, err := b.store.Read().Account(ctx, "acct"); !store.IsNotFound(err) {
		t.Errorf("the profile is still there (%v)", err)
	}
	if _, err := b.store.Read().Account(ctx, "other"); err != nil {
		t.Errorf("another's profile: %v", err)
	}
	rows, err := b.store.Read().RecentsAfter(ctx, "", 10)
	if err != nil || len(rows) != 1 || rows[0].AccountID != "other" {
		t.Errorf("recents %+v (%v)", rows, err)
	}
	if n, err := b.vault.Erasures(ctx); err != nil || n != 0 {
		t.Errorf("completed %d again (%v)", n, err)
	}
	v, err := b.vault.Verify(ctx)
	if err != nil || len(v.Problems) > 0 {
		t.Errorf("verify: %+v (%v)", v, err)
	}
	_ = stranger
}

// TestErase_WhilePaused keeps everything.
func TestErase_WhilePaused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	caseID, id := b.expired()
	b.exec("update cases set account_id = 'acct' where id = $1", caseID)
	if _, err := b.vault.Look(ctx); err != nil {
		t.Fatal(err)
	}
	b.jump(1000 * time.Hour)
	e, err := b.vault.Erase(ctx, "key:platform", "acct", "R 1")
	if err != nil || !e.CompletedAt.IsZero() || len(e.Kept) != 1 || e.Kept[0].Why != "paused" || !b.opens(id) {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestNothingDeletesRecords reads every query: what proves what was done is never
// deleted. A report's reference is kept five years, and nobody counts them.
func TestNothingDeletesRecords(t *testing.T) {
	t.Parallel()
	kept := []string{"reports", "report_items", "report_files", "report_steps", "report_exchanges", "clocks", "holds", "certificates", "case_keys", "evidence",
		"views", "decisions", "cases", "items", "findings", "ledger_entries", "relevant_data", "erasures", "destroyer"}
	files := 0
	err := fs.WalkDir(os.DirFS("../store/queries"), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(filepath.Join("../store/queries", p))
		for _, table := range kept {
			for _, verb := range []string{"delete from ", "truncate ", "drop table "} {
				if strings.Contains(strings.ToLower(string(text))+" ", verb+table+" ") || strings.Contains(strings.ToLower(string(text)), verb+table+";") {
					t.Errorf("%s: %s%s. These rows prove what was kept and done", p, verb, table)
				}
			}
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestOneHand: what takes evidence or a hold away is called in this package, where
// it is looked after, and nowhere else.
func TestOneHand(t *testing.T) {
	t.Parallel()
	calls := map[string]int{".DestroyCaseKey(": 0, ".DestroyEvidence(": 0, ".BodyDeleted(": 0, ".ReleaseHold(": 0, ".ResumeDestroyer(": 0, ".TrustTime(": 0,
		".ForgetItems(": 0, ".ForgetReportContents(": 0, ".ForgetReportRequests(": 0, ".ForgetCaseAccount(": 0, ".ForgetAccount(": 0}
	err := filepath.WalkDir("../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "storetest" || strings.HasSuffix(p, filepath.Join("store", "db"))) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(p)
		for c := range calls {
			n := strings.Count(string(text), c)
			if n > 0 && filepath.Base(filepath.Dir(p)) != "vault" {
				t.Errorf("%s calls %s. Only package vault may: it looks first whether anything keeps the case", p, c)
			}
			calls[c] += n
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for c, n := range calls {
		if n != 1 {
			t.Errorf("%s is called in %d places, want one", c, n)
		}
	}
}
