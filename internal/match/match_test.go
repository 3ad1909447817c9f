package match_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/pdq"
)

var start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

const actor = "user:usr_anna"

// bench is one process with lists and an index.
type bench struct {
	t     testing.TB
	data  *storetest.Database
	store *store.Store
	lists *match.Lists
	index *match.Index

	mu  sync.Mutex
	now time.Time // guarded by mu
}

func newBench(t testing.TB, d *storetest.Database) *bench {
	t.Helper()
	b := &bench{t: t, data: d, store: d.Open(t), now: start}
	b.lists = match.NewLists(b.store, b.clock)
	b.index = match.NewIndex(b.store, b.clock, slog.New(slog.DiscardHandler))
	return b
}

func (b *bench) clock() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }

func (b *bench) later(d time.Duration) { b.mu.Lock(); defer b.mu.Unlock(); b.now = b.now.Add(d) }

func (b *bench) create(name string, kind safety.ListKind) {
	b.t.Helper()
	if err := b.lists.Create(context.Background(), actor, match.List{Name: name, Kind: kind, Threshold: -1}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) imports(name string, f match.Format, text string) match.ImportResult {
	b.t.Helper()
	r, err := b.lists.Import(context.Background(), actor, name, f, strings.NewReader(text), false)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) refresh() {
	b.t.Helper()
	if err := b.index.Refresh(context.Background()); err != nil {
		b.t.Fatal(err)
	}
}

// matches looks exact hashes up after a refresh and returns the lists found.
func (b *bench) matches(hs ...safety.Hash) (lists []string) {
	b.t.Helper()
	b.refresh()
	found, err := b.index.Lookup(match.Query{Exact: hs})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range found {
		lists = append(lists, f.List)
	}
	slices.Sort(lists)
	return lists
}

func (b *bench) signals(name string) (out []string) {
	b.t.Helper()
	rows, err := b.lists.Signals(context.Background(), name, "", 100_000)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, s := range rows {
		out = append(out, s.HashType+":"+s.HashValue)
	}
	slices.Sort(out)
	return out
}

func (b *bench) count(name string) (n int64) {
	b.t.Helper()
	l, err := b.lists.Get(context.Background(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range l.Signals {
		n += c
	}
	return n
}

// synthetic is the n-th made-up hash of a type.
func synthetic(t safety.HashType, n int) safety.Hash {
	raw := make([]byte, t.Size())
	copy(raw, fmt.Sprintf("synthetic %d", n))
	h, err := safety.ParseHash(t, hex.EncodeToString(raw))
	if err != nil {
		panic(err)
	}
	return h
}

func lines(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "sha256:%s\n", synthetic(safety.SHA256, from+i).Value)
	}
	return b.String()
}

var (
	m1 = synthetic(safety.MD5, 1).Value
	s1 = synthetic(safety.SHA1, 1).Value
	x1 = synthetic(safety.SHA256, 1).Value
	p1 = synthetic(safety.PDQ, 1).Value
)

func TestImport_Formats(t *testing.T) {
	t.Parallel()
	const bom = "\ufeff"
	tests := []struct {
		name   string
		format match.Format
		text   string
		want   []string
	}{
		{"csv", match.FormatCSV, "sha256,note\n" + x1 + ",a note\n", []string{"sha256:" + x1}},
		{"csv, BOM, CRLF, odd case and space", match.FormatCSV, bom + " SHA256 ,Note\r\n " + strings.ToUpper(x1) + " ,n\r\n", []string{"sha256:" + x1}},
		{"csv, quoted, with a line break in the note", match.FormatCSV, "note,md5\n\"a \"\"b\"\",\nc\",\"" + m1 + "\"\n", []string{"md5:" + m1}},
		{"csv, several hashes a row, some empty", match.FormatCSV, "md5,sha1,sha256,pdq\n" + m1 + "," + s1 + ",," + p1 + "\n",
			[]string{"md5:" + m1, "pdq:" + p1, "sha1:" + s1}},
		{"csv, unknown columns", match.FormatCSV, "id,md5,colour\n7," + m1 + ",red\n", []string{"md5:" + m1}},
		{"csv, header only", match.FormatCSV, "md5\n", nil},
		{"hashes, bare and named, comments, blank lines", match.FormatHashes, bom + "# list\r\n\r\n" + m1 + "\r\n" + s1 + " # one\n  " + x1 + "\npdq:" + p1 + "\nSHA256: " + strings.ToUpper(x1) + "\n",
			[]string{"md5:" + m1, "pdq:" + p1, "sha1:" + s1, "sha256:" + x1}},
		{"hashes, no final line break", match.FormatHashes, m1, []string{"md5:" + m1}},
		{"hashes, empty", match.FormatHashes, "", nil},
		{"vics, hash set", match.FormatVICS, bom + `{"@odata.context":"x","value":[{"MediaID":1,"Category":1,"MD5":"` + m1 + `","SHA1":"` + strings.ToUpper(s1) + `","Series":"a"}]}`,
			[]string{"md5:" + m1, "sha1:" + s1}},
		{"vics, cases with media, unknown keys in any place", match.FormatVICS,
			`{"x":{"deep":[1,{"value":[]}]},"value":[{"CaseID":"c","Unknown":[[{}]],"Media":[{"MD5":"` + m1 + `","Exifs":[{"a":1}]},{"SHA1":"` + s1 + `"}],"After":null},{"Media":[]}]}`,
			[]string{"md5:" + m1, "sha1:" + s1}},
		{"vics, values of odd types", match.FormatVICS, `{"value":[{"Category":"1","Series":7,"MD5":"` + m1 + `","SHA1":null,"AlternativeHashes":"none"}]}`, []string{"md5:" + m1}},
		{"vics, alternative hashes", match.FormatVICS, `{"value":[{"AlternativeHashes":[{"HashName":"SHA-256","HashValue":"` + x1 + `"},{"HashName":"PhotoDNA","HashValue":"AAAA"},{"HashName":"PDQ","HashValue":"` + p1 + `"}]}]}`,
			[]string{"pdq:" + p1, "sha256:" + x1}},
		{"vics, empty", match.FormatVICS, `{"value":[]}`, nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.New(t))
			b.create("list", safety.ListIllegal)
			r := b.imports("list", tc.format, tc.text)
			if diff := cmp.Diff(tc.want, b.signals("list")); diff != "" {
				t.Errorf("signals (-want +got):\n%s", diff)
			}
			if r.Added != int64(len(tc.want)) || r.Version != 1 || b.count("list") != r.Added {
				t.Errorf("result %+v, %d counted, want %d", r, b.count("list"), len(tc.want))
			}
		})
	}
}

