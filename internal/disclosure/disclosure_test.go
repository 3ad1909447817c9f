package disclosure_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/disclosure"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/vault"
)

var (
	start  = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	anna   = safety.Actor{ID: "user:usr_anna", Name: "Anna", Person: true}
	boris  = safety.Actor{ID: "user:usr_boris", Name: "Boris", Person: true}
	annas  = safety.Actor{ID: "key:annas", Name: "Anna's key", Person: true}
	robot  = safety.Actor{ID: "key:robot", Name: "robot"}
	people = []safety.Actor{anna, boris, anna, boris, annas, robot}
)

type bench struct {
	t     testing.TB
	store *store.Store
	vault *vault.Vault
	desk  *disclosure.Desk

	mu   sync.Mutex
	now  time.Time // guarded by mu
	n    int
	fail error // of the making of a bundle
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
	b := &bench{t: t, store: s, now: start}
	b.vault = vault.New(s, master, blobs, b.clock)
	b.desk = disclosure.NewDesk(s, b.vault, b.clock, disclosure.Hooks{
		Bundle: func(_ context.Context, _ safety.Actor, caseID, reason, _ string, without bool) ([]byte, error) {
			b.n++
			return fmt.Append(nil, "bundle ", b.n, " of ", caseID, reason, without), b.fail
		}})
	b.ok(s.Tx(context.Background(), func(tx *store.Tx) error {
		return tx.CreateKey(context.Background(), db.CreateKeyParams{ID: "annas", Hash: []byte{1}, CreatedBy: anna.ID})
	}))
	return b
}

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Microsecond)
	return b.now
}

func (b *bench) later(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.now = b.now.Add(d) }

// aCase makes a decided case with sealed evidence whose only clock has run out.
func (b *bench) aCase(id, account, content string) {
	b.t.Helper()
	ctx := context.Background()
	b.ok(b.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.CreateCase(ctx, db.CreateCaseParams{ID: id, State: "decided", AccountID: account, OpenedAt: 1}); err != nil {
			return err
		}
		if err := tx.AddItem(ctx, db.AddItemParams{ID: "itm_" + id, CaseID: id, ContentID: content, DedupeKey: id}); err != nil {
			return err
		}
		if _, err := b.vault.Seal(ctx, tx, vault.Piece{CaseID: id, ItemID: "itm_" + id, Role: vault.Original, MediaType: "image/png", Data: []byte("harmless")}); err != nil {
			return err
		}
		return b.vault.SetClock(ctx, tx, id, vault.Clock{Law: "test", Basis: "over", Until: start.Add(-time.Hour)})
	}))
}

// release lets two people release every hold of a case.
func (b *bench) release(caseID string) {
	b.t.Helper()
	ctx := context.Background()
	holds, err := b.store.Read().HoldsOfCase(ctx, caseID)
	b.ok(err)
	for _, h := range holds {
		if h.ReleasedAt != 0 {
			continue
		}
		b.ok(b.store.Tx(ctx, func(tx *store.Tx) error { _, err := b.vault.AskRelease(ctx, tx, anna, h.ID, "over"); return err }))
		err := b.store.Tx(ctx, func(tx *store.Tx) error { _, err := b.vault.ConfirmRelease(ctx, tx, anna, h.ID, "over"); return err })
		wantKind(b.t, "one person releases a hold", err, safety.Forbidden)
		b.ok(b.store.Tx(ctx, func(tx *store.Tx) error { _, err := b.vault.ConfirmRelease(ctx, tx, boris, h.ID, "over"); return err }))
	}
}

func (b *bench) destroy(id string) error {
	return b.store.Tx(context.Background(), func(tx *store.Tx) error {
		_, err := b.vault.Destroy(context.Background(), tx, "system", id, "test")
		return err
	})
}

