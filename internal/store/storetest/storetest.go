// Package storetest opens fresh databases for tests, on every engine that the
// machine offers, and holds the conformance suite that each engine passes.
//
// SQLite is always there. PostgreSQL takes part when ROWAN_TEST_POSTGRES holds
// the URL of a server where databases may be made (scripts/with-postgres starts
// one); ROWAN_TEST_REQUIRE turns its absence from a skip into a failure, for CI.
package storetest

import (
	"context"
	"database/sql"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers driver "pgx"
	_ "modernc.org/sqlite"             // registers driver "sqlite"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

// Environment variables.
const (
	EnvPostgres = "ROWAN_TEST_POSTGRES"
	EnvRequire  = "ROWAN_TEST_REQUIRE"
)

// Database is a fresh database that nobody else uses. It is removed after the
// test.
type Database struct{ URL string }

// New returns an empty SQLite database.
func New(t testing.TB) *Database {
	t.Helper()
	return &Database{URL: "sqlite:" + filepath.Join(t.TempDir(), "rowan.db")}
}

// Open opens the database as a process of Rowan would. Each call is another
// process.
func (d *Database) Open(t testing.TB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), d.URL, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("opening the test database: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the test database: %v", err)
		}
	})
	return s
}

// SQL returns a raw handle, for tests that play somebody who changes the
// database behind Rowan's back.
func (d *Database) SQL(t testing.TB) *sql.DB {
	t.Helper()
	driver, dsn := "pgx", d.URL
	if path, ok := strings.CutPrefix(d.URL, "sqlite:"); ok {
		driver = "sqlite"
		dsn = (&url.URL{Scheme: "file", Opaque: path, RawQuery: "_txlock=immediate&_pragma=busy_timeout(10000)"}).String()
	}
	h, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// Open returns a store on a fresh SQLite database.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return New(t).Open(t)
}

// Each runs fn as a subtest for every engine. open gives a store on a fresh
// database.
func Each(t *testing.T, fn func(t *testing.T, open func(testing.TB) *store.Store)) {
	t.Helper()
	EachDatabase(t, func(t *testing.T, fresh func(testing.TB) *Database) {
		fn(t, func(t testing.TB) *store.Store {
			t.Helper()
			return fresh(t).Open(t)
		})
	})
}

// EachDatabase is [Each] for tests that open a database more than once, or
// reach into it.
func EachDatabase(t *testing.T, fn func(t *testing.T, fresh func(testing.TB) *Database)) {
	t.Helper()
	t.Run(string(store.SQLite), func(t *testing.T) { fn(t, New) })
	t.Run(string(store.Postgres), func(t *testing.T) {
		server := os.Getenv(EnvPostgres)
		switch {
		case server != "":
			fn(t, func(t testing.TB) *Database { t.Helper(); return NewPostgres(t, server) })
		case os.Getenv(EnvRequire) != "":
			t.Fatalf("%s is set and %s is not: PostgreSQL must be tested here (scripts/with-postgres CMD starts one)", EnvRequire, EnvPostgres)
		default:
			t.Skipf("%s is not set; scripts/with-postgres CMD starts a server", EnvPostgres)
		}
	})
}

// NewPostgres makes a database of its own on the server and drops it after the
// test.
func NewPostgres(t testing.TB, server string) *Database {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL", EnvPostgres)
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	admin.SetMaxIdleConns(0) // nothing stays connected to the server between statements
	name := strings.ToLower(strings.ReplaceAll(safety.NewID("rowantest", time.Now()), "-", "_"))
	if _, err := admin.ExecContext(context.Background(), "create database "+name); err != nil {
		t.Fatalf("making a test database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := admin.ExecContext(context.Background(), "drop database "+name+" with (force)"); err != nil {
			t.Errorf("dropping the test database: %v", err)
		}
		_ = admin.Close()
	})
	u.Path = "/" + name
	return &Database{URL: u.String()}
}