func TestImport_Refused(t *testing.T) {
	t.Parallel()
	zero := strings.Repeat("0", 64)
	value := "deadbeefdeadbeef" // stands for a secret that must not be repeated
	tests := []struct {
		name   string
		format match.Format
		text   string
		lines  []int // nil: refused as a whole
	}{
		{"csv, no header", match.FormatCSV, "", nil},
		{"csv, header without a hash", match.FormatCSV, "note,colour\na,b\n", nil},
		{"csv, bad rows", match.FormatCSV, "md5\n" + m1 + "\n" + value + "\n\n" + m1 + "zz\n", []int{3, 5}},
		{"csv, wrong number of fields", match.FormatCSV, "md5,note\n" + m1 + "\n" + m1 + ",a,b\n", []int{2, 3}},
		{"csv, bare quote in the first field", match.FormatCSV, "md5,note\n" + value + "\"x,n\n" + m1 + ",n\n", []int{2}},
		{"csv, quote never closed", match.FormatCSV, "md5,note\n" + m1 + ",\"n\n" + m1 + ",n\n", []int{2}},
		{"csv, row without a hash", match.FormatCSV, "md5,note\n,only a note\n", []int{2}},
		{"csv, zero PDQ", match.FormatCSV, "pdq\n" + zero + "\n", []int{2}},
		{"hashes, bad lines", match.FormatHashes, m1 + "\n" + value + "\nsha512:" + value + "\nmd5:" + value + "\n", []int{2, 3, 4}},
		{"hashes, zero PDQ", match.FormatHashes, "pdq:" + zero, []int{1}},
		{"hashes, a line of a megabyte", match.FormatHashes, strings.Repeat("a", 1<<20), nil},
		{"vics, not JSON", match.FormatVICS, value, nil},
		{"vics, cut short", match.FormatVICS, `{"value":[{"MD5":"` + m1 + `"}`, nil},
		{"vics, an array", match.FormatVICS, `[{"MD5":"` + m1 + `"}]`, nil},
		{"vics, bad records", match.FormatVICS, `{"value":[{"MD5":"` + m1 + `"},{"MD5":"` + value + `"},{"MediaID":3}]}`, []int{2, 3}},
		{"vics, zero PDQ", match.FormatVICS, `{"value":[{"AlternativeHashes":[{"HashName":"pdq","HashValue":"` + zero + `"}]}]}`, []int{1}},
		{"unknown format", "xml", "<a/>", nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.New(t))
			b.create("list", safety.ListIllegal)
			_, err := b.lists.Import(t.Context(), actor, "list", tc.format, strings.NewReader(tc.text), false)
			if safety.KindOf(err) != safety.Invalid {
				t.Fatalf("got %v, want an error that says invalid", err)
			}
			var at []int
			if bad, ok := errors.AsType[*match.ImportError](err); ok {
				for _, r := range bad.Rows {
					at = append(at, r.Line)
					if strings.Contains(r.Problem, value) {
						t.Errorf("a problem repeats the value: %s", r.Problem)
					}
				}
			}
			if diff := cmp.Diff(tc.lines, at); diff != "" {
				t.Errorf("lines (-want +got):\n%s\n%v", diff, err)
			}
			if strings.Contains(err.Error(), value) {
				t.Errorf("the error repeats the value: %v", err)
			}
			if s := b.signals("list"); s != nil || b.count("list") != 0 {
				t.Errorf("%d signals of a refused file are live", len(s))
			}
			b.nothingStaged("list")
			b.imports("list", match.FormatHashes, m1) // the list is free again
		})
	}
}

