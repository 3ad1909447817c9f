package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // registers driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store/db"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Engine is the database that a [Store] runs on.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

// Store is an open database with its schema up to date.
type Store struct {
	engine Engine
	sql    *sql.DB // pool of the application
	jobs   *sql.DB // pool of River; one connection on SQLite, as its driver asks
	driver riverdriver.Driver[*sql.Tx]
	insert *river.Client[*sql.Tx]
	log    *slog.Logger
}

// Open opens the database at dataURL and migrates it. dataURL is either
// "sqlite:PATH" or a "postgres://…" URL.
func Open(ctx context.Context, dataURL string, log *slog.Logger) (*Store, error) {
	s := &Store{log: log}
	var err error
	switch {
	case strings.HasPrefix(dataURL, "sqlite:"):
		err = s.openSQLite(strings.TrimPrefix(dataURL, "sqlite:"))
	case strings.HasPrefix(dataURL, "postgres://"), strings.HasPrefix(dataURL, "postgresql://"):
		err = s.openPostgres(dataURL)
	default:
		err = errors.New(`database URL must start with "sqlite:" or "postgres://"`)
	}
	if err != nil {
		return nil, fmt.Errorf("opening database: %w", err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("migrating database: %w", err), s.Close())
	}
	if s.insert, err = river.NewClient(s.driver, &river.Config{Logger: log}); err != nil {
		return nil, errors.Join(fmt.Errorf("opening job queue: %w", err), s.Close())
	}
	return s, nil
}

func (s *Store) openSQLite(path string) error {
	// Full synchronisation, because an acknowledged case must survive a power
	// cut; immediate transactions, because upgrading a read lock can only fail.
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}}
	dsn := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	var err error
	if s.sql, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	s.sql.SetMaxOpenConns(8)
	if s.jobs, err = sql.Open("sqlite", dsn); err != nil {
		return err
	}
	s.jobs.SetMaxOpenConns(1)
	s.engine, s.driver = SQLite, riversqlite.New(s.jobs)
	return nil
}

func (s *Store) openPostgres(dataURL string) error {
	var err error
	if s.sql, err = sql.Open("pgx", dataURL); err != nil {
		return err
	}
	s.sql.SetMaxOpenConns(16)
	s.jobs = s.sql
	s.engine, s.driver = Postgres, riverdatabasesql.New(s.sql)
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if s.engine == Postgres {
		dialect = goose.DialectPostgres
		unlock, err := s.lockMigration(ctx)
		if err != nil {
			return err
		}
		defer unlock()
	}
	// goose logs to nowhere by default through a provider; results are enough.
	p, err := goose.NewProvider(dialect, s.sql, dir)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	m, err := rivermigrate.New(s.driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// lockMigration makes replicas that start at once migrate one after the other.
// PostgreSQL frees the lock by itself if the process dies.
func (s *Store) lockMigration(ctx context.Context) (unlock func(), err error) {
	const key = 0x726f77616e // "rowan"
	conn, err := s.sql.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "select pg_advisory_lock($1)", int64(key)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", int64(key))
		_ = conn.Close()
	}, nil
}

// Close releases the database.
func (s *Store) Close() error {
	err := s.sql.Close()
	if s.jobs != nil && s.jobs != s.sql {
		err = errors.Join(err, s.jobs.Close())
	}
	return err
}

// Engine tells which database this is.
func (s *Store) Engine() Engine { return s.engine }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.sql.PingContext(ctx); err != nil {
		return safety.Wrap(safety.Unavailable, err, "database does not answer")
	}
	return nil
}

// Read returns queries outside any transaction. Use it for reading only.
func (s *Store) Read() *db.Queries { return db.New(s.sql) }

// Tx is a transaction: every query, and durable jobs.
type Tx struct {
	*db.Queries
	sql *sql.Tx
	s   *Store
}

// Enqueue adds a durable job that exists if and only if the transaction
// commits. It starts at once, or at `at` when that is later.
func (t *Tx) Enqueue(ctx context.Context, args river.JobArgs, at time.Time) error {
	opts := &river.InsertOpts{}
	if !at.IsZero() {
		opts.ScheduledAt = at
	}
	if _, err := t.s.insert.InsertTx(ctx, t.sql, args, opts); err != nil {
		return fmt.Errorf("enqueueing %s: %w", args.Kind(), err)
	}
	return nil
}

// Tx runs fn in a transaction and commits if fn returns nil. When the engine
// asks for it (serialisation failure, deadlock, busy), the whole of fn runs
// again: fn must change nothing but the database.
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	const tries = 8
	var err error
	for i := range tries {
		if err = s.tryTx(ctx, fn); err == nil || !retryable(err) || i == tries-1 {
			break
		}
		pause := time.Duration(1<<i)*5*time.Millisecond + rand.N(10*time.Millisecond) //nolint:gosec // spreads retries, guards nothing
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (s *Store) tryTx(ctx context.Context, fn func(*Tx) error) error {
	tx, err := s.sql.BeginTx(ctx, nil)
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "database does not answer")
	}
	defer func() { _ = tx.Rollback() }() // a no-op after Commit
	if err := fn(&Tx{Queries: db.New(tx), sql: tx, s: s}); err != nil {
		return unstorable(err)
	}
	if err := tx.Commit(); err != nil {
		return safety.Wrap(safety.Unavailable, err, "database did not commit")
	}
	return nil
}

// unstorable gives a text that the engine cannot hold its kind: PostgreSQL takes
// no zero byte.
func unstorable(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "22021" {
		return safety.Wrap(safety.Invalid, err, "a text holds a character that cannot be stored")
	}
	return err
}

func retryable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Serialisation failure, deadlock, and a row that another transaction was
		// quicker to insert: the next try sees it.
		return e.Code == "40001" || e.Code == "40P01" || e.Code == "23505"
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY
	}
	return false
}

// NotFound turns "no rows" into a typed error that names the thing; other
// errors pass through.
func NotFound(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return safety.Errorf(safety.NotFound, "no such %s", what)
	}
	return err
}

// IsNotFound reports whether err says that a query found no row.
func IsNotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// Micros is t as the store keeps times; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the reverse of [Micros], in UTC.
func Time(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