func request(subjects ...disclosure.Subject) disclosure.New {
	return disclosure.New{Authority: "A police force", AuthorityKind: "police", Country: "GB", Officer: "Officer words", Contact: "officer@police.example",
		Reference: "REF 1", Means: "email", Basis: disclosure.CourtOrder, Asks: "Asked words", ReceivedAt: start.Add(-time.Hour), DueAt: start.Add(72 * time.Hour), Subjects: subjects}
}

func (b *bench) receive(n disclosure.New) db.Request {
	b.t.Helper()
	r, err := b.desk.Receive(context.Background(), anna, n)
	b.ok(err)
	return r
}

func wantKind(t testing.TB, what string, err error, k safety.Kind) {
	t.Helper()
	if err == nil || safety.KindOf(err) != k {
		t.Errorf("%s: got %v, want an error that says %s", what, err, k)
	}
}

// TestPath: from the request to the outcome, with two people.
func TestPath(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b, ctx := newBench(t, open(t)), t.Context()
		b.aCase("cas_1", "acct", "c1")
		r := b.receive(request(disclosure.Subject{Kind: "account", ID: "acct"}))
		wantKind(t, "destroying what an open request names", b.destroy("cas_1"), safety.Conflict)

		_, err := b.desk.Prepare(ctx, robot, r.ID, "cas_1", "", true)
		wantKind(t, "prepared by a program", err, safety.Forbidden)
		b.aCase("cas_2", "another", "c2")
		_, err = b.desk.Prepare(ctx, anna, r.ID, "cas_2", "", true)
		wantKind(t, "a case that is not named", err, safety.Conflict)
		x, err := b.desk.Prepare(ctx, anna, r.ID, "cas_1", "a passphrase of words", false)
		b.ok(err)
		if _, _, err := b.desk.Take(ctx, anna, x.ID); safety.KindOf(err) != safety.Conflict {
			t.Errorf("taken out before it was approved: %v", err)
		}
		_, err = b.desk.Approve(ctx, anna, x.ID, x.Sha256)
		wantKind(t, "approved by who prepared it", err, safety.Forbidden)
		_, err = b.desk.Approve(ctx, annas, x.ID, x.Sha256)
		wantKind(t, "approved by their key", err, safety.Forbidden)
		_, err = b.desk.Approve(ctx, boris, x.ID, strings.Repeat("0", 64))
		wantKind(t, "another digest", err, safety.Conflict)
		_, err = b.desk.Approve(ctx, boris, x.ID, x.Sha256)
		b.ok(err)
		_, err = b.desk.HandOver(ctx, anna, x.ID, "an officer", "email")
		wantKind(t, "handed over before anybody took it out", err, safety.Conflict)
		first, _, err := b.desk.Take(ctx, anna, x.ID)
		b.ok(err)
		again, _, err := b.desk.Take(ctx, boris, x.ID)
		b.ok(err)
		if sum := sha256.Sum256(first); !bytes.Equal(first, again) || hex.EncodeToString(sum[:]) != x.Sha256 || int64(len(first)) != x.Size {
			t.Error("what is taken out is not what was prepared")
		}
		views, err := b.store.Read().ViewsOfCase(ctx, "cas_1")
		b.ok(err)
		if len(views) != 2 {
			t.Errorf("%d views on record, want one for each time", len(views))
		}
		_, err = b.desk.End(ctx, anna, r.ID, disclosure.End{State: disclosure.Answered})
		wantKind(t, "ended with something prepared", err, safety.Conflict)
		_, err = b.desk.Prepare(ctx, boris, r.ID, "cas_1", "", true)
		wantKind(t, "a second bundle while one waits", err, safety.Conflict)
		_, err = b.desk.HandOver(ctx, anna, x.ID, "an officer", "email")
		b.ok(err)
		_, _, err = b.desk.Take(ctx, anna, x.ID)
		wantKind(t, "taken out after it was handed over", err, safety.Conflict)
		_, err = b.desk.HandOver(ctx, boris, x.ID, "an officer", "email")
		wantKind(t, "handed over twice", err, safety.Conflict)
		_, err = b.desk.Drop(ctx, boris, x.ID)
		wantKind(t, "dropped after it was handed over", err, safety.Conflict)
		_, err = b.desk.End(ctx, anna, r.ID, disclosure.End{State: disclosure.Answered, NothingHeld: true})
		wantKind(t, "nothing held, though something was handed over", err, safety.Conflict)
		r, err = b.desk.End(ctx, anna, r.ID, disclosure.End{State: disclosure.Answered, Note: "Note words"})
		b.ok(err)
		if r.State != "answered" || r.EndedBy != anna.ID {
			t.Errorf("%+v", r)
		}
		_, err = b.desk.Prepare(ctx, anna, r.ID, "cas_1", "", true)
		wantKind(t, "prepared after the end", err, safety.Conflict)

		o, err := b.desk.Record(ctx, boris, disclosure.Outcome{RequestID: r.ID, Kind: "child_safeguarded", At: start, Source: "Source words", Note: "Note words"})
		b.ok(err)
		if o.CaseID != "cas_1" {
			t.Errorf("%+v", o)
		}
		_, err = b.desk.Withdraw(ctx, anna, o.ID)
		b.ok(err)
		_, err = b.desk.Withdraw(ctx, anna, o.ID)
		wantKind(t, "withdrawn twice", err, safety.Conflict)

		rows, err := b.store.Read().EntriesOfSubject(ctx, "cas_1", "~", 100)
		b.ok(err)
		got := map[string]int{}
		for _, e := range rows {
			got[e.Action]++
		}
		for _, a := range []string{"disclosure.prepare", "disclosure.approve", "disclosure.hand_over", "outcome.record", "outcome.withdraw"} {
			if got[a] != 1 {
				t.Errorf("the chain of custody has %d rows %s", got[a], a)
			}
		}
		mine, err := b.store.Read().EntriesOfSubject(ctx, r.ID, "~", 100)
		b.ok(err)
		for _, e := range append(rows, mine...) {
			for _, word := range []string{"words", "officer@", "REF 1"} {
				if strings.Contains(e.Detail, word) {
					t.Errorf("the ledger holds what people wrote: %s %s", e.Action, e.Detail)
				}
			}
		}
		wantKind(t, "destroying after the end, by one person", b.destroy("cas_1"), safety.Conflict)
		b.release("cas_1")
		b.ok(b.destroy("cas_1"))
		if _, _, err := b.vault.Open(ctx, x.EvidenceID); safety.KindOf(err) != safety.NotFound {
			t.Errorf("the sealed bundle outlives its case: %v", err)
		}
	})
}

