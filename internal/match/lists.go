package match

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// List is one list as operators see it: never its values.
type List struct {
	Name      string
	Kind      safety.ListKind
	Source    string // where it comes from, in the operator's words
	Threshold int    // greatest PDQ distance that counts as a near match, 0–64
	Enabled   bool
	Ratio     float64   // part of all contents, 0 to 1, for which the list counts
	OffUntil  time.Time // paused until then; zero when it is not
	Version   int64     // rises by one with every change of content
	Signals   map[safety.HashType]int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// maxThreshold is the widest near match that a list may ask for. Unrelated
// pictures are about 128 bits apart; beyond 64 false matches dominate.
const maxThreshold = 64

var listName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// Lists changes the lists in the database.
type Lists struct {
	store *store.Store
	now   func() time.Time
	flood int64 // contents in an hour
}

// NewLists returns the lists of a database.
func NewLists(s *store.Store, now func() time.Time) *Lists {
	return &Lists{store: s, now: now, flood: DefaultFlood}
}

// SetFlood sets how many contents in an hour one signal may meet before it is
// put in quarantine; it is called before the lists are used. 0 keeps
// [DefaultFlood].
func (ls *Lists) SetFlood(perHour int64) {
	if perHour > 0 {
		ls.flood = perHour
	}
}

// All returns every list by name.
func (ls *Lists) All(ctx context.Context) ([]List, error) {
	rows, err := ls.store.Read().LiveLists(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading lists: %w", err)
	}
	counts, err := ls.store.Read().CountSignals(ctx)
	if err != nil {
		return nil, fmt.Errorf("counting signals: %w", err)
	}
	by := map[string]map[safety.HashType]int64{}
	for _, c := range counts {
		if by[c.ListID] == nil {
			by[c.ListID] = map[safety.HashType]int64{}
		}
		by[c.ListID][safety.HashType(c.HashType)] = c.N
	}
	out := make([]List, len(rows))
	for i, r := range rows {
		out[i] = List{Name: r.Name, Kind: safety.ListKind(r.Kind), Source: r.Source, Threshold: int(r.Threshold),
			Enabled: r.Enabled, Ratio: float64(r.Ratio) / wholeRatio, OffUntil: store.Time(r.OffUntil), Version: r.Version, Signals: by[r.ID],
			CreatedAt: store.Time(r.CreatedAt), UpdatedAt: store.Time(r.UpdatedAt)}
	}
	return out, nil
}

// Get returns one list.
func (ls *Lists) Get(ctx context.Context, name string) (List, error) {
	all, err := ls.All(ctx)
	if err != nil {
		return List{}, err
	}
	for _, l := range all {
		if l.Name == name {
			return l, nil
		}
	}
	return List{}, safety.Errorf(safety.NotFound, "no such list")
}

// Create makes an empty list. A threshold below zero asks for the default of
// 31 bits.
func (ls *Lists) Create(ctx context.Context, actor string, l List) error {
	if !listName.MatchString(l.Name) {
		return safety.Errorf(safety.Invalid, "a list name is 1 to 64 of a-z, 0-9, dot, dash and underscore")
	}
	// A match with a canary list makes a test of a case, so nobody makes another.
	if !l.Kind.Valid() || l.Kind == safety.ListCanary {
		return safety.Errorf(safety.Invalid, "kind must be illegal, intimate_image, terrorism, harmful or allow")
	}
	if l.Threshold < 0 {
		l.Threshold = pdq.MatchThreshold
	}
	if l.Threshold > maxThreshold {
		return safety.Errorf(safety.Invalid, "threshold is over %d bits", maxThreshold)
	}
	return ls.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ListByName(ctx, l.Name); err == nil {
			return safety.Errorf(safety.Conflict, "a list of this name exists")
		} else if !store.IsNotFound(err) {
			return err
		}
		now := ls.now()
		err := tx.CreateList(ctx, db.CreateListParams{ID: safety.NewID("lst", now), Name: l.Name, Kind: string(l.Kind),
			Source: l.Source, Threshold: int64(l.Threshold), Enabled: true, CreatedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("creating list: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "list.create", Subject: l.Name,
			Detail: fmt.Sprintf("kind %s, threshold %d", l.Kind, l.Threshold)})
	})
}

// Options are what can be changed of a list; nil keeps what is there.
type Options struct {
	Enabled   *bool
	Threshold *int     // bits, 0 to 64
	Ratio     *float64 // 0 to 1: a new list is tried on a part of all contents first
	// OffUntil pauses the list; it comes back by itself, so that a pause in the
	// night is not forgotten in the morning. The zero time ends a pause.
	OffUntil *time.Time
}

