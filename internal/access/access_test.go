package access_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

type bench struct {
	t    *testing.T
	raw  *sql.DB
	desk *access.Desk
	data *storetest.Database

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, now: start, data: storetest.New(t)}
	b.desk = b.process()
	b.raw = b.data.SQL(t)
	return b
}

// process is another process on the same database.
func (b *bench) process() *access.Desk {
	b.t.Helper()
	d, err := access.NewDesk(b.data.Open(b.t), func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }, "https://rowan.example.test")
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func (b *bench) later(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.now = b.now.Add(d) }

func (b *bench) user(r access.Role) (id, session string) {
	b.t.Helper()
	u, token, err := b.desk.CreateUser(b.t.Context(), "cli", "Anna", r)
	if err != nil {
		b.t.Fatal(err)
	}
	session, err = b.desk.Redeem(b.t.Context(), token)
	if err != nil {
		b.t.Fatal(err)
	}
	return u.ID, session
}

func (b *bench) in(session string) bool {
	b.t.Helper()
	p, err := b.desk.BySession(b.t.Context(), session)
	if err != nil && (safety.KindOf(err) != safety.Unauthenticated || p != nil) {
		b.t.Errorf("got %v and a principal: %t", err, p != nil)
	}
	return err == nil
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantKind(t *testing.T, what string, err error, k safety.Kind) {
	t.Helper()
	if err == nil || safety.KindOf(err) != k {
		t.Errorf("%s: got %v, want an error that says %s", what, err, k)
	}
}

func TestKey_CreateUseRevoke(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	id, key, err := b.desk.CreateKey(ctx, "cli", " platform ", access.Service, access.ListsMatch)
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.desk.ByKey(ctx, key)
	if err != nil {
		t.Fatal(err)
	}
	if p.Actor != (safety.Actor{ID: "key:" + id, Name: "platform"}) {
		t.Errorf("actor %+v", p.Actor)
	}
	want := []access.Scope{access.MediaCheck, access.AccountsWrite, access.EvidenceAdd, access.AccountsErase, access.TakedownsWrite, access.EventsWrite, access.ListsMatch}
	if diff := cmp.Diff(want, p.Scopes); diff != "" {
		t.Errorf("scopes (-want +got):\n%s", diff)
	}
	if !p.Can(access.MediaCheck) || p.Can(access.CasesRead) || (*access.Principal)(nil).Can(access.MediaCheck) {
		t.Error("scopes are not what the caller can do")
	}
	if slices.Contains(access.Service.Scopes(), access.ListsMatch) {
		t.Error("an extra scope of a key has become one of the role")
	}
	for _, bad := range []string{"", key + "x", key[:len(key)-1], strings.ToUpper(key), id} {
		_, err := b.desk.ByKey(ctx, bad)
		wantKind(t, "another key", err, safety.Unauthenticated)
	}
	other := b.process()
	if _, err := other.ByKey(ctx, key); err != nil {
		t.Fatal(err)
	}
	if err := b.desk.RevokeKey(ctx, "cli", id); err != nil {
		t.Fatal(err)
	}
	_, err = b.desk.ByKey(ctx, key)
	wantKind(t, "revoked, in this process", err, safety.Unauthenticated)
	b.later(6 * time.Second)
	_, err = other.ByKey(ctx, key)
	wantKind(t, "revoked, in another process after the cache", err, safety.Unauthenticated)
	wantKind(t, "revoking twice", b.desk.RevokeKey(ctx, "cli", id), safety.NotFound)
}

func TestKey_Refusals(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, role := range map[string]access.Role{"": access.Service, "  ": access.Service, strings.Repeat("a", 101): access.Service, "odd role": "owner"} {
		_, _, err := b.desk.CreateKey(t.Context(), "cli", name, role)
		wantKind(t, name, err, safety.Invalid)
	}
}

// TestRoles: who is a person, and that each role has what the one below has.
func TestRoles(t *testing.T) {
	t.Parallel()
	for r, person := range map[access.Role]bool{access.Service: false, access.Reviewer: true, access.Supervisor: true, access.Admin: true, "owner": false} {
		if r.Person() != person {
			t.Errorf("%s is a person: %t", r, r.Person())
		}
	}
	ladder := []access.Role{access.Reviewer, access.Supervisor, access.Admin}
	for i := 1; i < len(ladder); i++ {
		for _, s := range ladder[i-1].Scopes() {
			if !slices.Contains(ladder[i].Scopes(), s) {
				t.Errorf("%s lacks %s of %s", ladder[i], s, ladder[i-1])
			}
		}
	}
	for _, s := range []access.Scope{access.CasesDecide, access.EvidenceView, access.ReportsApprove, access.ListsMatch, access.ListsWrite, access.PeopleManage} {
		if slices.Contains(access.Service.Scopes(), s) {
			t.Errorf("the platform's servers may %s", s)
		}
	}
	if slices.Contains(access.Reviewer.Scopes(), access.ReportsApprove) || slices.Contains(access.Supervisor.Scopes(), access.PeopleManage) {
		t.Error("a role may do what is kept for the next one")
	}
}

func TestSecrets_OnlyHashesAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, key, err := b.desk.CreateKey(t.Context(), "cli", "k", access.Service)
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := b.desk.CreateUser(t.Context(), "cli", "Anna", access.Admin)
	if err != nil {
		t.Fatal(err)
	}
	session, err := b.desk.Redeem(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	if _, err := b.raw.ExecContext(t.Context(), "vacuum into $1", file); err != nil {
		t.Fatal(err)
	}
	all := readFile(t, file)
	for _, secret := range []string{key, token, session} {
		_, random, _ := strings.Cut(secret, "_")
		if len(random) < 26 {
			t.Errorf("a secret of %d characters", len(random))
		}
		if strings.Contains(all, random) {
			t.Errorf("a secret is in the database: %s…", secret[:6])
		}
	}
}

func TestLink_SingleUseAndExpiry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	u, token, err := b.desk.CreateUser(ctx, "cli", "Anna", access.Reviewer)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		wg.Go(func() {
			if _, err := b.desk.Redeem(context.Background(), token); err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("a link of one use worked %d times", won)
	}
	_, err = b.desk.Redeem(ctx, token)
	wantKind(t, "used again", err, safety.Unauthenticated)
	_, err = b.desk.Redeem(ctx, "link_nothing")
	wantKind(t, "made up", err, safety.Unauthenticated)
	late, err := b.desk.Link(ctx, "cli", u.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.later(access.LinkLife)
	_, err = b.desk.Redeem(ctx, late)
	wantKind(t, "expired", err, safety.Unauthenticated)
	_, err = b.desk.Link(ctx, "cli", "usr_none")
	wantKind(t, "for nobody", err, safety.NotFound)
}

func TestSession_Lives(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		steps []time.Duration // between requests
		in    bool            // at the last one
	}{
		{"at once", []time.Duration{0}, true},
		{"within the idle time", []time.Duration{access.SessionIdle - time.Second}, true},
		{"idle for too long", []time.Duration{access.SessionIdle + time.Second}, false},
		{"kept alive", slices.Repeat([]time.Duration{20 * time.Minute}, 23), true},
		{"kept alive past its end", slices.Repeat([]time.Duration{20 * time.Minute}, 25), false},
		{"a request every second is a sign of life", append(slices.Repeat([]time.Duration{time.Second}, 90), access.SessionIdle-30*time.Second), true},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			_, session := b.user(access.Reviewer)
			for i, d := range tc.steps {
				b.later(d)
				if got, want := b.in(session), i < len(tc.steps)-1 || tc.in; got != want {
					t.Fatalf("request %d: in: %t, want %t", i+1, got, want)
				}
			}
		})
	}
}