// TestKept: whatever way a request names a case, the case is kept while it is open,
// also one that comes later.
func TestKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b, ctx := newBench(t, open(t)), t.Context()
		for i, s := range []disclosure.Subject{{Kind: "case", ID: "cas_0"}, {Kind: "account", ID: "acct-1"}, {Kind: "content", ID: "c-2"}} {
			id := fmt.Sprint("cas_", i)
			if s.Kind != "account" {
				b.aCase(id, fmt.Sprint("acct-", i), fmt.Sprint("c-", i))
			}
			r := b.receive(request(s))
			if s.Kind == "account" {
				b.aCase(id, fmt.Sprint("acct-", i), fmt.Sprint("c-", i))
			}
			wantKind(t, s.Kind, b.destroy(id), safety.Conflict)
			n, err := b.vault.Expire(ctx)
			b.ok(err)
			if n != 0 {
				t.Errorf("%s: expired although a request names it", s.Kind)
			}
			if s.Kind == "account" {
				b.ok(b.store.Tx(ctx, func(tx *store.Tx) error { return tx.PutAccount(ctx, s.ID, "{}", 1) }))
				_, err := b.vault.Erase(ctx, "test", s.ID, "")
				b.ok(err)
				if _, err := b.store.Read().Account(ctx, s.ID); err != nil {
					t.Errorf("an account was erased although a request names it: %v", err)
				}
			}
			_, err = b.desk.End(ctx, boris, r.ID, disclosure.End{State: disclosure.Refused, Note: "no ground"})
			b.ok(err)
			wantKind(t, s.Kind+", after the end", b.destroy(id), safety.Conflict)
			b.release(id)
			b.ok(b.destroy(id))
			if s.Kind == "case" { // there is nothing left to hold, and that is no mistake
				b.receive(request(s))
			}
		}
		for _, s := range []disclosure.Subject{{Kind: "case", ID: "none"}, {Kind: "report", ID: "none"}} {
			_, err := b.desk.Receive(ctx, anna, request(s))
			wantKind(t, "a "+s.Kind+" that is not there", err, safety.NotFound)
		}
	})
}