// wholeRatio is the ratio of a list that always counts, as it is stored.
const wholeRatio = 10_000

// SetOptions changes the options of a list.
func (ls *Lists) SetOptions(ctx context.Context, actor, name string, o Options) error {
	switch {
	case o.Threshold != nil && (*o.Threshold < 0 || *o.Threshold > maxThreshold):
		return safety.Errorf(safety.Invalid, "threshold must be 0 to %d bits", maxThreshold)
	case o.Ratio != nil && !(*o.Ratio >= 0 && *o.Ratio <= 1):
		return safety.Errorf(safety.Invalid, "ratio must be 0 to 1")
	case o.OffUntil != nil && o.OffUntil.After(ls.now().Add(maxPause)):
		return safety.Errorf(safety.Invalid, "a list is paused for 30 days at most; disable it instead")
	}
	return ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		p := db.SetListOptionsParams{ID: l.ID, Enabled: l.Enabled, Threshold: l.Threshold, Ratio: l.Ratio, OffUntil: l.OffUntil}
		if o.Enabled != nil {
			p.Enabled = *o.Enabled
		}
		if o.Threshold != nil {
			p.Threshold = int64(*o.Threshold)
		}
		if o.Ratio != nil {
			p.Ratio = int64(math.Round(*o.Ratio * wholeRatio))
		}
		if o.OffUntil != nil {
			p.OffUntil = store.Micros(*o.OffUntil)
		}
		if err := tx.SetListOptions(ctx, p); err != nil {
			return fmt.Errorf("changing list: %w", err)
		}
		detail := fmt.Sprintf("enabled %t, threshold %d, ratio %g", p.Enabled, p.Threshold, float64(p.Ratio)/wholeRatio)
		if p.OffUntil > store.Micros(ls.now()) {
			detail += ", paused until " + store.Time(p.OffUntil).UTC().Format(time.RFC3339)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.change", Subject: name, Detail: detail})
	})
}

// maxPause keeps a pause from being a way to switch a list off for good.
const maxPause = 30 * 24 * time.Hour

// Delete takes a list out of use. Its record and its signals stay, as the
// provenance of findings that were made with it.
func (ls *Lists) Delete(ctx context.Context, actor, name string) error {
	return ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		if err := tx.DeleteList(ctx, l.ID, store.Micros(ls.now())); err != nil {
			return fmt.Errorf("deleting list: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.delete", Subject: name})
	})
}

// RemoveSignal takes one signal off a list.
func (ls *Lists) RemoveSignal(ctx context.Context, actor, name, signalID string) error {
	return ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		version, err := ls.bump(ctx, tx, l.ID, 0)
		if err != nil {
			return err
		}
		// What an import that died has staged must not go live with this version.
		if _, err := tx.DropStagedSignals(ctx, l.ID, version-1); err != nil {
			return fmt.Errorf("dropping staged signals: %w", err)
		}
		n, err := tx.RemoveSignal(ctx, signalID, l.ID, version)
		if err != nil {
			return fmt.Errorf("removing signal: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.NotFound, "no such signal on this list")
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.signal.remove",
			Subject: name, Detail: signalID})
	})
}

// Signals returns a page of a list's signals after a cursor (an id), oldest
// first.
func (ls *Lists) Signals(ctx context.Context, name, after string, limit int) ([]db.Signal, error) {
	l, err := ls.store.Read().ListByName(ctx, name)
	if err != nil {
		return nil, store.NotFound(err, "list")
	}
	return ls.store.Read().LiveSignals(ctx, l.ID, after, int32(limit))
}

func (ls *Lists) change(ctx context.Context, name string, fn func(*store.Tx, db.List) error) error {
	return ls.store.Tx(ctx, func(tx *store.Tx) error {
		l, err := tx.ListByName(ctx, name)
		if err != nil {
			return store.NotFound(err, "list")
		}
		return fn(tx, l)
	})
}

// bump publishes what was added or removed under the next version. held is the
// hold of a running import, 0 for any other change.
func (ls *Lists) bump(ctx context.Context, tx *store.Tx, listID string, held int64) (int64, error) {
	version, err := tx.BumpList(ctx, listID, store.Micros(ls.now()), held)
	if store.IsNotFound(err) {
		return 0, safety.Errorf(safety.Conflict, "an import into this list is running; try again when it is done")
	}
	if err != nil {
		return 0, fmt.Errorf("new list version: %w", err)
	}
	if err := tx.StampListVersion(ctx, listID, version, safety.NewID("ver", ls.now())); err != nil {
		return 0, fmt.Errorf("stamping list version: %w", err)
	}
	return version, nil
}
