package reporting_test

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"github.com/rowan-safety/rowan/internal/reporting"
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
)

// incident is the most neutral of the authority's types.
const incident = cybertip.IncidentMisleadingDomain

// clock is moved by hand. Every reading is a microsecond after the one before,
// so that ids and times keep their order.
type clock struct {
	mu sync.Mutex
	t  time.Time // guarded by mu
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(time.Microsecond)
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// until moves the clock to t, never backwards.
func (c *clock) until(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.t) {
		c.t = t
	}
}

// moment is when a wire's hook is called.
type moment int

const (
	sending  moment = iota // before anything is sent
	received               // after the answer is there
)

// crash is the panic by which a hook kills the worker: nothing is stored after
// it, as after SIGKILL.
type crash struct{}

// wire carries the client's calls and lets tests strike between calls and their
// storing.
type wire struct {
	hook func(op string, m moment) // called on the worker's goroutine
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	op := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if w.hook != nil {
		w.hook(op, sending)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if w.hook != nil && err == nil {
		defer func() {
			if p := recover(); p != nil {
				_ = res.Body.Close()
				panic(p)
			}
		}()
		w.hook(op, received)
	}
	return res, err
}

// bench is a desk with an authority.
type bench struct {
	t      *testing.T
	clock  *clock
	data   *storetest.Database
	store  *store.Store
	vault  *vault.Vault
	fake   *ncmec.Server
	url    string
	cfg    reporting.Config
	refuse error // what the announcing hook answers

	mu     sync.Mutex
	events []safety.Event // announced, committed or not; guarded by mu
	cases  int
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, clock: &clock{t: start}, data: storetest.New(t)}
	b.store = b.data.Open(t)
	master, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := vault.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	b.vault = vault.New(b.store, master, blobs, b.clock.now)
	b.fake, err = ncmec.New(ncmec.Config{Username: "u", Password: "p", Now: b.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(b.fake)
	web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	web.Start()
	t.Cleanup(func() { web.CloseClientConnections(); web.Close(); _ = b.fake.Close() })
	b.url = web.URL
	b.cfg = reporting.Config{Environment: reporting.Standin, Reporter: reporting.Reporter{Platform: "Example",
		FirstName: "Rep", LastName: "Orter", Email: "safety@example.test"}}
	return b
}

// desk is a worker of its own, as another process would have.
func (b *bench) desk(hook func(string, moment)) *reporting.Desk {
	b.t.Helper()
	cfg := b.cfg
	if cfg.Client == nil {
		c, err := cybertip.New(cybertip.Config{BaseURL: b.url + "/ispws", Username: "u", Password: "p", Now: b.clock.now,
			HTTP: &http.Client{Transport: &wire{hook}}})
		if err != nil {
			b.t.Fatal(err)
		}
		cfg.Client = c
	}
	return reporting.NewDesk(b.store, b.vault, b.clock.now, cfg, reporting.Hooks{
		Announce: func(_ context.Context, _ *store.Tx, e safety.Event) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
			return b.refuse
		}})
}

// material describes a confirmed case.
type material struct {
	account string
	kind    cybertip.IncidentType
	files   []string
	viewed  []int // which of the files a person has seen in full
	canary  bool
	restsOn string // the decision that is taken over
}

type confirmed struct {
	caseID, reportID string
	decisionID       string
	evidence         []string
	viewed           map[string]bool   // by evidence id
	sha256           map[string]string // by evidence id
}

// confirm makes a decided case and its draft, all in one transaction, as the
// desk of cases does.
func (b *bench) confirm(m material) confirmed {
	b.t.Helper()
	b.cases++
	ctx := b.t.Context()
	if m.kind == "" {
		m.kind = incident
	}
	if m.account == "" {
		m.account = fmt.Sprintf("acct-%d", b.cases)
	}
	now := b.clock.now()
	c := confirmed{caseID: safety.NewID("cas", now), viewed: map[string]bool{}, sha256: map[string]string{}}
	b.tx(func(tx *store.Tx) error {
		if err := tx.CreateCase(ctx, db.CreateCaseParams{ID: c.caseID, State: "open", Queue: "known", Priority: "P2", AccountID: m.account,
			Reason: "test", Surface: "public", Canary: m.canary, OpenedAt: store.Micros(now)}); err != nil {
			return err
		}
		if len(m.files) == 0 {
			return b.item(tx, c.caseID, m.account, nil)
		}
		return nil
	})
	for _, f := range m.files {
		b.tx(func(tx *store.Tx) error { return b.item(tx, c.caseID, m.account, &f) })
	}
	pieces, err := b.store.Read().EvidenceOfCase(ctx, c.caseID)
	if err != nil {
		b.t.Fatal(err)
	}
	for i, e := range pieces {
		c.evidence, c.sha256[e.ID] = append(c.evidence, e.ID), e.Sha256
		if slices.Contains(m.viewed, i) {
			c.viewed[e.ID] = true
			b.reveal(e.ID, vault.ViewOriginal)
		}
	}
	dec := db.AddDecisionParams{ID: safety.NewID("dec", b.clock.now()), CaseID: c.caseID, DecidedBy: anna.ID, DecidedName: anna.Name,
		At: store.Micros(b.clock.now()), Outcome: "confirmed", NcmecClass: "B2", IncidentType: string(m.kind), Reason: "test", Viewed: "[]", RestsOn: m.restsOn}
	c.decisionID = dec.ID
	d := b.desk(nil)
	b.tx(func(tx *store.Tx) error {
		if err := tx.AddDecision(ctx, dec); err != nil {
			return err
		}
		made, err := tx.Decision(ctx, dec.ID)
		if err != nil {
			return err
		}
		row, err := tx.LockCase(ctx, c.caseID, store.Micros(now))
		if err != nil {
			return err
		}
		if err := d.Draft(ctx, tx, row, made); err != nil {
			return err
		}
		all, err := tx.ReportsOfDecision(ctx, dec.ID)
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("%d reports of one decision", len(all))
		}
		if err == nil {
			c.reportID = all[0].ID
		}
		return err
	})
	return c
}