func TestReceive_Bad(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.Open(t))
	subject := disclosure.Subject{Kind: "account", ID: "a"}
	_, err := b.desk.Receive(t.Context(), robot, request(subject))
	wantKind(t, "by a program", err, safety.Forbidden)
	for name, change := range map[string]func(*disclosure.New){
		"no authority":          func(n *disclosure.New) { n.Authority = " " },
		"an unknown kind":       func(n *disclosure.New) { n.AuthorityKind = "x" },
		"an unknown basis":      func(n *disclosure.New) { n.Basis = "x" },
		"unknown means":         func(n *disclosure.New) { n.Means = "x" },
		"a country in words":    func(n *disclosure.New) { n.Country = "Britain" },
		"from the future":       func(n *disclosure.New) { n.ReceivedAt = start.Add(time.Hour) },
		"no time of coming":     func(n *disclosure.New) { n.ReceivedAt = time.Time{} },
		"no time to answer":     func(n *disclosure.New) { n.DueAt = time.Time{} },
		"due before it came":    func(n *disclosure.New) { n.DueAt = start.Add(-2 * time.Hour) },
		"later than the law":    func(n *disclosure.New) { n.Basis, n.DueAt = disclosure.NCAInformation, start.Add(8*24*time.Hour) },
		"nothing named":         func(n *disclosure.New) { n.Subjects = nil },
		"an unknown subject":    func(n *disclosure.New) { n.Subjects = []disclosure.Subject{{Kind: "x", ID: "y"}} },
		"a subject without id":  func(n *disclosure.New) { n.Subjects = []disclosure.Subject{{Kind: "case"}} },
		"far too many subjects": func(n *disclosure.New) { n.Subjects = make([]disclosure.Subject, 201) },
		"a novel":               func(n *disclosure.New) { n.Asks = strings.Repeat("x", 4001) },
	} {
		n := request(subject)
		change(&n)
		_, err := b.desk.Receive(t.Context(), anna, n)
		wantKind(t, name, err, safety.Invalid)
	}
}

// TestDue: the law's time, over daylight saving and a leap day, in elapsed time;
// earlier is allowed and later is not, whatever the machine's clock does.
func TestDue(t *testing.T) {
	t.Parallel()
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, storetest.Open(t))
	for _, c := range []struct{ from, want time.Time }{
		{time.Date(2026, 10, 24, 12, 0, 0, 0, london), time.Date(2026, 10, 31, 11, 0, 0, 0, london)},
		{time.Date(2026, 3, 27, 12, 0, 0, 0, london), time.Date(2026, 4, 3, 13, 0, 0, 0, london)},
		{time.Date(2024, 2, 27, 9, 0, 0, 0, time.UTC), time.Date(2024, 3, 5, 9, 0, 0, 0, time.UTC)},
	} {
		n := request(disclosure.Subject{Kind: "account", ID: "a"})
		n.Basis, n.ReceivedAt, n.DueAt = disclosure.NCAInformation, c.from, time.Time{}
		r := b.receive(n)
		if !store.Time(r.DueAt).Equal(c.want) || r.LawDueAt != r.DueAt {
			t.Errorf("received %s: due %s, want %s", c.from, store.Time(r.DueAt), c.want)
		}
		_, err := b.desk.Hasten(t.Context(), boris, r.ID, c.want.Add(time.Second))
		wantKind(t, "put off", err, safety.Conflict)
		b.later(-30 * 24 * time.Hour) // the clock goes back
		r, err = b.desk.Hasten(t.Context(), boris, r.ID, c.want.Add(-time.Hour))
		b.ok(err)
		if !store.Time(r.DueAt).Equal(c.want.Add(-time.Hour)) {
			t.Errorf("hastened to %s", store.Time(r.DueAt))
		}
		b.later(30 * 24 * time.Hour)
	}
	open, late, err := b.desk.Waiting(t.Context())
	b.ok(err)
	if open != 3 || late != 3 {
		t.Errorf("%d open, %d late", open, late)
	}
}

