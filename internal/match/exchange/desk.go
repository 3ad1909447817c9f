package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Desk keeps the exchanges of a database and syncs them. Its methods may be
// called from many goroutines and processes.
type Desk struct {
	store  *store.Store
	lists  *match.Lists
	vault  *vault.Vault
	now    func() time.Time
	log    *slog.Logger
	folder string // where "file:" lists are

	// NoUploads says that uploads are not remembered, so that a source which is
	// asked about them never would be. Set before the desk is used.
	NoUploads bool

	// For tests: how long one call may take, what spreads retries, what happens
	// beside each commit.
	callLimit time.Duration
	jitter    func() float64 // 0 to 1
	beside    func(when string)
}

// NewDesk returns a desk. folder is where lists of the form "file:NAME" are
// looked for.
func NewDesk(s *store.Store, lists *match.Lists, v *vault.Vault, folder string, now func() time.Time, log *slog.Logger) *Desk {
	return &Desk{store: s, lists: lists, vault: v, now: now, log: log, folder: folder, callLimit: 2 * time.Minute,
		jitter: rand.Float64, beside: func(string) {}}
}

// Exchange is one exchange as operators see it: never its credentials.
type Exchange struct {
	Name        string
	Kind        Kind
	List        string
	Settings    Settings
	Credentials bool // there are some
	Interval    time.Duration
	Enabled     bool
	Feedback    bool // votes are sent

	Entries       int64
	Running       bool
	LastStarted   time.Time
	LastSuccess   time.Time
	LastError     string // in words; empty when the last round worked
	Failures      int64  // since the last success
	NextAt        time.Time
	Stale         bool  // no success for longer than three intervals
	Held          int64 // removals that wait for a person
	Pages         int64 // all since it was made
	Changes       int64
	Removals      int64
	Malformed     int64
	Unknown       int64
	Outdated      int64
	Asked         int64 // uploads that Arachnid Shield was asked about
	Skipped       int64 // uploads that it could not be asked about
	VotesWaiting  int64
	VotesSent     int64
	VotesRefused  int64
	HasCheckpoint bool
	Through       time.Time // everything before it was read; zero when the kind does not say, or nothing was
	CreatedAt     time.Time
}

// Config is what an operator says of an exchange. A nil member of a change
// keeps what is there.
type Config struct {
	Settings    *Settings
	Credentials *Credentials
	Interval    *time.Duration
	Enabled     *bool
	Feedback    *bool
}

const (
	minInterval     = 10 * time.Minute // NCMEC asks for no less
	maxInterval     = 7 * 24 * time.Hour
	defaultInterval = time.Hour
	// Of Arachnid Shield, which is asked about uploads that are online already.
	minAsking     = time.Minute
	defaultAsking = time.Minute
)

var exchangeName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Create makes an exchange that feeds a list. The list exists, is empty and is
// fed by nothing else.
func (d *Desk) Create(ctx context.Context, actor, name string, kind Kind, list string, c Config) error {
	if !exchangeName.MatchString(name) {
		return safety.Errorf(safety.Invalid, "an exchange's name is 1 to 64 of a-z, 0-9, dot, dash and underscore")
	}
	row := db.Exchange{ID: safety.NewID("exg", d.now()), Settings: "{}", IntervalUs: defaultInterval.Microseconds(), Enabled: true}
	row.Name, row.Kind = name, string(kind)
	if kind == Arachnid {
		row.IntervalUs = defaultAsking.Microseconds()
	}
	if err := d.configure(&row, c); err != nil {
		return err
	}
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ExchangeByName(ctx, name); err == nil {
			return safety.Errorf(safety.Conflict, "an exchange of this name exists")
		} else if !store.IsNotFound(err) {
			return err
		}
		l, err := tx.ListByName(ctx, list)
		if err != nil {
			return store.NotFound(err, "list")
		}
		if err := feedable(ctx, tx, l); err != nil {
			return err
		}
		now := store.Micros(d.now())
		err = tx.CreateExchange(ctx, db.CreateExchangeParams{ID: row.ID, Name: name, Kind: row.Kind, ListID: l.ID, Settings: row.Settings,
			Sealed: row.Sealed, IntervalUs: row.IntervalUs, Enabled: row.Enabled, Feedback: row.Feedback, NextAt: now, CreatedAt: now})
		if err != nil {
			return fmt.Errorf("making exchange: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "exchange.create", Subject: name,
			Detail: fmt.Sprintf("%s feeds %s, feedback %t", kind, list, row.Feedback)})
	})
}