// nothingStaged checks in the database itself that a list has no hidden rows.
func (b *bench) nothingStaged(name string) {
	b.t.Helper()
	var n int
	err := b.data.SQL(b.t).QueryRowContext(context.Background(),
		"select count(*) from signals s join lists l on l.id = s.list_id where l.name = $1 and s.added_version > l.version", name).Scan(&n)
	if err != nil || n != 0 {
		b.t.Errorf("%d staged rows are left (%v)", n, err)
	}
}

func TestImport_SkipBad(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	r, err := b.lists.Import(t.Context(), actor, "list", match.FormatHashes, strings.NewReader(m1+"\nbad\n"+s1+"\n"), true)
	if err != nil {
		t.Fatal(err)
	}
	want := match.ImportResult{Added: 2, Version: 1, Skipped: []match.RowProblem{{Line: 2, Problem: "has 3 characters: not the length of MD5, SHA-1 or SHA-256"}}}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if got := b.matches(synthetic(safety.MD5, 1), synthetic(safety.SHA1, 1)); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestImport_Duplicates(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	b.create("other", safety.ListIllegal)
	if r := b.imports("list", match.FormatHashes, m1+"\n"+strings.ToUpper(m1)+"\nmd5:"+m1+"\n"+s1); r.Added != 2 || r.Already != 2 {
		t.Errorf("first import: %+v", r)
	}
	if r := b.imports("list", match.FormatHashes, lines(0, 3)+m1); r.Added != 3 || r.Already != 1 || r.Version != 2 {
		t.Errorf("second import: %+v", r)
	}
	if r := b.imports("other", match.FormatHashes, m1); r.Added != 1 {
		t.Errorf("import into another list: %+v", r)
	}
	if diff := cmp.Diff([]string{"list", "other"}, b.matches(synthetic(safety.MD5, 1))); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

// paused is a reader that stops in the middle of a file until it is told how to
// go on.
type paused struct {
	io.Reader
	reached chan struct{}
	resume  chan error // nil to go on, an error to break off
	once    sync.Once
}

func pause(before, after string) *paused {
	p := &paused{reached: make(chan struct{}), resume: make(chan error, 1)}
	p.Reader = io.MultiReader(strings.NewReader(before), p.stop(), strings.NewReader(after))
	return p
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func (p *paused) stop() io.Reader {
	return readerFunc(func([]byte) (int, error) {
		var err error
		p.once.Do(func() {
			close(p.reached)
			err = <-p.resume
		})
		if err == nil {
			err = io.EOF
		}
		return 0, err
	})
}

// during starts an import, waits until at least 2,000 rows of it are staged and
// its file stands still, and returns how to end it.
func (b *bench) during(name string, after string) (end func(error) (match.ImportResult, error)) {
	b.t.Helper()
	p := pause(lines(10_000, 4500), after)
	type answer struct {
		r   match.ImportResult
		err error
	}
	done := make(chan answer, 1)
	go func() {
		r, err := b.lists.Import(context.Background(), actor, name, match.FormatHashes, p, false)
		done <- answer{r, err}
	}()
	<-p.reached
	return func(err error) (match.ImportResult, error) {
		p.resume <- err
		a := <-done
		return a.r, a.err
	}
}

func (b *bench) invisible(name string) {
	b.t.Helper()
	if n := len(b.signals(name)); n != 0 {
		b.t.Errorf("%d staged signals are listed", n)
	}
	if n := b.count(name); n != 0 {
		b.t.Errorf("%d staged signals are counted", n)
	}
	if got := b.matches(synthetic(safety.SHA256, 10_000), synthetic(safety.SHA256, 10_001)); got != nil {
		b.t.Errorf("staged signals match: %v", got)
	}
	if n := b.index.Signals(); n != 0 {
		b.t.Errorf("the index holds %d staged signals", n)
	}
}

func TestImport_StagedIsInvisible(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		b := newBench(t, fresh(t))
		b.create("list", safety.ListIllegal)
		end := b.during("list", lines(20_000, 1))
		b.invisible("list")
		if _, err := b.lists.Import(t.Context(), actor, "list", match.FormatHashes, strings.NewReader(m1), false); safety.KindOf(err) != safety.Conflict {
			t.Errorf("a second import at once: %v, want a conflict", err)
		}
		b.create("other", safety.ListIllegal)
		b.imports("other", match.FormatHashes, s1) // other lists are not held up
		if r, err := end(nil); err != nil || r.Added != 4501 {
			t.Errorf("import: %+v, %v", r, err)
		}
		if b.count("list") != 4501 || len(b.matches(synthetic(safety.SHA256, 10_000))) != 1 || b.index.Signals() != 4502 {
			t.Error("not all of it is live")
		}
	})
}

func TestImport_BrokenOff(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	if _, err := b.during("list", "")(io.ErrUnexpectedEOF); safety.KindOf(err) != safety.Invalid {
		t.Errorf("got %v, want an error that says invalid", err)
	}
	b.invisible("list")
	b.nothingStaged("list")
	if r := b.imports("list", match.FormatHashes, m1); r.Version != 1 {
		t.Errorf("version %d after one import", r.Version)
	}
}

func TestImport_CallerGoesAway(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	ctx, cancel := context.WithCancel(t.Context())
	text := io.MultiReader(strings.NewReader(lines(0, 2500)), readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }))
	if _, err := b.lists.Import(ctx, actor, "list", match.FormatHashes, text, false); err == nil {
		t.Fatal("imported for a caller who is gone")
	}
	b.invisible("list")
	b.nothingStaged("list")
	b.imports("list", match.FormatHashes, m1) // and the list is free at once
}