// TestLate: a request is late from the very moment on, by the running clock.
func TestLate(t *testing.T) {
	s := storetest.Open(t)
	synctest.Test(t, func(t *testing.T) {
		d := disclosure.NewDesk(s, nil, time.Now, disclosure.Hooks{})
		n := request(disclosure.Subject{Kind: "account", ID: "a"})
		n.Basis, n.ReceivedAt, n.DueAt = disclosure.NCAInformation, time.Now(), time.Time{}
		if _, err := d.Receive(t.Context(), anna, n); err != nil {
			t.Fatal(err)
		}
		late := func() int64 {
			_, late, err := d.Waiting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return late
		}
		time.Sleep(7 * 24 * time.Hour)
		if late() != 0 {
			t.Error("late at seven days sharp")
		}
		time.Sleep(time.Microsecond)
		if late() != 1 {
			t.Error("not late after seven days")
		}
	})
}

func TestEnd(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.aCase("cas_1", "acct", "c1")
	subject := disclosure.Subject{Kind: "case", ID: "cas_1"}
	r := b.receive(request(subject))
	for name, e := range map[string]disclosure.End{
		"an unknown end": {State: "lost"}, "still open": {State: disclosure.Open}, "refused without a ground": {State: disclosure.Refused, Note: " "},
		"nothing held and refused": {State: disclosure.Refused, Note: "x", NothingHeld: true},
	} {
		_, err := b.desk.End(ctx, anna, r.ID, e)
		wantKind(t, name, err, safety.Invalid)
	}
	_, err := b.desk.End(ctx, robot, r.ID, disclosure.End{State: disclosure.Answered, NothingHeld: true})
	wantKind(t, "by a program", err, safety.Forbidden)
	_, err = b.desk.End(ctx, anna, r.ID, disclosure.End{State: disclosure.Answered})
	wantKind(t, "answered with nothing", err, safety.Conflict)
	r, err = b.desk.End(ctx, anna, r.ID, disclosure.End{State: disclosure.Answered, NothingHeld: true})
	b.ok(err)
	_, err = b.desk.End(ctx, anna, r.ID, disclosure.End{State: disclosure.Withdrawn})
	wantKind(t, "ended twice", err, safety.Conflict)

	n := request(subject)
	n.Basis = disclosure.Preservation
	keep := b.receive(n)
	_, err = b.desk.Prepare(ctx, anna, keep.ID, "cas_1", "", true)
	wantKind(t, "handing over on a request to preserve", err, safety.Conflict)
	_, err = b.desk.End(ctx, anna, keep.ID, disclosure.End{State: disclosure.Answered})
	b.ok(err)

	b.fail = safety.Errorf(safety.Unavailable, "the disk is full")
	r = b.receive(request(subject))
	_, err = b.desk.Prepare(ctx, anna, r.ID, "cas_1", "", true)
	wantKind(t, "a bundle that cannot be made", err, safety.Unavailable)
	if all, err := b.store.Read().DisclosuresOfRequest(ctx, r.ID); err != nil || len(all) != 0 {
		t.Errorf("%d bundles, %v", len(all), err)
	}
}

