package takedown_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/takedown"
	"github.com/rowan-safety/rowan/internal/vault"
	"github.com/rowan-safety/rowan/pdq"
)

var (
	ada      = safety.Actor{ID: "user:ada", Name: "Ada", Person: true}
	ben      = safety.Actor{ID: "user:ben", Name: "Ben", Person: true}
	cleo     = safety.Actor{ID: "user:cleo", Name: "Cleo", Person: true}
	platform = safety.Actor{ID: "key:platform", Name: "Platform"}
	start    = time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
)

type bench struct {
	*takedown.Desk
	t       testing.TB
	store   *store.Store
	lists   *match.Lists
	recents *match.Recents
	now     time.Time
	mu      sync.Mutex // over told, for tests with many at once
	told    []safety.Event
	cases   int
	broken  error // of the next hook that opens a case
}

func newBench(t testing.TB, s *store.Store, c takedown.Config) *bench {
	t.Helper()
	b := &bench{t: t, store: s, now: start}
	clock := func() time.Time { return b.now }
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := vault.OpenFolder(filepath.Join(t.TempDir(), "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	b.lists = match.NewLists(s, clock)
	b.recents = match.NewRecents(s, 7*24*time.Hour, clock, slog.New(slog.DiscardHandler))
	b.Desk = takedown.NewDesk(s, vault.New(s, id, blobs, clock), clock, c, takedown.Hooks{
		Announce: func(_ context.Context, _ *store.Tx, e safety.Event) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.told = append(b.told, e)
			return nil
		},
		Keep: b.lists.Keep, Drop: b.lists.Drop,
		Case: func(_ context.Context, _ *store.Tx, c takedown.Child) ([]string, error) {
			b.cases++
			return []string{fmt.Sprintf("cas_%d", b.cases)}, b.broken
		}})
	return b
}

func (b *bench) tx(fn func(*store.Tx) error) error { return b.store.Tx(b.t.Context(), fn) }

func (b *bench) must(fn func(*store.Tx) error) {
	b.t.Helper()
	if err := b.tx(fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) receive(n takedown.Notice) (id string) {
	b.t.Helper()
	b.must(func(tx *store.Tx) (err error) {
		id, err = b.Receive(b.t.Context(), tx, platform, n)
		return err
	})
	return id
}

func (b *bench) decide(id string, who safety.Actor, x takedown.Decision) error {
	return b.tx(func(tx *store.Tx) error { return b.Decide(b.t.Context(), tx, who, id, x) })
}

func (b *bench) view(id string) takedown.View {
	b.t.Helper()
	n, err := b.store.Read().Takedown(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	v, err := b.Show(b.t.Context(), b.store.Read(), n)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) search() int {
	b.t.Helper()
	n, err := b.Search(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// upload is what a check knew of an upload.
type upload struct {
	ContentID, SHA256, PDQ string
	Turned                 []pdq.Hash // of the pixels; nil where only a hash was given
	Quality                int
}

func (b *bench) upload(u upload) {
	b.t.Helper()
	var q match.Query
	if u.SHA256 != "" {
		q.Exact = []safety.Hash{{Type: safety.SHA256, Value: u.SHA256}}
	}
	if u.PDQ != "" {
		h, err := pdq.ParseHash(u.PDQ)
		if err != nil {
			b.t.Fatal(err)
		}
		q.Near = []match.Near{{Hash: h, Quality: u.Quality, Variant: "original"}}
		for i, t := range u.Turned {
			q.Near = append(q.Near, match.Near{Hash: t, Quality: u.Quality, Variant: pdq.VariantNames()[i+1]})
		}
	}
	b.recents.Note(match.Upload{ContentID: u.ContentID, At: b.now, Query: q})
	b.recents.Flush(b.t.Context())
}

// signals are the values on the list of what was taken down.
func (b *bench) signals() []string {
	b.t.Helper()
	rows, err := b.lists.Signals(b.t.Context(), match.NoticeList, "", 1000)
	if safety.KindOf(err) == safety.NotFound {
		return nil
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, r.HashValue)
	}
	return out
}

func (b *bench) kinds() (out []string) {
	for _, e := range b.told {
		out = append(out, e.Type)
	}
	return out
}

func notice(ids ...string) takedown.Notice {
	n := takedown.Notice{Law: takedown.UK, AskedBy: "subject", UnderAge: "no", Contact: "contact-zq"}
	for _, id := range ids {
		n.Contents = append(n.Contents, takedown.Named{ContentID: id})
	}
	return n
}

func sha(n int) string { return fmt.Sprintf("%064x", n+1) }

// flip turns over n bits of a hash.
func flip(h pdq.Hash, n int) pdq.Hash {
	for i := range n {
		h[(i*7)%32] ^= 1 << ((i / 32) % 8)
	}
	return h
}

func base(seed byte) (h pdq.Hash) {
	for i := range h {
		h[i] = byte(i)*37 + seed*91 + seed
	}
	return h
}

func wantKind(t *testing.T, what string, err error, k safety.Kind) {
	t.Helper()
	if err == nil || safety.KindOf(err) != k {
		t.Errorf("%s: %v, want %v", what, err, k)
	}
}

// TestPath is a notice from receipt to removal, a complaint that turns it round,
// and another that turns it back.
func TestPath(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t), takedown.Config{MayHold: true})
		h := base(1)
		turned := h.Orientations()
		b.upload(upload{ContentID: "c1", SHA256: sha(1), PDQ: h.String(), Quality: 90})
		b.upload(upload{ContentID: "c2", SHA256: sha(1), Quality: 0})
		b.upload(upload{ContentID: "c3", SHA256: sha(3), PDQ: flip(turned[5], 31).String(), Quality: 90})
		b.upload(upload{ContentID: "c4", SHA256: sha(4), PDQ: flip(h, 32).String(), Quality: 90})
		b.upload(upload{ContentID: "c5", SHA256: sha(5), PDQ: h.String(), Quality: pdq.MinQuality - 1})
		b.upload(upload{ContentID: "c6", SHA256: sha(6), PDQ: flip(h, 3).String(), Quality: 90})
		id := b.receive(notice("c1"))
		if v := b.view(id); v.Search != takedown.SearchPending || v.Left != 48*time.Hour || v.State != "open" {
			t.Fatalf("received: %+v", v)
		}
		if n := b.search(); n != 3 {
			t.Fatalf("found %d contents, want 3", n)
		}
		v := b.view(id)
		got := map[string]string{}
		var c6 string
		for _, c := range v.Contents {
			got[c.ContentID] = c.Relation
			if c.ContentID == "c6" {
				c6 = c.ID
			}
		}
		if fmt.Sprint(got) != "map[c1:reported c2:same c3:similar c6:similar]" || v.Search != takedown.SearchDone || v.Compared != 6 || v.ExactOnly != 2 {
			t.Fatalf("found %v, search %s, compared %d, exact only %d", got, v.Search, v.Compared, v.ExactOnly)
		}
		if b.search() != 0 {
			t.Error("the same is found twice")
		}

		b.must(func(tx *store.Tx) error { return b.Hold(t.Context(), tx, ada, id) })
		wantKind(t, "held twice", b.tx(func(tx *store.Tx) error { return b.Hold(t.Context(), tx, ada, id) }), safety.Conflict)
		wantKind(t, "by a program", b.decide(id, platform, takedown.Decision{Outcome: takedown.TakeDown}), safety.Forbidden)
		wantKind(t, "the reported stays up", b.decide(id, ada, takedown.Decision{Outcome: takedown.TakeDown, LeaveUp: []string{v.Contents[0].ID}}), safety.Invalid)
		wantKind(t, "a reason that this law does not know", b.decide(id, ada, takedown.Decision{Outcome: takedown.Refuse, Reason: takedown.TermsAllow}), safety.Invalid)
		b.now = b.now.Add(time.Hour)
		if err := b.decide(id, ada, takedown.Decision{Outcome: takedown.TakeDown, LeaveUp: []string{c6}, Note: "note-zq"}); err != nil {
			t.Fatal(err)
		}
		wantKind(t, "decided twice", b.decide(id, ben, takedown.Decision{Outcome: takedown.Refuse, Reason: takedown.NotIntimate}), safety.Conflict)
		told := b.told[len(b.told)-1]
		if told.Type != "takedown.decided" || fmt.Sprint(told.Data["contents"]) != "[{c1 } {c2 } {c3 }]" || told.Data["outcome"] != "take_down" {
			t.Errorf("told %v", told)
		}
		// A near picture stays up, so that no near hash is listed.
		if s := b.signals(); len(s) != 1 || s[0] != sha(1) {
			t.Errorf("on the list: %d signals", len(s))
		}

		gone := func(ids ...string) error {
			var rs []takedown.Removal
			for _, c := range ids {
				rs = append(rs, takedown.Removal{Named: takedown.Named{ContentID: c}, At: b.now.Add(-time.Minute)})
			}
			return b.tx(func(tx *store.Tx) error { return b.Confirm(t.Context(), tx, platform, id, rs) })
		}
		wantKind(t, "not of the notice", gone("c4"), safety.Invalid)
		if err := errors.Join(gone("c1", "c2"), gone("c2")); err != nil {
			t.Fatal(err)
		}
		if v := b.view(id); v.State != "decided" || v.Unconfirmed() != 1 {
			t.Errorf("%s with %d unconfirmed", v.State, v.Unconfirmed())
		}
		if err := gone("c3"); err != nil {
			t.Fatal(err)
		}
		if v := b.view(id); v.State != "removed" || v.Takedown.Late || v.EndedAt != store.Micros(b.now) {
			t.Errorf("%+v", v.Takedown)
		}

		complain := func(party string) (cid string, err error) {
			err = b.tx(func(tx *store.Tx) error {
				cid, err = b.Complain(t.Context(), tx, platform, id, takedown.Complaint{Party: party, Text: "text-zq"})
				return err
			})
			return cid, err
		}
		judge := func(who safety.Actor, cid string, j takedown.Judgement) error {
			return b.tx(func(tx *store.Tx) error { return b.Judge(t.Context(), tx, who, id, cid, j) })
		}
		_, err := complain("reporter")
		wantKind(t, "the reporter got what they asked for", err, safety.Conflict)
		cid, err := complain("uploader")
		if err != nil {
			t.Fatal(err)
		}
		_, err = complain("uploader")
		wantKind(t, "two at once", err, safety.Conflict)
		wantKind(t, "by who decided", judge(ada, cid, takedown.Judgement{Upheld: true, Reason: takedown.NotIntimate}), safety.Forbidden)
		wantKind(t, "without a reason", judge(ben, cid, takedown.Judgement{Upheld: true}), safety.Invalid)
		if err := judge(ben, cid, takedown.Judgement{Upheld: true, Reason: takedown.NotIntimate}); err != nil {
			t.Fatal(err)
		}
		if v := b.view(id); v.State != "refused" || len(b.signals()) != 0 || v.Unconfirmed() != 3 {
			t.Errorf("turned round: %s, %d signals, %d to confirm", v.State, len(b.signals()), v.Unconfirmed())
		}
		if told := b.told[len(b.told)-1]; told.Data["outcome"] != "refuse" {
			t.Errorf("told %v", told)
		}
		if cid, err = complain("reporter"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, "by the second decider", judge(ben, cid, takedown.Judgement{Upheld: true}), safety.Forbidden)
		if err := judge(cleo, cid, takedown.Judgement{Upheld: true}); err != nil {
			t.Fatal(err)
		}
		if v := b.view(id); v.State != "decided" || len(b.signals()) != 1 || v.Unconfirmed() != 3 || len(v.Decisions) != 3 {
			t.Errorf("turned back: %s, %d signals, %d to confirm, %d decisions", v.State, len(b.signals()), v.Unconfirmed(), len(v.Decisions))
		}
		secrets(t, b)
	})
}