// TestImport_DeadProcess leaves what a killed process leaves: staged rows and a
// hold. Nothing that happens to the list afterwards may bring them to life.
func TestImport_DeadProcess(t *testing.T) {
	t.Parallel()
	dead := synthetic(safety.SHA256, 10_000)
	tests := []struct {
		name string
		next func(b *bench)
	}{
		{"a new import", func(b *bench) { b.imports("list", match.FormatHashes, s1) }},
		{"two new imports", func(b *bench) {
			b.imports("list", match.FormatHashes, s1)
			b.imports("list", match.FormatHashes, lines(30_000, 2))
		}},
		{"a signal is removed", func(b *bench) { b.remove("list") }},
		{"options are changed", func(b *bench) {
			if err := b.lists.SetOptions(context.Background(), actor, "list", match.Options{Enabled: new(true), Threshold: new(10)}); err != nil {
				b.t.Fatal(err)
			}
		}},
		{"a signal is removed, then an import", func(b *bench) { b.remove("list"); b.imports("list", match.FormatHashes, s1) }},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.New(t))
			b.create("list", safety.ListIllegal)
			b.imports("list", match.FormatHashes, m1)
			b.stageAsDead("list", dead)
			if got := b.matches(dead); got != nil {
				t.Fatalf("staged rows match: %v", got)
			}
			if _, err := b.lists.Import(t.Context(), actor, "list", match.FormatHashes, strings.NewReader(s1), false); safety.KindOf(err) != safety.Conflict {
				t.Errorf("import within the hold of the dead: %v, want a conflict", err)
			}
			b.later(3 * time.Minute)
			tc.next(b)
			if got := b.matches(dead); got != nil || slices.Contains(b.signals("list"), "sha256:"+dead.Value) {
				t.Errorf("what a dead import has staged is live: %v", got)
			}
			later := match.NewIndex(b.store, b.clock, slog.New(slog.DiscardHandler))
			if err := later.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			if later.Signals() != b.index.Signals() || int64(later.Signals()) != b.count("list") {
				t.Errorf("a new index holds %d signals, an old one %d, the list %d", later.Signals(), b.index.Signals(), b.count("list"))
			}
		})
	}
}