func TestOutcome_Bad(t *testing.T) {
	t.Parallel()
	b, ctx := newBench(t, storetest.Open(t)), t.Context()
	b.aCase("cas_1", "acct", "c1")
	r := b.receive(request(disclosure.Subject{Kind: "case", ID: "cas_1"}))
	good := disclosure.Outcome{RequestID: r.ID, Kind: "arrest", At: start}
	for name, c := range map[string]struct {
		change func(*disclosure.Outcome)
		kind   safety.Kind
	}{
		"of nothing":         {func(o *disclosure.Outcome) { o.RequestID = "" }, safety.Invalid},
		"of two things":      {func(o *disclosure.Outcome) { o.ReportID = "x" }, safety.Invalid},
		"an unknown kind":    {func(o *disclosure.Outcome) { o.Kind = "x" }, safety.Invalid},
		"in the future":      {func(o *disclosure.Outcome) { o.At = start.Add(time.Hour) }, safety.Invalid},
		"no such request":    {func(o *disclosure.Outcome) { o.RequestID = "x" }, safety.NotFound},
		"no such report":     {func(o *disclosure.Outcome) { o.RequestID, o.ReportID = "", "x" }, safety.NotFound},
		"a case not named":   {func(o *disclosure.Outcome) { o.CaseID = "cas_9" }, safety.Invalid},
		"a note without end": {func(o *disclosure.Outcome) { o.Note = strings.Repeat("x", 2001) }, safety.Invalid},
	} {
		o := good
		c.change(&o)
		_, err := b.desk.Record(ctx, anna, o)
		wantKind(t, name, err, c.kind)
	}
	_, err := b.desk.Record(ctx, robot, good)
	wantKind(t, "by a program", err, safety.Forbidden)
}