// secrets looks for what must not be in the ledger or in events.
func secrets(t *testing.T, b *bench) {
	t.Helper()
	entries, err := b.store.Read().PendingEntries(t.Context(), 1000)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	all := fmt.Sprint(entries, b.told)
	for _, bad := range []string{"contact-zq", "note-zq", "text-zq", sha(1), base(1).String(), "https://zq.example.test"} {
		if strings.Contains(all, bad) {
			t.Errorf("the ledger or an event holds %q", bad)
		}
	}
}

// TestReceive has what a notice may be.
func TestReceive(t *testing.T) {
	b := newBench(t, storetest.Open(t), takedown.Config{})
	for _, tt := range []struct {
		name   string
		change func(*takedown.Notice)
		ok     bool
	}{
		{"plain", func(*takedown.Notice) {}, true},
		{"in the future", func(n *takedown.Notice) { n.ReceivedAt = start.Add(2 * time.Minute) }, false},
		{"a clock that is a little ahead", func(n *takedown.Notice) { n.ReceivedAt = start.Add(30 * time.Second) }, true},
		{"old", func(n *takedown.Notice) { n.ReceivedAt = start.Add(-25 * time.Hour) }, false},
		{"old, with a reason", func(n *takedown.Notice) { n.ReceivedAt, n.OldReason = start.Add(-25*time.Hour), "by post" }, true},
		{"no law", func(n *takedown.Notice) { n.Law = "" }, false},
		{"nobody", func(n *takedown.Notice) { n.AskedBy = "neighbour" }, false},
		{"age not said", func(n *takedown.Notice) { n.UnderAge = "" }, false},
		{"nothing", func(n *takedown.Notice) { n.Contents = nil }, false},
		{"a url", func(n *takedown.Notice) { n.Contents = []takedown.Named{{URL: "https://example.test/1"}} }, true},
		{"no url", func(n *takedown.Notice) { n.Contents = []takedown.Named{{URL: "javascript:1"}} }, false},
		{"no hash", func(n *takedown.Notice) { n.Hashes = []safety.Hash{{Type: safety.MD5, Value: "1"}} }, false},
	} {
		n := notice("x")
		tt.change(&n)
		err := b.tx(func(tx *store.Tx) error { _, err := b.Receive(t.Context(), tx, platform, n); return err })
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	id := b.receive(notice("nothing is known of this"))
	b.search()
	if v := b.view(id); v.Search != takedown.SearchUnknown || v.Contents[0].Known {
		t.Errorf("an unknown content is %s", v.Search)
	}
	// The platform sends it through check: now it is known, and so are its copies.
	b.upload(upload{ContentID: "copy", SHA256: sha(9)})
	b.upload(upload{ContentID: "nothing is known of this", SHA256: sha(9)})
	if n := b.search(); n != 1 {
		t.Errorf("found %d copies", n)
	}
	if v := b.view(id); v.Search != takedown.SearchDone || !v.Contents[0].Known {
		t.Errorf("a known content is %s", v.Search)
	}
	byHash := notice("y")
	byHash.Hashes = []safety.Hash{{Type: safety.SHA256, Value: sha(9)}}
	id = b.receive(byHash)
	if n := b.search(); n != 2 {
		t.Errorf("by a hash alone: %d", n)
	}
	if v := b.view(id); v.Search != takedown.SearchDone {
		t.Errorf("%s", v.Search)
	}
	us := notice("z")
	us.Law, us.Signed = takedown.US, true
	if v := b.view(b.receive(us)); !slices.Equal(v.Gaps, []string{"good_faith"}) {
		t.Errorf("gaps %v", v.Gaps)
	}
}

// TestChild: a notice that may be about a child is a case, whatever else happens.
func TestChild(t *testing.T) {
	b := newBench(t, storetest.Open(t), takedown.Config{})
	b.upload(upload{ContentID: "c", SHA256: sha(1)})
	for _, age := range []string{"yes", "maybe"} {
		n := notice("c")
		n.UnderAge = age
		v := b.view(b.receive(n))
		if v.State != "moved" || v.CaseIds == "" || v.EndedAt == 0 || v.Search != takedown.SearchNone {
			t.Errorf("%s: %+v", age, v.Takedown)
		}
		if last := b.told[len(b.told)-1]; last.Type != "takedown.moved" || last.Data["verdict"] != "hold" {
			t.Errorf("told %v", last)
		}
		wantKind(t, "decided", b.decide(v.ID, ada, takedown.Decision{Outcome: takedown.TakeDown}), safety.Conflict)
	}
	// When no case can be opened the notice is not taken: the platform hears so and
	// hands it in again.
	b.broken = errors.New("no")
	n := notice("c")
	n.UnderAge = "yes"
	if err := b.tx(func(tx *store.Tx) error { _, err := b.Receive(t.Context(), tx, platform, n); return err }); err == nil {
		t.Error("a child's notice was taken without a case")
	}
	b.broken = nil
	move := func(id string) error {
		return b.tx(func(tx *store.Tx) error { return b.Move(t.Context(), tx, ada, id) })
	}
	id := b.receive(notice("c"))
	if err := move(id); err != nil || b.view(id).State != "moved" {
		t.Errorf("moved by a person: %v", err)
	}
	wantKind(t, "moved twice", move(id), safety.Conflict)
	id = b.receive(notice("c"))
	if err := errors.Join(b.decide(id, ben, takedown.Decision{Outcome: takedown.TakeDown}), move(id)); err != nil {
		t.Fatal(err)
	}
	if v := b.view(id); v.State != "decided" || v.CaseIds == "" {
		t.Errorf("what is being taken down goes on: %s, %q", v.State, v.CaseIds)
	}
}

// TestContact: it is sealed, opened with a row that says why, and forgotten.
func TestContact(t *testing.T) {
	b := newBench(t, storetest.Open(t), takedown.Config{KeepContact: 24 * time.Hour})
	id := b.receive(notice("c"))
	if raw := b.view(id).Contact; len(raw) == 0 || strings.Contains(string(raw), "contact-zq") {
		t.Error("the contact is not sealed")
	}
	look := func(why string) (text string, err error) {
		err = b.tx(func(tx *store.Tx) error {
			text, err = b.Contact(t.Context(), tx, ada, id, why)
			return err
		})
		return text, err
	}
	_, err := look(" ")
	wantKind(t, "without a reason", err, safety.Invalid)
	if text, err := look("to answer"); err != nil || text != "contact-zq" {
		t.Errorf("%q, %v", text, err)
	}
	if err := b.decide(id, ada, takedown.Decision{Outcome: takedown.Refuse, Reason: takedown.NotEntitled}); err != nil {
		t.Fatal(err)
	}
	watch := func() {
		if _, err := b.Watch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	watch()
	if _, err := look("to answer"); err != nil {
		t.Errorf("forgotten too soon: %v", err)
	}
	b.now = b.now.Add(25 * time.Hour)
	watch()
	_, err = look("to answer")
	wantKind(t, "forgotten", err, safety.NotFound)
	secrets(t, b)
}

// TestListIsShared: a hash stays on the list while any accepted notice needs it.
func TestListIsShared(t *testing.T) {
	b := newBench(t, storetest.Open(t), takedown.Config{})
	for _, c := range []string{"a", "b"} {
		b.upload(upload{ContentID: c, SHA256: sha(1), PDQ: base(1).String(), Quality: 90})
	}
	first, second := b.receive(notice("a")), b.receive(notice("b"))
	for _, id := range []string{first, second} {
		if err := b.decide(id, ada, takedown.Decision{Outcome: takedown.TakeDown}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.signals(); len(got) != 2 || !slices.Contains(got, base(1).String()) {
		t.Errorf("%d signals are on the list", len(got))
	}
	for i, id := range []string{first, second} {
		b.must(func(tx *store.Tx) error {
			cid, err := b.Complain(t.Context(), tx, platform, id, takedown.Complaint{Party: "uploader"})
			if err != nil {
				return err
			}
			return b.Judge(t.Context(), tx, ben, id, cid, takedown.Judgement{Upheld: true, Reason: takedown.NotIntimate})
		})
		if got, want := len(b.signals()), 2*(1-i); got != want {
			t.Errorf("after %d reversals %d signals are on the list, want %d", i+1, got, want)
		}
	}
}

// TestAtOnce: of many decisions at once one counts, and when two notices that share
// a hash are reversed at once the hash leaves the list.
func TestAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		b := newBench(t, open(t), takedown.Config{})
		for _, c := range []string{"a", "b"} {
			b.upload(upload{ContentID: c, SHA256: sha(1)})
		}
		atOnce := func(n int, fn func(i int) error) (done int) {
			var wg sync.WaitGroup
			errs := make([]error, n)
			for i := range n {
				wg.Go(func() { errs[i] = fn(i) })
			}
			wg.Wait()
			for _, err := range errs {
				switch {
				case err == nil:
					done++
				case safety.KindOf(err) != safety.Conflict:
					t.Error(err)
				}
			}
			return done
		}
		var complaints []string
		ids := []string{b.receive(notice("a")), b.receive(notice("b"))}
		for _, id := range ids {
			if n := atOnce(6, func(i int) error { return b.decide(id, people[i%3], takedown.Decision{Outcome: takedown.TakeDown}) }); n != 1 {
				t.Errorf("%d decisions counted", n)
			}
			b.must(func(tx *store.Tx) error {
				cid, err := b.Complain(t.Context(), tx, platform, id, takedown.Complaint{Party: "uploader"})
				complaints = append(complaints, cid)
				return err
			})
		}
		dora := safety.Actor{ID: "user:dora", Name: "Dora", Person: true}
		n := atOnce(2, func(i int) error {
			return b.tx(func(tx *store.Tx) error {
				return b.Judge(t.Context(), tx, dora, ids[i], complaints[i], takedown.Judgement{Upheld: true, Reason: takedown.NotIntimate})
			})
		})
		if left := b.signals(); n != 2 || len(left) != 0 {
			t.Errorf("%d reversals, %d signals left", n, len(left))
		}
	})
}

// TestFoundLater: copies that are found after the decision are told at once, and a
// notice that had ended waits for them; what the list met in its own check is none
// of its matter.
func TestFoundLater(t *testing.T) {
	b := newBench(t, storetest.Open(t), takedown.Config{})
	b.upload(upload{ContentID: "a", SHA256: sha(1)})
	id := b.receive(notice("a"))
	b.search()
	b.must(func(tx *store.Tx) error {
		return errors.Join(b.Decide(t.Context(), tx, ada, id, takedown.Decision{Outcome: takedown.TakeDown}),
			b.Confirm(t.Context(), tx, platform, id, []takedown.Removal{{Named: takedown.Named{ContentID: "a"}}}))
	})
	if v := b.view(id); v.State != "removed" {
		t.Fatal(v.State)
	}
	b.upload(upload{ContentID: "meanwhile", SHA256: sha(1)})
	b.now = b.now.Add(2 * time.Minute)
	b.upload(upload{ContentID: "again", SHA256: sha(1)})
	if n := b.search(); n != 1 {
		t.Errorf("found %d", n)
	}
	v := b.view(id)
	last := b.told[len(b.told)-1]
	if v.State != "decided" || v.Unconfirmed() != 1 || last.Type != "takedown.found" || fmt.Sprint(last.Data["contents"]) != "[{meanwhile }]" {
		t.Errorf("%s, told %v", v.State, last)
	}
}

// TestClock has the moments where 48 hours go wrong.
func TestClock(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skipf("no time zones: %v", err)
	}
	utc := func(s string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, tt := range []struct {
		name     string
		received time.Time
		due      time.Time
	}{
		{"an ordinary day", utc("2026-11-02 09:00"), utc("2026-11-04 09:00")},
		{"into a leap day", utc("2028-02-27 12:00"), utc("2028-02-29 12:00")},
		{"out of a leap day", utc("2028-02-28 12:00"), utc("2028-03-01 12:00")},
		{"no leap day", utc("2027-02-27 12:00"), utc("2027-03-01 12:00")},
		{"clocks go forward", time.Date(2027, 3, 27, 12, 0, 0, 0, london), time.Date(2027, 3, 29, 13, 0, 0, 0, london)},
		{"clocks go back", time.Date(2026, 10, 24, 12, 0, 0, 0, london), time.Date(2026, 10, 26, 11, 0, 0, 0, london)},
		{"over the year", utc("2026-12-30 23:30"), utc("2027-01-01 23:30")},
	} {
		for _, law := range takedown.Laws {
			if got := (takedown.Config{}).Clock(law).End(tt.received); !got.Equal(tt.due) {
				t.Errorf("%s, %s: due %v, want %v", tt.name, law, got, tt.due)
			}
		}
	}
}

// TestAlarms runs a notice through its time, by a clock that only waits.
func TestAlarms(t *testing.T) {
	s := storetest.Open(t)
	for _, tt := range []struct {
		name string
		end  time.Duration // after receipt; the removal is confirmed
		late bool
		told string
	}{
		{"at once", 0, false, ""},
		{"before the warning", 23*time.Hour + 59*time.Minute, false, ""},
		{"after the warning", 30 * time.Hour, false, "takedown.due_soon"},
		{"on the last moment", 48 * time.Hour, false, "takedown.due_soon"},
		{"a moment later", 48*time.Hour + time.Microsecond, true, "takedown.due_soon"},
		{"late", 72 * time.Hour, true, "takedown.due_soon takedown.overdue"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, s, takedown.Config{})
			b.now = time.Date(2028, 2, 28, 7, 0, 0, 0, time.UTC) // a leap day is in between
			id := b.receive(notice("c " + tt.name))
			if err := b.decide(id, ada, takedown.Decision{Outcome: takedown.TakeDown}); err != nil {
				t.Fatal(err)
			}
			b.told = nil
			received := b.now
			for b.now.Before(received.Add(tt.end)) {
				b.now = earlier(b.now.Add(30*time.Minute), received.Add(tt.end))
				if b.now.Equal(received.Add(tt.end)) {
					break
				}
				if _, err := b.Watch(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			b.must(func(tx *store.Tx) error {
				return b.Confirm(t.Context(), tx, platform, id, []takedown.Removal{{Named: takedown.Named{ContentID: "c " + tt.name}}})
			})
			if v := b.view(id); v.Late != tt.late || v.State != "removed" {
				t.Errorf("late %t, %s", v.Late, v.State)
			}
			if got := strings.Join(b.kinds(), " "); got != tt.told {
				t.Errorf("told %q, want %q", got, tt.told)
			}
		})
	}
}

func earlier(a, b time.Time) time.Time {
	if a.After(b) {
		return b
	}
	return a
}

// TestClockJumps: a clock that is set back gives no more time and makes nothing
// late timely; one that is set forward is believed, and what it made late stays so.
func TestClockJumps(t *testing.T) {
	b := newBench(t, storetest.Open(t), takedown.Config{})
	id := b.receive(notice("a"))
	b.now = start.Add(-5 * time.Hour)
	if v := b.view(id); v.Left != 48*time.Hour || v.Late {
		t.Errorf("set back: %v left", v.Left)
	}
	b.now = start.Add(49 * time.Hour)
	if _, err := b.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.decide(id, ada, takedown.Decision{Outcome: takedown.TakeDown}); err != nil {
		t.Fatal(err)
	}
	b.now = start.Add(time.Hour)
	b.must(func(tx *store.Tx) error {
		return b.Confirm(t.Context(), tx, platform, id, []takedown.Removal{{Named: takedown.Named{ContentID: "a"}}})
	})
	v := b.view(id)
	if !v.Late || v.EndedAt < v.DecidedAt || v.OverdueAt == 0 {
		t.Errorf("set back after it was late: %+v", v.Takedown)
	}
	// Uploads that a wrong clock numbers before the last search are found.
	other := b.receive(func() takedown.Notice {
		n := notice("b")
		n.Hashes = []safety.Hash{{Type: safety.SHA256, Value: sha(7)}}
		return n
	}())
	b.search()
	b.now = b.now.Add(-3 * time.Hour)
	b.upload(upload{ContentID: "in the past", SHA256: sha(7)})
	b.now = b.now.Add(3*time.Hour + time.Minute)
	b.search()
	b.now = b.now.Add(time.Hour)
	b.search()
	if v := b.view(other); len(v.Contents) != 2 {
		t.Errorf("an upload by a wrong clock is not found: %d contents", len(v.Contents))
	}
}

// TestSynctest: with a clock that is time's own, two days are two days and the
// alarms come when they should, to the minute.
func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		received := time.Now()
		due := (takedown.Config{}).Clock(takedown.UK).End(received)
		time.Sleep(48 * time.Hour)
		if time.Now().After(due) || time.Now().Before(due) {
			t.Errorf("48 hours later it is %v, due %v", time.Now(), due)
		}
		time.Sleep(time.Nanosecond)
		if !time.Now().After(due) {
			t.Error("it is not over")
		}
	})
}