func (b *bench) remove(name string) {
	b.t.Helper()
	rows, err := b.lists.Signals(context.Background(), name, "", 1)
	if err != nil || len(rows) != 1 {
		b.t.Fatal(err)
	}
	if err := b.lists.RemoveSignal(context.Background(), actor, name, rows[0].ID); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stageAsDead(name string, h safety.Hash) {
	b.t.Helper()
	ctx := context.Background()
	err := b.store.Tx(ctx, func(tx *store.Tx) error {
		l, err := tx.ListByName(ctx, name)
		if err != nil {
			return err
		}
		if _, err := tx.HoldList(ctx, db.HoldListParams{ID: l.ID, ImportingUntil: store.Micros(b.clock()),
			ImportingUntil_3: store.Micros(b.clock().Add(2 * time.Minute))}); err != nil {
			return err
		}
		_, err = tx.AddSignal(ctx, db.AddSignalParams{ID: "sig_dead", ListID: l.ID, HashType: string(h.Type), HashValue: h.Value, AddedVersion: l.Version + 1})
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestImport_Overtaken stops an import for longer than its hold. If others have
// touched the list meanwhile it must give up, and nothing of it may be live.
func TestImport_Overtaken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		meanwhile func(b *bench)
		ok        bool
	}{
		{"nobody came", func(*bench) {}, true},
		{"another import", func(b *bench) { b.imports("list", match.FormatHashes, m1) }, false},
		{"a removal", func(b *bench) { b.remove("list") }, false},
		{"another import that failed", func(b *bench) {
			if _, err := b.lists.Import(context.Background(), actor, "list", match.FormatHashes, strings.NewReader("bad"), false); err == nil {
				b.t.Fatal("took a bad file")
			}
		}, false},
		{"the list was deleted", func(b *bench) {
			if err := b.lists.Delete(context.Background(), actor, "list"); err != nil {
				b.t.Fatal(err)
			}
			b.create("list", safety.ListIllegal)
		}, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, storetest.New(t))
			b.create("list", safety.ListIllegal)
			b.imports("list", match.FormatHashes, s1)
			end := b.during("list", lines(20_000, 3000))
			b.later(5 * time.Minute)
			tc.meanwhile(b)
			r, err := end(nil)
			if tc.ok {
				if err != nil || r.Added != 7500 || b.count("list") != 7501 {
					t.Errorf("%+v, %v; %d live", r, err, b.count("list"))
				}
				return
			}
			if safety.KindOf(err) != safety.Conflict {
				t.Errorf("got %+v, %v, want a conflict", r, err)
			}
			if got := b.matches(synthetic(safety.SHA256, 10_000), synthetic(safety.SHA256, 20_000), synthetic(safety.SHA256, 22_999)); got != nil {
				t.Errorf("rows of an import that gave up are live: %v", got)
			}
			if b.count("list") > 2 {
				t.Errorf("%d signals are live", b.count("list"))
			}
		})
	}
}