// feedable insists that nobody else feeds the list.
func feedable(ctx context.Context, tx *store.Tx, l db.List) error {
	if l.Kind == string(safety.ListCanary) {
		return safety.Errorf(safety.Invalid, "the canary's list takes no exchange")
	}
	e, err := tx.ExchangeOfList(ctx, l.ID)
	if err == nil {
		return safety.Errorf(safety.Conflict, "this list is fed by the exchange %s", e.Name)
	}
	if !store.IsNotFound(err) {
		return fmt.Errorf("looking for the list's exchange: %w", err)
	}
	some, err := tx.LiveSignals(ctx, l.ID, "", 1)
	if err != nil {
		return fmt.Errorf("reading list: %w", err)
	}
	if len(some) > 0 {
		return safety.Errorf(safety.Conflict, "this list has signals from elsewhere; an exchange needs an empty list of its own")
	}
	return nil
}

// configure puts c into row and checks the outcome.
func (d *Desk) configure(row *db.Exchange, c Config) error {
	settings, err := parseSettings(row.Settings)
	if err != nil {
		return err
	}
	if c.Settings != nil {
		settings = *c.Settings
	}
	var creds Credentials
	if c.Credentials != nil {
		creds = *c.Credentials
	} else if creds, err = d.credentials(*row); err != nil {
		return err
	}
	if err := settings.check(Kind(row.Kind), creds); err != nil {
		return err
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	row.Settings = string(text)
	if row.Sealed, err = d.seal(row.ID, creds); err != nil {
		return err
	}
	if c.Interval != nil {
		least := minInterval
		if Kind(row.Kind) == Arachnid {
			least = minAsking
		}
		if *c.Interval < least || *c.Interval > maxInterval {
			return safety.Errorf(safety.Invalid, "an exchange is asked every ten minutes (arachnid: every minute) to once a week")
		}
		row.IntervalUs = c.Interval.Microseconds()
	}
	if c.Enabled != nil {
		row.Enabled = *c.Enabled
	}
	if c.Feedback != nil {
		row.Feedback = *c.Feedback
	}
	if row.Feedback && Kind(row.Kind) != NCMEC && Kind(row.Kind) != StopNCII && Kind(row.Kind) != ThreatExchange {
		return safety.Errorf(safety.Invalid, "this kind of exchange takes no feedback")
	}
	if row.Feedback && Kind(row.Kind) == StopNCII && creds.FeedbackKey == "" {
		return safety.Errorf(safety.Invalid, "feedback to StopNCII needs a key of its own, feedback_key")
	}
	return nil
}

// purpose binds sealed credentials to their exchange.
func purpose(id string) string { return "credentials of exchange " + id }

func (d *Desk) seal(id string, c Credentials) ([]byte, error) {
	if c.empty() {
		return []byte{}, nil
	}
	text, err := json.Marshal(c) //nolint:gosec // sealed in the next line
	if err != nil {
		return nil, err
	}
	sealed, err := d.vault.SealSecret(purpose(id), text)
	if err != nil {
		return nil, fmt.Errorf("sealing credentials: %w", err)
	}
	return sealed, nil
}

func (d *Desk) credentials(row db.Exchange) (c Credentials, err error) {
	if len(row.Sealed) == 0 {
		return c, nil
	}
	text, err := d.vault.OpenSecret(purpose(row.ID), row.Sealed)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, safety.Errorf(safety.Internal, "the credentials cannot be read")
	}
	return c, nil
}

