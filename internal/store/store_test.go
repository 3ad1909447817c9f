package store_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

func TestConformance(t *testing.T) { storetest.Each(t, storetest.Run) }

// TestConformance_NamesEveryQuery: a query that the suite does not call is a
// query that nobody has run on both engines.
func TestConformance_NamesEveryQuery(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("storetest/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("the suite is not where it should be", err)
	}
	var suite strings.Builder
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		suite.Write(b)
	}
	q := reflect.TypeFor[*db.Queries]()
	for method := range q.Methods() {
		if n := method.Name; n != "WithTx" && !strings.Contains(suite.String(), "q."+n+"(") {
			t.Errorf("the conformance suite does not call %s", n)
		}
	}
}

func TestOpen_MigrationsTwiceAndAtOnce(t *testing.T) {
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		d := fresh(t)
		ctx := t.Context()
		s := d.Open(t)
		if err := s.Tx(ctx, func(tx *store.Tx) error { return tx.PutAccount(ctx, "a", "{}", 1) }); err != nil {
			t.Fatal(err)
		}
		again := d.Open(t)
		if got, err := again.Read().Account(ctx, "a"); err != nil || got.Profile != "{}" {
			t.Errorf("after a second migration: %+v, %v", got, err)
		}
		if n, err := again.Read().Head(ctx); err != nil || n != 0 {
			t.Errorf("the ledger's head row is there %d times over (%v)", n, err)
		}
	})
	storetest.EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *storetest.Database) {
		d := fresh(t)
		if strings.HasPrefix(d.URL, "sqlite:") {
			t.Skip("a SQLite file has one process; only replicas on PostgreSQL start at once")
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				s, err := store.Open(context.Background(), d.URL, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Errorf("several processes starting on an empty database: %v", err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestOpen_Refusals(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "mysql://x", "file.db", "sqlite:" + filepath.Join(t.TempDir(), "no", "such", "folder.db"), "postgres://127.0.0.1:1/x?connect_timeout=1"} {
		if s, err := store.Open(t.Context(), u, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("opened %q", u)
			_ = s.Close()
		}
	}
}

// TestOpen_OddPath: a path is not a URL to be parsed.
func TestOpen_OddPath(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a b#c?d%20é")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "rowan.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database is not where it was asked for: %v", err)
	}
	if s.Engine() != store.SQLite {
		t.Errorf("engine %s", s.Engine())
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	_, err := s.Read().Account(t.Context(), "none")
	if got := safety.KindOf(store.NotFound(err, "account")); got != safety.NotFound {
		t.Errorf("kind %s", got)
	}
	if diff := cmp.Diff("no such account", store.NotFound(err, "account").Error()); diff != "" {
		t.Error(diff)
	}
	if store.NotFound(os.ErrClosed, "account") != os.ErrClosed {
		t.Error("another error does not pass through")
	}
}