func TestSession_Principal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id, session := b.user(access.Supervisor)
	p, err := b.desk.BySession(t.Context(), session)
	if err != nil {
		t.Fatal(err)
	}
	if p.Actor != (safety.Actor{ID: "user:" + id, Name: "Anna", Person: true}) || p.UserID != id || p.Role != access.Supervisor || !p.Can(access.ReportsApprove) {
		t.Errorf("principal %+v", p)
	}
	if b.in(session + "x") {
		t.Error("another session is somebody")
	}
	if err := b.desk.SignOut(t.Context(), p); err != nil || b.in(session) {
		t.Errorf("signed out and in (%v)", err)
	}
	_, key, err := b.desk.CreateKey(t.Context(), "cli", "k", access.Admin)
	if err != nil {
		t.Fatal(err)
	}
	k, err := b.desk.ByKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "signing a key out", b.desk.SignOut(t.Context(), k), safety.Conflict)
	if _, err := b.desk.BySession(t.Context(), key); err == nil {
		t.Error("a key is a session")
	}
	if _, err := b.desk.ByKey(t.Context(), session); err == nil {
		t.Error("a session is a key")
	}
}

func TestSetUser_EndsSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	id, session := b.user(access.Reviewer)
	_, other := b.user(access.Reviewer)
	link, err := b.desk.Link(ctx, "cli", id)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, "one's own account", b.desk.SetUser(ctx, "user:"+id, id, new(access.Admin), nil), safety.Conflict)
	wantKind(t, "a role that is no person's", b.desk.SetUser(ctx, "cli", id, new(access.Service), nil), safety.Invalid)
	wantKind(t, "nobody", b.desk.SetUser(ctx, "cli", "usr_none", nil, new(true)), safety.NotFound)
	if !b.in(session) {
		t.Fatal("a refused change ended a session")
	}
	if err := b.desk.SetUser(ctx, "cli", id, new(access.Supervisor), nil); err != nil {
		t.Fatal(err)
	}
	if b.in(session) {
		t.Error("a session outlives the change of its role")
	}
	if !b.in(other) {
		t.Error("another's session ended")
	}
	session, err = b.desk.Redeem(ctx, link)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := b.desk.BySession(ctx, session); err != nil || p.Role != access.Supervisor {
		t.Errorf("after the change: %+v, %v", p, err)
	}
	if link, err = b.desk.Link(ctx, "cli", id); err != nil {
		t.Fatal(err)
	}
	if err := b.desk.SetUser(ctx, "cli", id, nil, new(true)); err != nil {
		t.Fatal(err)
	}
	if b.in(session) {
		t.Error("a disabled user is in")
	}
	_, err = b.desk.Redeem(ctx, link)
	wantKind(t, "an earlier link of a disabled user", err, safety.Unauthenticated)
	_, err = b.desk.Link(ctx, "cli", id)
	wantKind(t, "a link for a disabled user", err, safety.Conflict)
	if err := b.desk.SetUser(ctx, "cli", id, nil, new(false)); err != nil {
		t.Fatal(err)
	}
	if b.in(session) {
		t.Error("an old session lives again")
	}
}

