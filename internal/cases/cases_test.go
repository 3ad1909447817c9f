package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

var (
	start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	anna  = safety.Actor{ID: "user:usr_anna", Name: "Anna", Person: true}
	boris = safety.Actor{ID: "user:usr_boris", Name: "Boris", Person: true}
	robot = safety.Actor{ID: "key:key_robot", Name: "robot"}
	types = []string{"type one"}
)

var confirm = cases.Judgement{Outcome: cases.Confirmed, Reason: "as the list says", IncidentType: "type one", NCMECClass: "B2"}
var reject = cases.Judgement{Outcome: cases.NotConfirmed, Reason: "a holiday picture"}

type bench struct {
	t     testing.TB
	store *store.Store
	vault *vault.Vault
	desk  *cases.Desk

	mu        sync.Mutex
	now       time.Time        // guarded by mu
	calls     []string         // of hooks, in transactions that may have failed; guarded by mu
	fail      map[string]error // by hook
	wanted    []safety.Event   // what the platform was asked for; guarded by mu
	retracted int64            // what Retract answers
	n         int
}

func newBench(t testing.TB, s *store.Store) *bench {
	t.Helper()
	master, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := vault.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	b := &bench{t: t, store: s, now: start, fail: map[string]error{}}
	b.vault = vault.New(s, master, blobs, b.clock)
	hook := func(name string) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.calls = append(b.calls, name)
		return b.fail[name]
	}
	b.desk = cases.NewDesk(s, b.vault, b.clock, 30*24*time.Hour, cases.Hooks{
		Announce: func(ctx context.Context, tx *store.Tx, e safety.Event) error {
			if e.Type == "case.relevant_data_wanted" { // with every illegal item; see relevant_test.go
				b.mu.Lock()
				defer b.mu.Unlock()
				b.wanted = append(b.wanted, e)
				return nil
			}
			// A row of the hook's own shows whether it shares the transaction.
			return errors.Join(tx.PutAccount(ctx, "announced "+e.Type+" "+e.Subject, "{}", e.After.UnixMicro()), hook("announce "+e.Type))
		},
		Retract: func(ctx context.Context, tx *store.Tx, caseID string) (int64, error) {
			return b.retracted, errors.Join(tx.PutAccount(ctx, "retracted "+caseID, "{}", 1), hook("retract"))
		},
		Draft: func(ctx context.Context, tx *store.Tx, c db.Case, d db.Decision) error {
			return errors.Join(tx.PutAccount(ctx, "drafted "+c.ID, "{}", 1), hook("draft"))
		},
		Withdraw: func(ctx context.Context, tx *store.Tx, _ safety.Actor, id string) error {
			return errors.Join(tx.PutAccount(ctx, "withdrawn "+id, "{}", 1), hook("withdraw"))
		},
	})
	return b
}

// clock moves a microsecond with every reading, so that times keep their order.
func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Microsecond)
	return b.now
}

func (b *bench) later(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.now = b.now.Add(d) }

func content(account, id string, p safety.Priority) cases.Content {
	return cases.Content{ContentID: id, AccountID: account, Surface: safety.SurfacePublic, Verdict: safety.VerdictBlock, Scan: safety.ScanScanned,
		Queue: "queue-" + string(p), Priority: p, Reason: "reason " + string(p), SHA256: id,
		Findings: []safety.Finding{{Detector: "pdq/1", List: "l", Kind: safety.ListIllegal, Match: safety.MatchNear}},
		Original: []byte("harmless " + id), MediaType: "image/png", Preview: []byte("preview " + id)}
}