// Change changes an exchange. New settings are read from the beginning of the
// list, since they may mean another list.
func (d *Desk) Change(ctx context.Context, actor, name string, c Config) error {
	return d.change(ctx, name, func(tx *store.Tx, row db.Exchange) error {
		before := row
		if err := d.configure(&row, c); err != nil {
			return err
		}
		// Who may change an address must not learn by it what the old one was told.
		to := address(row.Settings)
		if address(before.Settings) != to && !strings.HasPrefix(to, "file:") && len(before.Sealed) > 0 && c.Credentials == nil {
			return safety.Errorf(safety.Invalid, "the address changes: send the credentials again, they are for the old one")
		}
		err := tx.ChangeExchange(ctx, db.ChangeExchangeParams{ID: row.ID, Settings: row.Settings, Sealed: row.Sealed,
			IntervalUs: row.IntervalUs, Enabled: row.Enabled, Feedback: row.Feedback, UpdatedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("changing exchange: %w", err)
		}
		if before.Settings != row.Settings {
			if err := tx.RestartExchange(ctx, row.ID, store.Micros(d.now())); err != nil {
				return fmt.Errorf("restarting exchange: %w", err)
			}
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "exchange.change", Subject: name,
			Detail: fmt.Sprintf("enabled %t, feedback %t, every %s, settings changed %t, credentials changed %t", row.Enabled, row.Feedback,
				time.Duration(row.IntervalUs)*time.Microsecond, before.Settings != row.Settings, c.Credentials != nil)})
	})
}

// address is where settings send requests and credentials.
func address(settings string) string {
	var s Settings
	_ = json.Unmarshal([]byte(settings), &s) // written by this package
	return s.URL
}