// TestProperty: whatever people do in whatever order, nothing is handed over
// without two of them, or twice, or on a request that has ended or names another
// case; and what an open request names is never destroyed.
func TestProperty(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b, ctx := newBench(t, open(t)), context.Background()
		handedOver, kept := 0, 0
		round := 0
		rapid.Check(t, func(rt *rapid.T) {
			round++
			caseID, account := fmt.Sprint("cas_p", round), fmt.Sprint("acct-p", round)
			b.aCase(caseID, account, fmt.Sprint("c-p", round))
			kinds := map[string]disclosure.Subject{"case": {Kind: "case", ID: caseID}, "account": {Kind: "account", ID: account}}
			type made struct {
				request, preparer string
				approver, state   string
				handed            int
			}
			open := map[string]bool{}
			var requests []string
			bundles := map[string]*made{}
			var ids []string
			destroyed, held := false, true
			human := map[string]string{anna.ID: "anna", annas.ID: "anna", boris.ID: "boris", robot.ID: "robot"}
			// Something to begin with, or most histories would not come far.
			first := b.receive(request(kinds["case"]))
			x, err := b.desk.Prepare(ctx, anna, first.ID, caseID, "", true)
			b.ok(err)
			open[first.ID], requests, ids = true, []string{first.ID}, []string{x.ID}
			bundles[x.ID] = &made{request: first.ID, preparer: "anna"}
			for range rapid.IntRange(6, 40).Draw(rt, "steps") {
				who := rapid.SampledFrom(people).Draw(rt, "who")
				switch op := rapid.SampledFrom([]string{"receive", "prepare", "prepare", "approve", "approve", "approve", "take", "take", "take", "hand", "hand", "hand", "drop", "end", "release", "destroy"}).Draw(rt, "op"); op {
				case "receive":
					if len(requests) > 2 {
						continue
					}
					r, err := b.desk.Receive(ctx, who, request(kinds[rapid.SampledFrom([]string{"case", "account"}).Draw(rt, "names")]))
					if (err == nil) != who.Person {
						rt.Fatalf("receive by %s: %v", who.ID, err)
					}
					if err == nil {
						open[r.ID], held = true, held || !destroyed
						requests = append(requests, r.ID)
					}
				case "prepare":
					if len(requests) == 0 || len(ids) > 2 {
						continue
					}
					r := rapid.SampledFrom(requests).Draw(rt, "request")
					waits := false
					for _, m := range bundles {
						waits = waits || m.request == r && m.handed == 0 && m.state != "dropped"
					}
					x, err := b.desk.Prepare(ctx, who, r, caseID, "", true)
					if (err == nil) != (who.Person && open[r] && !destroyed && !waits) {
						rt.Fatalf("prepare by %s, open %t, destroyed %t, one waits %t: %v", who.ID, open[r], destroyed, waits, err)
					}
					if err == nil {
						bundles[x.ID] = &made{request: r, preparer: human[who.ID]}
						ids = append(ids, x.ID)
					}
				case "approve", "take", "hand", "drop":
					if len(ids) == 0 {
						continue
					}
					id := rapid.SampledFrom(ids).Draw(rt, "bundle")
					m := bundles[id]
					alive := who.Person && open[m.request] && m.state != "dropped"
					var err error
					var want bool
					switch op {
					case "approve":
						x, rerr := b.store.Read().DisclosureByID(ctx, id)
						b.ok(rerr)
						_, err = b.desk.Approve(ctx, who, id, x.Sha256)
						if want = alive && m.approver == "" && human[who.ID] != m.preparer; err == nil {
							m.approver = human[who.ID]
						}
					case "take":
						_, _, err = b.desk.Take(ctx, who, id)
						if want = alive && m.approver != "" && m.handed == 0; err == nil && m.state == "" {
							m.state = "taken"
						}
					case "hand":
						_, err = b.desk.HandOver(ctx, who, id, "an officer", "portal")
						want = alive && m.approver != "" && m.state == "taken" && m.handed == 0
						if err == nil {
							m.handed++
							handedOver++
						}
					case "drop":
						_, err = b.desk.Drop(ctx, who, id)
						if want = alive && m.handed == 0; err == nil {
							m.state = "dropped"
						}
					}
					if (err == nil) != want {
						rt.Fatalf("%s by %s of %+v, open %t: %v", op, who.ID, *m, open[m.request], err)
					}
				case "end":
					if len(requests) == 0 {
						continue
					}
					r := rapid.SampledFrom(requests).Draw(rt, "request")
					waiting := false
					for _, m := range bundles {
						waiting = waiting || m.request == r && m.handed == 0 && m.state != "dropped"
					}
					_, err := b.desk.End(ctx, who, r, disclosure.End{State: disclosure.Refused, Note: "no ground"})
					if (err == nil) != (who.Person && open[r] && !waiting) {
						rt.Fatalf("end by %s, open %t, waiting %t: %v", who.ID, open[r], waiting, err)
					}
					if err == nil {
						open[r] = false
					}
				case "release":
					b.release(caseID)
					held = false
				case "destroy":
					if destroyed {
						continue
					}
					any := false
					for _, o := range open {
						any = any || o
					}
					err := b.destroy(caseID)
					if (err == nil) != (!any && !held) {
						rt.Fatalf("destroyed with an open request %t, held %t: %v", any, held, err)
					}
					if any || held {
						kept++
					}
					destroyed = err == nil
				}
			}
			for id, m := range bundles {
				if m.handed > 1 || m.handed == 1 && (m.approver == "" || m.approver == m.preparer) {
					rt.Fatalf("%s: %+v", id, *m)
				}
			}
		})
		if handedOver == 0 || kept == 0 {
			t.Errorf("%d handed over, %d kept: nothing was tested", handedOver, kept)
		}
		t.Logf("%d histories, %d handed over, %d times kept", round, handedOver, kept)
	})
}