func (b *bench) open(c cases.Content) (out cases.Opened) {
	b.t.Helper()
	err := b.store.Tx(context.Background(), func(tx *store.Tx) (err error) {
		out, err = b.desk.Open(context.Background(), tx, c)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// fresh opens a case on an account of its own.
func (b *bench) fresh() string {
	b.t.Helper()
	b.n++
	return b.open(content(fmt.Sprint("acct-", b.n), "content", safety.P2)).CaseID
}

func (b *bench) row(id string) db.Case {
	b.t.Helper()
	c, err := b.store.Read().CaseByID(context.Background(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func (b *bench) actions(caseID string) (out []string) {
	b.t.Helper()
	rows, err := b.store.Read().EntriesOfSubject(context.Background(), caseID, "\U0010ffff", 1000)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortFunc(rows, func(x, y db.LedgerEntry) int { return int(x.At - y.At) })
	for _, e := range rows {
		out = append(out, e.Action)
	}
	return out
}

func (b *bench) has(mark string) bool {
	b.t.Helper()
	_, err := b.store.Read().Account(context.Background(), mark)
	if err != nil && !store.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return err == nil
}

func wantKind(t testing.TB, what string, err error, k safety.Kind) {
	t.Helper()
	if err == nil || safety.KindOf(err) != k {
		t.Errorf("%s: got %v, want an error that says %s", what, err, k)
	}
}

func TestOpen_JoinsTheAccountsOpenCase(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	first := b.open(content("acct", "one", safety.P3))
	if !first.New {
		t.Error("the first item is not new")
	}
	second := b.open(content("acct", "two", safety.P3))
	if !second.New || second.CaseID != first.CaseID || second.ItemID == first.ItemID {
		t.Errorf("a second item: %+v, after %+v", second, first)
	}
	if again := b.open(content("acct", "one", safety.P3)); again.New || again.CaseID != first.CaseID || again.ItemID != first.ItemID {
		t.Errorf("the same again: %+v", again)
	}
	if other := b.open(content("other", "one", safety.P3)); other.CaseID == first.CaseID {
		t.Error("another account joined the case")
	}
	canary := content("acct", "canary", safety.P3)
	canary.Canary = true
	if c := b.open(canary); c.CaseID == first.CaseID {
		t.Error("the canary joined a real case")
	}
	x, y := content("", "x", safety.P3), content("", "y", safety.P3)
	if b.open(x).CaseID == b.open(y).CaseID {
		t.Error("contents without an account share a case")
	}
	if _, err := b.desk.Decide(t.Context(), anna, first.CaseID, reject, types); err != nil {
		t.Fatal(err)
	}
	if third := b.open(content("acct", "three", safety.P3)); third.CaseID == first.CaseID {
		t.Error("new content joined a decided case")
	}
	if again := b.open(content("acct", "one", safety.P3)); again.New || again.CaseID != first.CaseID {
		t.Errorf("known content of a decided case: %+v", again)
	}
	pieces, err := b.store.Read().EvidenceOfCase(t.Context(), first.CaseID)
	if err != nil || len(pieces) != 4 {
		t.Errorf("%d pieces of evidence (%v), want two originals and two previews", len(pieces), err)
	}
}

func TestOpen_RaisesAndNeverLowers(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	rapid.Check(t, func(rt *rapid.T) {
		b.n++
		account, highest := fmt.Sprint("acct-", b.n), safety.Priority("")
		revision := int64(0)
		for i, p := range rapid.SliceOfN(rapid.SampledFrom(safety.Priorities), 1, 6).Draw(rt, "priorities") {
			id := b.open(content(account, fmt.Sprint(i), p)).CaseID
			highest = safety.Highest(highest, p)
			c := b.row(id)
			if c.Priority != string(highest) || c.Queue != "queue-"+string(highest) || c.Reason != "reason "+string(highest) {
				rt.Fatalf("case has priority %s in %s, want %s", c.Priority, c.Queue, highest)
			}
			if c.Revision <= revision {
				rt.Fatal("a changed case has its old revision")
			}
			revision = c.Revision
		}
	})
}

// TestOpen_Concurrent: content of one account that comes at once.
func TestOpen_Concurrent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		b.open(content("acct", "first", safety.P2))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				err := b.store.Tx(context.Background(), func(tx *store.Tx) error {
					_, err := b.desk.Open(context.Background(), tx, content("acct", fmt.Sprint(i), safety.P2))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		counts, err := b.store.Read().ItemCounts(t.Context())
		if err != nil || len(counts) != 1 || counts[0].N != 9 {
			t.Errorf("items by case: %+v (%v), want nine on one", counts, err)
		}
	})
}

func TestClaim_TwoReviewers(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	id := b.fresh()
	c, err := b.desk.Claim(ctx, anna, id)
	if err != nil || c.AssignedTo != anna.ID {
		t.Fatalf("%+v, %v", c, err)
	}
	_, err = b.desk.Claim(ctx, boris, id)
	wantKind(t, "claiming another's case", err, safety.Conflict)
	_, err = b.desk.Release(ctx, boris, id)
	wantKind(t, "releasing another's case", err, safety.Conflict)
	_, err = b.desk.Decide(ctx, boris, id, reject, types)
	wantKind(t, "deciding another's case", err, safety.Conflict)
	b.later(cases.Lease - time.Minute)
	if renewed, err := b.desk.Claim(ctx, anna, id); err != nil || renewed.LeaseUntil <= c.LeaseUntil {
		t.Errorf("renewing: %v", err)
	}
	b.later(cases.Lease - time.Minute)
	_, err = b.desk.Claim(ctx, boris, id)
	wantKind(t, "claiming within a renewed lease", err, safety.Conflict)
	b.later(2 * time.Minute)
	if _, err := b.desk.Claim(ctx, boris, id); err != nil {
		t.Errorf("the lease has run out: %v", err)
	}
	_, err = b.desk.Decide(ctx, anna, id, reject, types)
	wantKind(t, "deciding after losing the lease", err, safety.Conflict)
	if _, err := b.desk.Release(ctx, boris, id); err != nil {
		t.Error(err)
	}
	if _, err := b.desk.Claim(ctx, anna, id); err != nil {
		t.Errorf("claiming a released case: %v", err)
	}
	_, err = b.desk.Claim(ctx, anna, "cas_none")
	wantKind(t, "claiming nothing", err, safety.NotFound)
	want := []string{"case.open", "case.item", "case.claim", "case.claim", "case.release", "case.claim"}
	if diff := cmp.Diff(want, b.actions(id)); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
}

func TestClaim_OneWinner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		id := b.fresh()
		var wg sync.WaitGroup
		var mu sync.Mutex
		winners := 0
		for i := range 8 {
			wg.Go(func() {
				_, err := b.desk.Claim(context.Background(), safety.Actor{ID: fmt.Sprint("user:", i), Person: true}, id)
				if err != nil && safety.KindOf(err) != safety.Conflict {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					winners++
				}
			})
		}
		wg.Wait()
		if winners != 1 {
			t.Errorf("%d reviewers hold one case", winners)
		}
	})
}

func TestNext(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	_, err := b.desk.Next(ctx, anna)
	wantKind(t, "an empty queue", err, safety.NotFound)
	late := b.open(content("a", "1", safety.P3)).CaseID
	urgent := b.open(content("b", "1", safety.P1)).CaseID
	older := b.open(content("c", "1", safety.P2)).CaseID
	younger := b.open(content("d", "1", safety.P2)).CaseID
	got := map[string]string{}
	for i, who := range []safety.Actor{anna, boris, {ID: "user:c", Person: true}, {ID: "user:d", Person: true}} {
		c, err := b.desk.Next(ctx, who)
		if err != nil {
			t.Fatal(err)
		}
		got[fmt.Sprint(i)] = c.ID
	}
	if diff := cmp.Diff(map[string]string{"0": urgent, "1": older, "2": younger, "3": late}, got); diff != "" {
		t.Errorf("who got what (-want +got):\n%s", diff)
	}
	if c, err := b.desk.Next(ctx, boris); err != nil || c.ID != older {
		t.Errorf("one's own case comes again: %s, %v", c.ID, err)
	}
	_, err = b.desk.Next(ctx, safety.Actor{ID: "user:e", Person: true})
	wantKind(t, "everything is taken", err, safety.NotFound)
	b.later(cases.Lease + time.Second)
	if c, err := b.desk.Next(ctx, safety.Actor{ID: "user:e", Person: true}); err != nil || c.ID != urgent {
		t.Errorf("after the leases: %s, %v", c.ID, err)
	}
}

func TestDecide_Refusals(t *testing.T) {
	t.Parallel()
	with := func(j cases.Judgement, change func(*cases.Judgement)) cases.Judgement { change(&j); return j }
	tests := []struct {
		name string
		who  safety.Actor
		j    cases.Judgement
		want safety.Kind
	}{
		{"a program", robot, confirm, safety.Forbidden},
		{"Rowan itself", safety.System, confirm, safety.Forbidden},
		{"no outcome", anna, with(confirm, func(j *cases.Judgement) { j.Outcome = "" }), safety.Invalid},
		{"unknown outcome", anna, with(confirm, func(j *cases.Judgement) { j.Outcome = "ignore" }), safety.Invalid},
		{"no reason", anna, with(reject, func(j *cases.Judgement) { j.Reason = "" }), safety.Invalid},
		{"blank reason", anna, with(reject, func(j *cases.Judgement) { j.Reason = " \n\t" }), safety.Invalid},
		{"endless reason", anna, with(reject, func(j *cases.Judgement) { j.Reason = strings.Repeat("ä", 2001) }), safety.Invalid},
		{"endless note", anna, with(reject, func(j *cases.Judgement) { j.Note = strings.Repeat("ä", 4001) }), safety.Invalid},
		{"unknown class", anna, with(confirm, func(j *cases.Judgement) { j.NCMECClass = "C1" }), safety.Invalid},
		{"unknown UK class", anna, with(confirm, func(j *cases.Judgement) { j.UKClass = "A1" }), safety.Invalid},
		{"unknown priority", anna, with(confirm, func(j *cases.Judgement) { j.Priority = "P0" }), safety.Invalid},
		{"confirmed without a type", anna, with(confirm, func(j *cases.Judgement) { j.IncidentType = "" }), safety.Invalid},
		{"confirmed with an unknown type", anna, with(confirm, func(j *cases.Judgement) { j.IncidentType = "type two" }), safety.Invalid},
	}
	b := newBench(t, storetest.Open(t))
	id := b.fresh()
	before := b.row(id)
	for _, tc := range tests {
		_, err := b.desk.Decide(t.Context(), tc.who, id, tc.j, types)
		wantKind(t, tc.name, err, tc.want)
	}
	if diff := cmp.Diff(before, b.row(id)); diff != "" || len(b.calls) != 0 {
		t.Errorf("a refused decision changed something: %v\n%s", b.calls, diff)
	}
	_, err := b.desk.Decide(t.Context(), anna, "cas_none", reject, types)
	wantKind(t, "no case", err, safety.NotFound)
	edge := with(confirm, func(j *cases.Judgement) {
		j.Reason, j.Note, j.UKClass, j.Priority = strings.Repeat("ä", 2000), strings.Repeat("ä", 4000), "C", safety.P3
	})
	if _, err := b.desk.Decide(t.Context(), anna, id, edge, types); err != nil {
		t.Errorf("at the limits: %v", err)
	}
	if p := b.row(id).Priority; p != "P3" {
		t.Errorf("a person lowered the priority, and it is %s", p)
	}
	_, err = b.desk.Decide(t.Context(), boris, id, reject, types)
	wantKind(t, "deciding twice", err, safety.Conflict)
}

func TestDecide_Consequences(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	yes, no := b.fresh(), b.fresh()
	made, err := b.desk.Decide(ctx, anna, yes, confirm, types)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"draft", "announce case.decided"}, b.calls); diff != "" {
		t.Errorf("confirmed (-want +got):\n%s", diff)
	}
	if clocks, err := b.store.Read().ClocksOfCase(ctx, yes); err != nil || len(clocks) != 0 {
		t.Errorf("a confirmed case has a clock of the operator's: %v (%v)", clocks, err)
	}
	after, err := b.store.Read().Account(ctx, "announced case.decided "+yes)
	if err != nil || time.UnixMicro(after.UpdatedAt).Sub(store.Time(made.At)) < cases.UndoWindow {
		t.Errorf("the platform is told before the decision can be undone (%v)", err)
	}
	b.calls = nil
	if made, err = b.desk.Decide(ctx, anna, no, reject, types); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"announce case.decided"}, b.calls); diff != "" {
		t.Errorf("not confirmed (-want +got):\n%s", diff)
	}
	clocks, err := b.store.Read().ClocksOfCase(ctx, no)
	if err != nil || len(clocks) != 1 || store.Time(clocks[0].UntilAt).Sub(store.Time(made.At)) < 30*24*time.Hour {
		t.Errorf("clocks of a case not confirmed: %+v (%v)", clocks, err)
	}
	for _, id := range []string{yes, no} {
		if c := b.row(id); c.State != "decided" || c.AssignedTo != "" || c.LeaseUntil != 0 {
			t.Errorf("decided case: %+v", c)
		}
		_, err := b.desk.Claim(ctx, anna, id)
		wantKind(t, "claiming a decided case", err, safety.Conflict)
	}
}