// Delete ends an exchange and destroys its credentials. Its list stays as it
// is.
func (d *Desk) Delete(ctx context.Context, actor, name string) error {
	return d.change(ctx, name, func(tx *store.Tx, row db.Exchange) error {
		if err := tx.DeleteExchange(ctx, row.ID, store.Micros(d.now()), []byte{}); err != nil {
			return fmt.Errorf("deleting exchange: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "exchange.delete", Subject: name})
	})
}

// Ask makes an exchange due now. whole asks for all of it, from the beginning.
func (d *Desk) Ask(ctx context.Context, actor, name string, whole bool) error {
	return d.change(ctx, name, func(tx *store.Tx, row db.Exchange) error {
		if !row.Enabled {
			return safety.Errorf(safety.Conflict, "this exchange is switched off")
		}
		now := store.Micros(d.now())
		err := tx.ScheduleExchange(ctx, row.ID, now)
		if whole {
			err = tx.RestartExchange(ctx, row.ID, now)
		}
		if err != nil {
			return fmt.Errorf("scheduling exchange: %w", err)
		}
		if err := tx.Enqueue(ctx, SyncArgs{ExchangeID: row.ID}, time.Time{}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "exchange.sync", Subject: name, Detail: fmt.Sprintf("whole %t", whole)})
	})
}

// Allow consents to the removals that the last round held back. They happen in
// the next round, if it still finds no more than that.
func (d *Desk) Allow(ctx context.Context, actor, name string) error {
	return d.change(ctx, name, func(tx *store.Tx, row db.Exchange) error {
		n, err := tx.AllowRemovals(ctx, row.ID, store.Micros(d.now()))
		if err != nil {
			return fmt.Errorf("allowing removals: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "no removals of this exchange wait for a person")
		}
		if err := tx.Enqueue(ctx, SyncArgs{ExchangeID: row.ID}, time.Time{}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: actor, Action: "exchange.allow", Subject: name,
			Detail: fmt.Sprintf("%d removals", row.Held)})
	})
}

func (d *Desk) change(ctx context.Context, name string, fn func(*store.Tx, db.Exchange) error) error {
	return d.store.Tx(ctx, func(tx *store.Tx) error {
		row, err := tx.ExchangeByName(ctx, name)
		if err != nil {
			return store.NotFound(err, "exchange")
		}
		return fn(tx, row)
	})
}

// All returns every exchange by name.
func (d *Desk) All(ctx context.Context) ([]Exchange, error) {
	q := d.store.Read()
	rows, err := q.LiveExchanges(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading exchanges: %w", err)
	}
	votes, err := q.CountVotes(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting votes: %w", err)
	}
	out := make([]Exchange, len(rows))
	for i, r := range rows {
		if out[i], err = d.view(ctx, q, r); err != nil {
			return nil, err
		}
		for _, v := range votes {
			if v.ExchangeID == r.ID {
				out[i].count(v.State, v.N)
			}
		}
	}
	return out, nil
}

func (e *Exchange) count(state string, n int64) {
	switch voteState(state) {
	case voteWaiting:
		e.VotesWaiting = n
	case voteSent:
		e.VotesSent = n
	case voteRefused:
		e.VotesRefused = n
	}
}

// Get returns one exchange.
func (d *Desk) Get(ctx context.Context, name string) (Exchange, error) {
	all, err := d.All(ctx)
	if err != nil {
		return Exchange{}, err
	}
	for _, e := range all {
		if e.Name == name {
			return e, nil
		}
	}
	return Exchange{}, safety.Errorf(safety.NotFound, "no such exchange")
}

func (d *Desk) view(ctx context.Context, q *db.Queries, r db.Exchange) (Exchange, error) {
	l, err := q.ExchangeList(ctx, r.ListID)
	if err != nil {
		return Exchange{}, fmt.Errorf("reading list of exchange: %w", err)
	}
	n, err := q.CountEntries(ctx, r.ID)
	if err != nil {
		return Exchange{}, fmt.Errorf("counting entries: %w", err)
	}
	settings, err := parseSettings(r.Settings)
	if err != nil {
		return Exchange{}, err
	}
	creds := len(r.Sealed) > 0
	if settings.SharedCredentials {
		if creds, err = shares(ctx, q, Kind(r.Kind)); err != nil {
			return Exchange{}, err
		}
	}
	var through time.Time
	if k := Kind(r.Kind); r.Checkpoint != "" && (k == NCMEC || k == StopNCII || k == ThreatExchange) {
		if c, err := readCursor(r.Checkpoint); err == nil && c.Since > 0 {
			through = time.Unix(c.Since, 0)
		}
	}
	now, interval := d.now(), time.Duration(r.IntervalUs)*time.Microsecond
	since := store.Time(max(r.LastSuccessAt, r.CreatedAt))
	return Exchange{Name: r.Name, Kind: Kind(r.Kind), List: l.Name, Settings: settings, Credentials: creds, Interval: interval,
		Enabled: r.Enabled, Feedback: r.Feedback, Entries: n, Running: r.LeaseUntil >= store.Micros(now), LastStarted: store.Time(r.LastStartedAt),
		LastSuccess: store.Time(r.LastSuccessAt), LastError: r.LastError, Failures: r.Attempts, NextAt: store.Time(r.NextAt),
		Stale: r.Enabled && now.Sub(since) > 3*interval, Held: r.Held, Pages: r.Pages, Changes: r.Changes, Removals: r.Removals,
		Malformed: r.Malformed, Unknown: r.Unknown, Outdated: r.Outdated, Asked: r.Asked, Skipped: r.Skipped, HasCheckpoint: r.Checkpoint != "", Through: through, CreatedAt: store.Time(r.CreatedAt)}, nil
}

// open makes the source of an exchange.
func (d *Desk) open(ctx context.Context, row db.Exchange) (Source, error) {
	creds, err := d.credentials(row)
	if err != nil {
		return nil, err
	}
	settings, err := parseSettings(row.Settings)
	if err != nil {
		return nil, err
	}
	if settings.SharedCredentials {
		if err := settings.checkShared(Kind(row.Kind)); err != nil {
			return nil, err
		}
		common, err := d.shared(ctx, Kind(row.Kind))
		if err != nil {
			return nil, err
		}
		creds, settings.SharedCredentials = common.Credentials, false
		if common.URL != "" {
			settings.URL = common.URL
		}
	}
	if err := settings.check(Kind(row.Kind), creds); err != nil {
		return nil, err
	}
	switch Kind(row.Kind) {
	case NCMEC:
		return newNCMEC(settings, creds, d.callLimit, d.now)
	case StopNCII:
		return newStopNCII(settings, creds, d.callLimit, d.now), nil
	case ThreatExchange:
		return newThreatExchange(settings, creds, d.callLimit, d.now), nil
	case TAT:
		return newTAT(settings, creds, d.callLimit, d.now), nil
	case Arachnid:
		if d.NoUploads {
			return nil, failure("uploads are not remembered (match.retro_days is -1), so there is nothing to ask about")
		}
		return newArachnid(settings, creds, d.store, row.ID, d.callLimit, d.now), nil
	}
	return newList(settings, creds, d.folder, d.callLimit, d.now)
}

// Folder is where lists of the form "file:NAME" are; it is made when needed.
func (d *Desk) Folder() (string, error) { return d.folder, os.MkdirAll(d.folder, 0o700) }