func (b *bench) item(tx *store.Tx, caseID, account string, content *string) error {
	ctx, now := b.t.Context(), b.clock.now()
	p := db.AddItemParams{ID: safety.NewID("itm", now), CaseID: caseID, ContentID: "content", AccountID: account, Surface: "public",
		Filename: "picture.png", Url: "https://example.test/p/1", Ip: "192.0.2.7", Port: 4711, ContentAt: store.Micros(now.Add(-time.Hour)),
		ReceivedAt: store.Micros(now), Verdict: "block", Scan: "scanned"}
	p.DedupeKey = p.ID
	if content == nil {
		return tx.AddItem(ctx, p)
	}
	m5, s2 := md5.Sum([]byte(*content)), sha256.Sum256([]byte(*content))
	p.Md5, p.Sha256, p.Size = hex.EncodeToString(m5[:]), hex.EncodeToString(s2[:]), int64(len(*content))
	if err := tx.AddItem(ctx, p); err != nil {
		return err
	}
	_, err := b.vault.Seal(ctx, tx, vault.Piece{CaseID: caseID, ItemID: p.ID, Role: vault.Original, MediaType: "image/png", Data: []byte(*content)})
	return err
}

func (b *bench) tx(fn func(*store.Tx) error) {
	b.t.Helper()
	if err := b.store.Tx(b.t.Context(), fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) sql() *sql.DB { b.t.Helper(); return b.data.SQL(b.t) }

func (b *bench) reveal(evidence string, mode vault.Mode) {
	b.t.Helper()
	if _, _, err := b.vault.Reveal(b.t.Context(), vault.Viewer{ID: anna.ID, Name: anna.Name}, anna.ID, evidence, mode, "test"); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) approve(id string) {
	b.t.Helper()
	if err := b.desk(nil).Approve(b.t.Context(), boris, id, false); err != nil {
		b.t.Fatalf("approving: %v", err)
	}
}

func (b *bench) report(id string) db.Report {
	b.t.Helper()
	r, err := b.store.Read().Report(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) inState(id string, want reporting.State) {
	b.t.Helper()
	if r := b.report(id); r.State != string(want) {
		b.t.Fatalf("report is %s, want %s (last error %q)", r.State, want, r.LastError)
	}
}

// file runs one turn and tells whether the worker was killed in it.
func (b *bench) file(d *reporting.Desk, id string) (killed bool, err error) {
	b.t.Helper()
	defer func() {
		switch p := recover(); p.(type) {
		case nil:
		case crash:
			killed = true
		default:
			panic(p)
		}
	}()
	return false, d.File(b.t.Context(), id)
}

// drive works on a report until it is at rest (filed, or a draft again),
// moving the clock to each next attempt. It returns how many turns that took.
func (b *bench) drive(d *reporting.Desk, id string) int {
	b.t.Helper()
	for turn := 1; turn <= 300; turn++ {
		killed, err := b.file(d, id)
		if killed {
			b.t.Fatal("worker was killed without the test's wish")
		}
		r := b.report(id)
		if r.State == "filed" || r.State == "draft" || r.State == "withdrawn" {
			if err != nil {
				b.t.Fatalf("report is %s and the job asks for more: %v", r.State, err)
			}
			return turn
		}
		if err == nil {
			b.t.Fatalf("report is %s and the job says that it is done", r.State)
		}
		if r.LastError == "" || r.NextAttemptAt == 0 {
			b.t.Fatalf("a failed attempt is not visible: error %q, next attempt %d", r.LastError, r.NextAttemptAt)
		}
		b.clock.until(store.Time(r.NextAttemptAt))
	}
	b.t.Fatal("report does not come to rest")
	return 0
}

// restart plays a new process after a crash: what was held is freed, and the
// sweep finds the work.
func (b *bench) restart() *reporting.Desk {
	b.t.Helper()
	d := b.desk(nil)
	if err := d.Resume(b.t.Context(), true); err != nil {
		b.t.Fatal(err)
	}
	return d
}

// finished are the authority's finished reports on a case.
func (b *bench) finished(caseID string) []ncmec.Report {
	var out []ncmec.Report
	for _, r := range b.fake.Reports() {
		if r.State == ncmec.Finished && strings.Contains(string(r.XML), "Case reference: "+caseID) {
			out = append(out, r)
		}
	}
	return out
}

var fileViewed = regexp.MustCompile(`<fileViewedByEsp>\s*true\s*</fileViewedByEsp>`)

// verify checks every promise about a filed report against the authority's own
// record. twice says that the authority may hold undescribed second copies.
func (b *bench) verify(c confirmed, twice bool) {
	b.t.Helper()
	b.inState(c.reportID, reporting.Filed)
	done := b.finished(c.caseID)
	if len(done) != 1 {
		b.t.Fatalf("the authority has %d finished reports of one decision, want 1", len(done))
	}
	got, r := done[0], b.report(c.reportID)
	if strconv.FormatInt(got.ID, 10) != r.RemoteID {
		b.t.Errorf("stored number %s, the authority has %d", r.RemoteID, got.ID)
	}
	if len(r.Receipt) == 0 || r.FiledAt == 0 || r.LastError != "" {
		b.t.Errorf("filed with receipt of %d bytes, at %d, last error %q", len(r.Receipt), r.FiledAt, r.LastError)
	}
	b.verifyFiles(c, got, twice)
	b.verifyRecord(c, got)
}

func (b *bench) verifyFiles(c confirmed, got ncmec.Report, twice bool) {
	b.t.Helper()
	rows, err := b.store.Read().ReportFiles(b.t.Context(), c.reportID)
	if err != nil {
		b.t.Fatal(err)
	}
	byID := map[string]ncmec.File{}
	for _, f := range got.Files {
		if twice && f.Info == nil {
			continue
		}
		byID[f.ID] = f
	}
	if len(byID) != len(rows) || len(rows) != len(c.evidence) {
		b.t.Errorf("the authority has %d files, the report %d, the case %d", len(byID), len(rows), len(c.evidence))
	}
	for _, row := range rows {
		f, ok := byID[row.RemoteFileID]
		if !ok {
			b.t.Errorf("the authority has no file %s", row.RemoteFileID)
			continue
		}
		if f.SHA256 != c.sha256[row.EvidenceID] {
			b.t.Errorf("file at the authority is not the one in the vault")
		}
		if f.Info == nil {
			b.t.Error("a file without details was filed")
		}
		if viewed := fileViewed.Match(f.Info); viewed != c.viewed[row.EvidenceID] {
			b.t.Errorf("fileViewedByEsp is %t, the view log says %t", viewed, c.viewed[row.EvidenceID])
		}
	}
}

// verifyRecord checks what Rowan keeps of the filing: the document as sent, the
// legal clock, the announcement, and the ledger.
func (b *bench) verifyRecord(c confirmed, got ncmec.Report) {
	b.t.Helper()
	ctx, q := b.t.Context(), b.store.Read()
	exchanges, err := q.ExchangesOfReport(ctx, c.reportID)
	if err != nil {
		b.t.Fatal(err)
	}
	if !slices.ContainsFunc(exchanges, func(x db.ReportExchange) bool {
		return x.Operation == "submit" && cmp.Equal(x.Request, got.XML) && strings.Contains(string(x.Response), strconv.FormatInt(got.ID, 10))
	}) {
		b.t.Error("the document that was filed is not kept as it was sent")
	}
	clocks, err := q.ClocksOfCase(ctx, c.caseID)
	if err != nil {
		b.t.Fatal(err)
	}
	filed := store.Time(b.report(c.reportID).FiledAt)
	if len(clocks) != 1 || store.Time(clocks[0].UntilAt).Before(filed.AddDate(1, 0, 0).Add(-time.Second)) {
		b.t.Errorf("want one clock of a year, have %+v", clocks)
	}
	n := 0
	for _, a := range b.actions(c.caseID) {
		if a == "report.filed" {
			n++
		}
	}
	if n != 1 {
		b.t.Errorf("%d ledger rows of filing, want 1", n)
	}
}

// actions are the ledger's actions on a case, in order of time.
func (b *bench) actions(caseID string) []string {
	b.t.Helper()
	rows, err := b.store.Read().EntriesOfSubject(b.t.Context(), caseID, "\U0010ffff", 10_000)
	if err != nil {
		b.t.Fatal(err)
	}
	slices.SortStableFunc(rows, func(x, y db.LedgerEntry) int { return int(x.At - y.At) })
	var out []string
	for _, e := range rows {
		out = append(out, e.Action)
	}
	return out
}

// states is the history of a report by the ledger.
func (b *bench) states(caseID string) []reporting.State {
	b.t.Helper()
	names := map[string]reporting.State{"report.draft": reporting.Draft, "report.approve": reporting.Approved, "report.approved": reporting.Approved,
		"report.opening": reporting.Opening, "report.open": reporting.Opened, "report.sealed": reporting.Sealed,
		"report.filed": reporting.Filed, "report.withdraw": reporting.Withdrawn,
		"report.hand_over": reporting.Opening, "report.reference": reporting.Filed, "report.found": reporting.Filed,
		"report.not_found": reporting.Approved, "report.mend": reporting.Draft}
	var out []reporting.State
	for _, a := range b.actions(caseID) {
		if s, ok := names[a]; ok {
			out = append(out, s)
		}
	}
	return out
}

// faults makes the authority's n-th request of an operation (from 1) fail.
func faults(op string, n int, p ncmec.Phase, f ncmec.Fault) ncmec.Faults {
	var mu sync.Mutex
	seen := 0
	return func(o string, q ncmec.Phase) ncmec.Fault {
		mu.Lock()
		defer mu.Unlock()
		if o == op && q == ncmec.Before {
			seen++
		}
		if o == op && q == p && seen == n {
			return f
		}
		return ncmec.Fault{}
	}
}