// TestHooks_FailTogether: a hook that fails leaves nothing behind, of it or of us.
func TestHooks_FailTogether(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for _, tc := range []struct {
		hook string
		j    cases.Judgement
		undo bool
	}{
		{"draft", confirm, false}, {"announce case.decided", confirm, false}, {"announce case.decided", reject, false},
		{"withdraw", confirm, true}, {"retract", confirm, true}, {"retract", reject, true}, {"announce case.reopened", reject, true},
	} {
		t.Run(fmt.Sprint(tc.hook, " ", tc.j.Outcome), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.Open(t))
			id := b.fresh()
			if tc.undo {
				if _, err := b.desk.Decide(t.Context(), anna, id, tc.j, types); err != nil {
					t.Fatal(err)
				}
			}
			b.fail[tc.hook] = boom
			before, marks, actions := b.row(id), b.marks(), b.actions(id)
			var err error
			if tc.undo {
				_, err = b.desk.Undo(t.Context(), anna, id)
			} else {
				_, err = b.desk.Decide(t.Context(), anna, id, tc.j, types)
			}
			if !errors.Is(err, boom) {
				t.Fatalf("got %v", err)
			}
			if diff := cmp.Diff(before, b.row(id)) + cmp.Diff(marks, b.marks()) + cmp.Diff(actions, b.actions(id)); diff != "" {
				t.Errorf("something stays:\n%s", diff)
			}
			clocks, err := b.store.Read().ClocksOfCase(t.Context(), id)
			if err != nil || len(clocks) != 0 && !tc.undo {
				t.Errorf("a clock stays: %v (%v)", clocks, err)
			}
			delete(b.fail, tc.hook)
			if tc.undo {
				_, err = b.desk.Undo(t.Context(), anna, id)
			} else {
				_, err = b.desk.Decide(t.Context(), anna, id, tc.j, types)
			}
			if err != nil {
				t.Errorf("trying again: %v", err)
			}
		})
	}
}