func TestFirstAdmin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 2 {
		token, err := b.desk.FirstAdmin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		session, err := b.desk.Redeem(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		p, err := b.desk.BySession(t.Context(), session)
		if err != nil || !p.Can(access.PeopleManage) {
			t.Errorf("round %d: %+v, %v", i+1, p, err)
		}
	}
	users, err := b.desk.Users(t.Context())
	if err != nil || len(users) != 1 {
		t.Errorf("%d users (%v), want one", len(users), err)
	}
}

func TestPasskeys_NeedADomain(t *testing.T) {
	t.Parallel()
	d, err := access.NewDesk(storetest.Open(t), time.Now, "http://192.0.2.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = d.BeginPasskeyLogin()
	wantKind(t, "on an address", err, safety.Conflict)
	b := newBench(t)
	flow, _, err := b.desk.BeginPasskeyLogin()
	if err != nil {
		t.Fatal(err)
	}
	b.later(6 * time.Minute)
	_, err = b.desk.FinishPasskeyLogin(t.Context(), flow, []byte("{}"))
	wantKind(t, "after five minutes", err, safety.Conflict)
	flow, _, _ = b.desk.BeginPasskeyLogin()
	_, err = b.desk.FinishPasskeyLogin(t.Context(), flow, []byte("{}"))
	wantKind(t, "not an answer", err, safety.Invalid)
	_, err = b.desk.FinishPasskeyLogin(t.Context(), flow, []byte("{}"))
	wantKind(t, "the same dialogue twice", err, safety.Conflict)
	if _, err := access.NewDesk(storetest.Open(t), time.Now, "::"); err == nil {
		t.Error("took a public URL that is none")
	}
}