func TestImport_RowsGoTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	bad := lines(0, 2500) + "bad line\n" + lines(3000, 2500) + "bad too\n"
	_, err := b.lists.Import(t.Context(), actor, "list", match.FormatHashes, strings.NewReader(bad), false)
	e, ok := errors.AsType[*match.ImportError](err)
	if !ok || len(e.Rows) != 2 || e.Rows[0].Line != 2501 || e.Rows[1].Line != 5002 {
		t.Errorf("got %v", err)
	}
	if b.matches(synthetic(safety.SHA256, 0)) != nil || b.count("list") != 0 {
		t.Error("half a file is live")
	}
	b.nothingStaged("list")
}

func TestIndex_BeforeReady(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	b.imports("list", match.FormatHashes, m1)
	if _, err := b.index.Lookup(match.Query{Exact: []safety.Hash{synthetic(safety.MD5, 1)}}); safety.KindOf(err) != safety.Unavailable {
		t.Errorf("lookup before the lists are loaded: %v, want unavailable", err)
	}
	if b.index.Ready() == nil {
		t.Error("ready before it has loaded anything")
	}
	if got := b.matches(synthetic(safety.MD5, 1)); len(got) != 1 {
		t.Errorf("found %v", got)
	}
}

func TestIndex_DatabaseLost(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("list", safety.ListIllegal)
	b.imports("list", match.FormatHashes, m1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.index.Refresh(ctx); err == nil || b.index.Ready() == nil {
		t.Errorf("ready without having read the lists (%v)", err)
	}
}

func TestIndex_FollowsAnotherProcess(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		d := fresh(t)
		here, there := newBench(t, d), newBench(t, d)
		ctx := t.Context()
		h := synthetic(safety.MD5, 1)
		steps := []struct {
			name string
			do   func() error
			want []string
		}{
			{"nothing yet", func() error { return nil }, nil},
			{"created", func() error {
				return here.lists.Create(ctx, actor, match.List{Name: "list", Kind: safety.ListIllegal, Threshold: -1})
			}, nil},
			{"imported", func() error { here.imports("list", match.FormatHashes, m1); return nil }, []string{"list"}},
			{"disabled", func() error { return here.lists.SetOptions(ctx, actor, "list", match.Options{Enabled: new(false)}) }, nil},
			{"enabled", func() error { return here.lists.SetOptions(ctx, actor, "list", match.Options{Enabled: new(true)}) }, []string{"list"}},
			{"signal removed", func() error { here.remove("list"); return nil }, nil},
			{"imported again", func() error { here.imports("list", match.FormatHashes, m1); return nil }, []string{"list"}},
			{"removed and imported between two looks", func() error { here.remove("list"); here.imports("list", match.FormatHashes, m1); return nil }, []string{"list"}},
			{"imported and removed between two looks", func() error {
				here.remove("list")
				here.imports("list", match.FormatHashes, m1)
				here.remove("list")
				return nil
			}, nil},
			{"on two lists", func() error {
				here.create("second", safety.ListHarmful)
				here.imports("second", match.FormatHashes, m1)
				here.imports("list", match.FormatHashes, m1)
				return nil
			}, []string{"list", "second"}},
			{"one deleted", func() error { return here.lists.Delete(ctx, actor, "list") }, []string{"second"}},
			{"a new list of the old name", func() error { here.create("list", safety.ListIllegal); return nil }, []string{"second"}},
		}
		for _, s := range steps {
			if err := s.do(); err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			for who, b := range map[string]*bench{"this process": here, "the other process": there} {
				if diff := cmp.Diff(s.want, b.matches(h)); diff != "" {
					t.Errorf("%s, %s (-want +got):\n%s", s.name, who, diff)
				}
			}
		}
	})
}

// flipped returns p with n bits changed.
func flipped(p pdq.Hash, n int) pdq.Hash {
	for i := range n {
		p[i%32] ^= 1 << (i / 32)
	}
	return p
}