// marks are the rows that hooks have left, by name.
func (b *bench) marks() map[string]bool {
	b.t.Helper()
	counts, err := b.store.Read().ItemCounts(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, c := range counts {
		for _, m := range []string{"announced case.decided ", "announced case.reopened ", "retracted ", "drafted "} {
			out[m+c.CaseID] = b.has(m + c.CaseID)
		}
	}
	return out
}

func TestUndo_Rules(t *testing.T) {
	t.Parallel()
	conflict := safety.Errorf(safety.Conflict, "the report is approved already")
	tests := []struct {
		name  string
		j     cases.Judgement
		who   safety.Actor
		later time.Duration
		hook  error // of Withdraw
		ok    bool
	}{
		{name: "not confirmed, at once", j: reject, who: anna, ok: true},
		{name: "not confirmed, just in time", j: reject, who: anna, later: cases.UndoWindow - time.Second, ok: true},
		{name: "not confirmed, too late", j: reject, who: anna, later: cases.UndoWindow},
		{name: "not confirmed, by another", j: reject, who: boris},
		{name: "confirmed, report is a draft, days later", j: confirm, who: anna, later: 72 * time.Hour, ok: true},
		{name: "confirmed, report is approved", j: confirm, who: anna, hook: conflict},
		{name: "confirmed, by another", j: confirm, who: boris},
	}
	for _, tc := range tests {
		for _, told := range []bool{false, true} {
			t.Run(fmt.Sprint(tc.name, ", told ", told), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, storetest.Open(t))
				id := b.fresh()
				made, err := b.desk.Decide(t.Context(), anna, id, tc.j, types)
				if err != nil {
					t.Fatal(err)
				}
				b.later(tc.later)
				b.fail["withdraw"] = tc.hook
				if !told {
					b.retracted = 1
				}
				b.calls = nil
				_, err = b.desk.Undo(t.Context(), tc.who, id)
				if !tc.ok {
					wantKind(t, "undo", err, safety.Conflict)
					if b.row(id).State != "decided" {
						t.Error("a refused undo opened the case")
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if c := b.row(id); c.State != "open" {
					t.Errorf("case is %s", c.State)
				}
				if got := slices.Contains(b.calls, "announce case.reopened"); got != told {
					t.Errorf("the platform is corrected: %t, it was told: %t", got, told)
				}
				if d, err := b.store.Read().Decision(t.Context(), made.ID); err != nil || d.UndoneAt == 0 {
					t.Errorf("the decision is not marked as undone (%v)", err)
				}
				_, err = b.desk.Undo(t.Context(), anna, id)
				wantKind(t, "undoing twice", err, safety.Conflict)
				if _, err := b.desk.Decide(t.Context(), boris, id, confirm, types); err != nil {
					t.Errorf("deciding again: %v", err)
				}
			})
		}
	}
	b := newBench(t, storetest.Open(t))
	_, err := b.desk.Undo(t.Context(), anna, b.fresh())
	wantKind(t, "nothing to undo", err, safety.Conflict)
}

func TestCanUndo(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	at := store.Micros(b.clock())
	for _, tc := range []struct {
		d      db.Decision
		report string
		want   bool
	}{
		{db.Decision{DecidedBy: anna.ID, At: at, Outcome: "not_confirmed"}, "", true},
		{db.Decision{DecidedBy: anna.ID, At: at - int64(time.Hour/time.Microsecond), Outcome: "not_confirmed"}, "", false},
		{db.Decision{DecidedBy: boris.ID, At: at, Outcome: "not_confirmed"}, "", false},
		{db.Decision{DecidedBy: anna.ID, At: at, Outcome: "not_confirmed", UndoneAt: 1}, "", false},
		{db.Decision{DecidedBy: anna.ID, At: 1, Outcome: "confirmed"}, "draft", true},
		{db.Decision{DecidedBy: anna.ID, At: at, Outcome: "confirmed"}, "approved", false},
		{db.Decision{DecidedBy: anna.ID, At: at, Outcome: "confirmed"}, "filed", false},
	} {
		if got := b.desk.CanUndo(anna, tc.d, tc.report); got != tc.want {
			t.Errorf("%+v with report %q: %t", tc.d, tc.report, got)
		}
	}
}

// TestDecide_ViewedIsTruthful plays random view histories of two people; the
// decision says exactly what the decider saw in full before it.
func TestDecide_ViewedIsTruthful(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	ctx := t.Context()
	rapid.Check(t, func(rt *rapid.T) {
		b.n++
		account := fmt.Sprint("viewed-", b.n)
		id := ""
		for i := range rapid.IntRange(1, 3).Draw(rt, "items") {
			id = b.open(content(account, fmt.Sprint(i), safety.P2)).CaseID
		}
		pieces, err := b.store.Read().EvidenceOfCase(ctx, id)
		if err != nil {
			rt.Fatal(err)
		}
		want := map[string]string{}
		for _, e := range pieces {
			if e.Role == "original" {
				want[e.ID] = "not_viewed"
			}
		}
		for range rapid.IntRange(0, 5).Draw(rt, "views") {
			who := rapid.SampledFrom([]safety.Actor{anna, boris}).Draw(rt, "who")
			e := rapid.SampledFrom(pieces).Draw(rt, "piece")
			mode := rapid.SampledFrom([]vault.Mode{vault.ViewOriginal, vault.ViewPreview}).Draw(rt, "mode")
			if _, _, err := b.vault.Reveal(ctx, vault.Viewer{ID: who.ID, Name: who.Name}, who.ID, e.ID, mode, "test"); err != nil {
				rt.Fatal(err)
			}
			if who.ID == anna.ID && mode == vault.ViewOriginal && e.Role == "original" {
				want[e.ID] = "original"
			}
		}
		made, err := b.desk.Decide(ctx, anna, id, reject, types)
		if err != nil {
			rt.Fatal(err)
		}
		if _, _, err := b.vault.Reveal(ctx, vault.Viewer{ID: anna.ID}, anna.ID, pieces[0].ID, vault.ViewOriginal, "afterwards"); err != nil {
			rt.Fatal(err)
		}
		var viewed []cases.Viewed
		if err := json.Unmarshal([]byte(made.Viewed), &viewed); err != nil {
			rt.Fatal(err)
		}
		got := map[string]string{}
		for _, v := range viewed {
			got[v.EvidenceID] = v.Mode
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("viewed (-want +got):\n%s", diff)
		}
	})
}

// TestOpen_FirstAtOnce: the first contents of an account come at once, one of
// them twice. Nothing may be lost or doubled; a refusal may be tried again.
func TestOpen_FirstAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				c := content("acct", fmt.Sprint(i/2), safety.P2)
				var err error
				for range 5 {
					err = b.store.Tx(context.Background(), func(tx *store.Tx) error {
						_, err := b.desk.Open(context.Background(), tx, c)
						return err
					})
					if err == nil {
						return
					}
				}
				t.Error(err)
			})
		}
		wg.Wait()
		counts, err := b.store.Read().ItemCounts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for _, c := range counts {
			n += c.N
		}
		if n != 4 {
			t.Errorf("%d items of four contents", n)
		}
		// On PostgreSQL (read committed) they may come to stand on several cases.
		if len(counts) != 1 && b.store.Engine() == store.SQLite {
			t.Errorf("%d cases of one account", len(counts))
		}
		t.Logf("%d cases", len(counts))
	})
}