func (b *bench) near(p pdq.Hash, quality int, exact ...safety.Hash) []safety.Finding {
	b.t.Helper()
	b.refresh()
	found, err := b.index.Lookup(match.Query{Exact: exact, Near: []match.Near{{Hash: p, Quality: quality, Variant: "original"}}})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func TestLookup_Near(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	ctx := t.Context()
	p := pdq.Hash(synthetic(safety.PDQ, 1).Bytes())
	b.create("list", safety.ListIllegal)
	b.imports("list", match.FormatHashes, "pdq:"+p1)
	for _, d := range []int{0, 1, 30, 31} {
		f := b.near(flipped(p, d), 100)
		if len(f) != 1 || f[0].Distance != d || f[0].Match != safety.MatchNear || f[0].List != "list" || f[0].Kind != safety.ListIllegal {
			t.Errorf("distance %d: found %+v", d, f)
		}
	}
	if f := b.near(flipped(p, 32), 100); f != nil {
		t.Errorf("found %+v beyond the threshold", f)
	}
	if f := b.near(p, pdq.MinQuality-1); f != nil {
		t.Errorf("found %+v for a picture without features", f)
	}
	if f := b.near(p, pdq.MinQuality); len(f) != 1 {
		t.Errorf("found %+v at the least quality", f)
	}
	for _, at := range []int{0, 10, 64} {
		if err := b.lists.SetOptions(ctx, actor, "list", match.Options{Threshold: &at}); err != nil {
			t.Fatal(err)
		}
		for _, d := range []int{0, at, at + 1} {
			if got, want := len(b.near(flipped(p, d), 100)) == 1, d <= at; got != want {
				t.Errorf("threshold %d, distance %d: found %t", at, d, got)
			}
		}
	}
	for _, bad := range []int{-1, 65} {
		if err := b.lists.SetOptions(ctx, actor, "list", match.Options{Threshold: &bad}); safety.KindOf(err) != safety.Invalid {
			t.Errorf("threshold %d: %v", bad, err)
		}
	}
}

// TestLookup_ThresholdsPerList: a wide list does not widen a narrow one, and
// each list tells its closest entry.
func TestLookup_ThresholdsPerList(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	p := pdq.Hash(synthetic(safety.PDQ, 1).Bytes())
	for name, at := range map[string]int{"narrow": 5, "wide": 60} {
		if err := b.lists.Create(t.Context(), actor, match.List{Name: name, Kind: safety.ListIllegal, Threshold: at}); err != nil {
			t.Fatal(err)
		}
		other := flipped(p, 3)
		b.imports(name, match.FormatHashes, "pdq:"+p1+"\npdq:"+hex.EncodeToString(other[:]))
	}
	got := map[string]int{}
	for _, f := range b.near(flipped(p, 5), 100) {
		got[f.List] = f.Distance
	}
	if diff := cmp.Diff(map[string]int{"narrow": 2, "wide": 2}, got); diff != "" {
		t.Errorf("closest (-want +got):\n%s", diff)
	}
	if f := b.near(flipped(p, 20), 100); len(f) != 1 || f[0].List != "wide" {
		t.Errorf("found %+v, want the wide list alone", f)
	}
}

func TestLookup_AllowList(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	p := pdq.Hash(synthetic(safety.PDQ, 1).Bytes())
	ours := synthetic(safety.SHA256, 1)
	b.create("list", safety.ListIllegal)
	b.create("fine", safety.ListAllow)
	b.imports("list", match.FormatHashes, "pdq:"+p1)
	if f := b.near(p, 100, ours); len(f) != 1 {
		t.Fatalf("found %+v", f)
	}
	b.imports("fine", match.FormatHashes, ours.Value)
	if f := b.near(p, 100, ours); len(f) != 1 || f[0].List != "fine" || f[0].Match != safety.MatchExact {
		t.Errorf("a file on the allow list: found %+v, want that list alone", f)
	}
	if f := b.near(p, 100, synthetic(safety.SHA256, 2)); len(f) != 1 || f[0].List != "list" {
		t.Errorf("another file: found %+v", f)
	}
	b.imports("list", match.FormatHashes, ours.Value)
	var lists []string
	for _, f := range b.near(p, 100, ours) {
		lists = append(lists, f.List)
		if f.Match != safety.MatchExact {
			t.Errorf("a near match was not suppressed: %+v", f)
		}
	}
	if diff := cmp.Diff([]string{"fine", "list"}, lists, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("an exact match must stand beside an allow list (-want +got):\n%s", diff)
	}
	if err := b.lists.SetOptions(t.Context(), actor, "fine", match.Options{Enabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	if f := b.near(p, 100, ours); len(f) != 2 {
		t.Errorf("a disabled allow list still suppresses: %+v", f)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestIndex_AgainstModel plays random changes to lists and compares lookups with
// a plain map.
func TestIndex_AgainstModel(t *testing.T) {
	t.Parallel()
	b, round := newBench(t, storetest.New(t)), 0
	rapid.Check(t, func(rt *rapid.T) {
		for _, l := range must(b.lists.All(context.Background())) { // of the round before
			if err := b.lists.Delete(context.Background(), actor, l.Name); err != nil {
				rt.Fatal(err)
			}
		}
		round++
		names := []string{fmt.Sprint(round, "a"), fmt.Sprint(round, "b"), fmt.Sprint(round, "c")}
		model := map[string]map[int]bool{}
		on := map[string]bool{}
		for _, n := range names {
			b.create(n, safety.ListHarmful)
			model[n], on[n] = map[int]bool{}, true
		}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			n := rapid.SampledFrom(names).Draw(rt, "list")
			switch rapid.SampledFrom([]string{"import", "remove", "switch", "look"}).Draw(rt, "step") {
			case "import":
				from, count := rapid.IntRange(0, 8).Draw(rt, "from"), rapid.IntRange(1, 4).Draw(rt, "count")
				b.imports(n, match.FormatHashes, lines(from, count))
				for i := range count {
					model[n][from+i] = true
				}
			case "remove":
				rows, err := b.lists.Signals(context.Background(), n, "", 1)
				if err != nil {
					rt.Fatal(err)
				}
				for _, s := range rows {
					if err := b.lists.RemoveSignal(context.Background(), actor, n, s.ID); err != nil {
						rt.Fatal(err)
					}
					for i := range model[n] {
						if synthetic(safety.SHA256, i).Value == s.HashValue {
							delete(model[n], i)
						}
					}
				}
			case "switch":
				on[n] = !on[n]
				if err := b.lists.SetOptions(context.Background(), actor, n, match.Options{Enabled: new(on[n])}); err != nil {
					rt.Fatal(err)
				}
			case "look":
				b.refresh()
			}
		}
		for i := range 13 {
			var want []string
			for _, n := range names {
				if on[n] && model[n][i] {
					want = append(want, n)
				}
			}
			if diff := cmp.Diff(want, b.matches(synthetic(safety.SHA256, i))); diff != "" {
				rt.Fatalf("hash %d (-want +got):\n%s", i, diff)
			}
		}
	})
}

func TestCreate_Refusals(t *testing.T) {
	t.Parallel()
	b := newBench(t, storetest.New(t))
	b.create("taken", safety.ListIllegal)
	tests := []struct {
		name string
		l    match.List
		want safety.Kind
	}{
		{"no name", match.List{Kind: safety.ListIllegal}, safety.Invalid},
		{"capitals", match.List{Name: "List", Kind: safety.ListIllegal}, safety.Invalid},
		{"slash", match.List{Name: "a/b", Kind: safety.ListIllegal}, safety.Invalid},
		{"too long", match.List{Name: strings.Repeat("a", 65), Kind: safety.ListIllegal}, safety.Invalid},
		{"unknown kind", match.List{Name: "a", Kind: "odd"}, safety.Invalid},
		{"too wide", match.List{Name: "a", Kind: safety.ListIllegal, Threshold: 65}, safety.Invalid},
		{"taken", match.List{Name: "taken", Kind: safety.ListIllegal}, safety.Conflict},
	}
	for _, tc := range tests {
		if err := b.lists.Create(t.Context(), actor, tc.l); err == nil || safety.KindOf(err) != tc.want {
			t.Errorf("%s: got %v, want an error that says %s", tc.name, err, tc.want)
		}
	}
	if err := b.lists.Delete(t.Context(), actor, "taken"); err != nil {
		t.Fatal(err)
	}
	b.create("taken", safety.ListHarmful)
	if _, err := b.lists.Import(t.Context(), actor, "none", match.FormatHashes, strings.NewReader(m1), false); safety.KindOf(err) != safety.NotFound {
		t.Errorf("import into no list: %v", err)
	}
}
