package exchange

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// SyncArgs is the durable job of one round of one exchange.
type SyncArgs struct {
	ExchangeID string `json:"exchange_id"`
}

// Kind names the job.
func (SyncArgs) Kind() string { return "exchange_sync" }

// DueArgs is the durable job that looks for exchanges that are due.
type DueArgs struct{}

// Kind names the job.
func (DueArgs) Kind() string { return "exchange_due" }

const (
	// lease is how long one worker holds an exchange without a sign of life.
	// Every stored page renews it. It exceeds the time that a round may take.
	lease = 12 * time.Minute
	// budget is how long one round goes on before it makes room for others; the
	// next one goes on where it stopped.
	budget = 8 * time.Minute
	// minRemovals may always be removed in a round.
	minRemovals = 20
	// maxRemovalPercent is the default of [Settings.MaxRemovalPercent].
	maxRemovalPercent = 20
	sweepBatch        = 500
)

// errLost says that another worker has taken the exchange over, or that it was
// changed or deleted.
var errLost = errors.New("another worker holds this exchange now")

// heldError says that more entries would be removed than may be without a
// person.
type heldError struct{ removals, live int64 }

func (e *heldError) Error() string {
	return fmt.Sprintf("removing %d of %d entries at once waits for a person", e.removals, e.live)
}

// Due enqueues every exchange whose time has come.
func (d *Desk) Due(ctx context.Context) error {
	rows, err := d.store.Read().DueExchanges(ctx, store.Micros(d.now()))
	if err != nil {
		return fmt.Errorf("looking for due exchanges: %w", err)
	}
	for _, r := range rows {
		if err := d.store.Tx(ctx, func(tx *store.Tx) error { return tx.Enqueue(ctx, SyncArgs{ExchangeID: r.ID}, time.Time{}) }); err != nil {
			return err
		}
	}
	return nil
}

// Resume frees the exchanges of a process that was killed. alone says that no
// other process can be at work on this database.
func (d *Desk) Resume(ctx context.Context, alone bool) error {
	if !alone {
		return nil
	}
	if err := d.store.Read().BreakExchangeLeases(ctx); err != nil {
		return fmt.Errorf("breaking leases: %w", err)
	}
	return nil
}

// SyncNamed runs one round of an exchange here and now, for the command line.
func (d *Desk) SyncNamed(ctx context.Context, name string) error {
	row, err := d.store.Read().ExchangeByName(ctx, name)
	if err != nil {
		return store.NotFound(err, "exchange")
	}
	if !row.Enabled {
		return safety.Errorf(safety.Conflict, "this exchange is switched off")
	}
	if err := d.store.Read().ScheduleExchange(ctx, row.ID, store.Micros(d.now())); err != nil {
		return fmt.Errorf("scheduling exchange: %w", err)
	}
	return d.Sync(ctx, row.ID)
}

// Sync runs one round of an exchange that is due, unless somebody else does or it
// is not there. What goes wrong is stored with the exchange, which is tried again in
// time; an error means that not even this could be done.
func (d *Desk) Sync(ctx context.Context, id string) error {
	now := d.now()
	row, err := d.store.Read().ClaimExchange(ctx, id, store.Micros(now), store.Micros(now.Add(lease)))
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("claiming exchange: %w", err)
	}
	r := &round{d: d, row: row, percent: maxRemovalPercent}
	err = r.run(ctx)
	if errors.Is(err, errLost) {
		return nil
	}
	return r.finish(context.WithoutCancel(ctx), err)
}

// round is one worker's turn at one exchange.
type round struct {
	d       *Desk
	row     db.Exchange // as it is stored
	percent int64
	more    bool // the time was up before the source was
}

func (r *round) run(ctx context.Context) error {
	l, err := r.d.store.Read().ExchangeList(ctx, r.row.ListID)
	if err != nil {
		return fmt.Errorf("reading list: %w", err)
	}
	if l.DeletedAt != 0 {
		return safety.Errorf(safety.Conflict, "the list that this exchange feeds was deleted")
	}
	source, err := r.d.open(ctx, r.row)
	if err != nil {
		return err
	}
	if s, err := parseSettings(r.row.Settings); err == nil && s.MaxRemovalPercent > 0 {
		r.percent = int64(s.MaxRemovalPercent)
	}
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	until := r.d.now().Add(budget - time.Minute)
	for page, err := range source.Pages(ctx, r.row.Checkpoint) {
		if err != nil {
			return r.fallBack(ctx, err)
		}
		if err := r.apply(ctx, l, page); err != nil {
			return err
		}
		if r.d.now().After(until) && !page.End {
			r.more = true
			return nil
		}
	}
	return nil
}

// fallBack stores the checkpoint that a failure asks to go on from.
func (r *round) fallBack(ctx context.Context, cause error) error {
	f, ok := errors.AsType[*Failure](cause)
	if !ok || f.Restart == nil || *f.Restart == r.row.Checkpoint {
		return cause
	}
	row := r.row
	row.Checkpoint = *f.Restart
	err := r.d.store.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error { return r.advance(ctx, tx, row, counts{}) })
	if err == nil {
		r.row = row
	}
	return errors.Join(cause, err)
}

// counts are what one transaction adds to the exchange's counters.
type counts struct{ changes, removals, malformed, unknown, outdated, asked, skipped int64 }

// advance stores how far this worker has come, if it still holds the exchange.
func (r *round) advance(ctx context.Context, tx *store.Tx, row db.Exchange, n counts) error {
	ctx = context.WithoutCancel(ctx)
	done, err := tx.AdvanceExchange(ctx, db.AdvanceExchangeParams{ID: row.ID, Epoch: row.Epoch, Checkpoint: row.Checkpoint,
		Generation: row.Generation, GuardLive: row.GuardLive, GuardRemoved: row.GuardRemoved,
		LeaseUntil: store.Micros(r.d.now().Add(lease)), Changes: n.changes, Removals: n.removals, Malformed: n.malformed,
		Unknown: n.unknown, Outdated: n.outdated, Asked: n.asked, Skipped: n.skipped})
	if err != nil {
		return fmt.Errorf("storing checkpoint: %w", err)
	}
	if done == 0 {
		return errLost
	}
	r.d.beside("checkpoint written")
	return nil
}

// apply stores a page and the checkpoint after it in one transaction. Of the
// last page of a complete reading, the checkpoint is stored only after what was
// not seen is gone.
func (r *round) apply(ctx context.Context, l db.List, p Page) error {
	r.d.beside("page")
	var row db.Exchange
	err := r.d.store.Tx(ctx, func(tx *store.Tx) error {
		row = r.row
		if p.Begin {
			row.Generation++
		}
		if err := r.guard(ctx, tx, &row); err != nil {
			return err
		}
		e := &edit{tx: tx, row: row, adds: map[safety.Hash]match.Row{}}
		e.counts.malformed, e.counts.asked, e.counts.skipped = int64(p.Malformed), int64(p.Asked), int64(p.Skipped)
		for i := range p.Changes {
			if err := e.change(ctx, &p.Changes[i]); err != nil {
				return err
			}
		}
		if !p.End {
			row.Checkpoint = p.Checkpoint
		}
		return r.commit(ctx, tx, l, e, &row)
	})
	if err != nil {
		return err
	}
	r.row = row
	r.d.beside("page committed")
	if p.End {
		return r.sweep(ctx, l, p)
	}
	return nil
}

// guard notes how many entries there are when a round begins.
func (r *round) guard(ctx context.Context, tx *store.Tx, row *db.Exchange) error {
	if row.GuardLive > 0 {
		return nil
	}
	n, err := tx.CountEntries(ctx, row.ID)
	if err != nil {
		return fmt.Errorf("counting entries: %w", err)
	}
	row.GuardLive, row.GuardRemoved = n, 0
	return nil
}

// commit checks an edit against the guard and carries it out.
func (r *round) commit(ctx context.Context, tx *store.Tx, l db.List, e *edit, row *db.Exchange) error {
	row.GuardRemoved += e.counts.removals
	if err := r.permitted(row, e.counts.removals); err != nil {
		return err
	}
	adds, removes := e.signals()
	if err := r.d.lists.Apply(ctx, tx, l.ID, adds, removes); err != nil {
		return err
	}
	if err := r.advance(ctx, tx, *row, e.counts); err != nil {
		return err
	}
	if len(adds)+len(removes) == 0 {
		return nil
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: r.d.now(), Actor: safety.System.ID, Action: "list.sync", Subject: l.Name,
		Detail: fmt.Sprintf("exchange %s: %d signals added, %d removed", row.Name, len(adds), len(removes))})
}

// permitted refuses removals beyond the guard. Removals that were not asked for
// now do not make it trip again.
func (r *round) permitted(row *db.Exchange, now int64) error {
	limit := max(minRemovals, row.GuardLive*r.percent/100, row.Allowed)
	if now > 0 && row.GuardRemoved > limit {
		return &heldError{row.GuardRemoved, row.GuardLive}
	}
	return nil
}

// sweep removes what a complete reading has not seen, and stores the checkpoint
// after it.
func (r *round) sweep(ctx context.Context, l db.List, p Page) error {
	unseen, err := r.d.store.Read().CountUnseen(ctx, r.row.ID, r.row.Generation)
	if err != nil {
		return fmt.Errorf("counting what was not seen: %w", err)
	}
	live, err := r.d.store.Read().CountEntries(ctx, r.row.ID)
	if err != nil {
		return fmt.Errorf("counting entries: %w", err)
	}
	would := r.row
	would.GuardRemoved += unseen
	if err := r.permitted(&would, unseen); err != nil {
		return err
	}
	if unseen > 0 && unseen == live && unseen > r.row.Allowed {
		return &heldError{unseen, live} // a list that is gone altogether is a fault of the source until a person says otherwise
	}
	for last := false; !last; {
		r.d.beside("sweep")
		var row db.Exchange
		err := r.d.store.Tx(ctx, func(tx *store.Tx) error {
			row = r.row
			keys, err := tx.UnseenEntries(ctx, row.ID, row.Generation, sweepBatch)
			if err != nil {
				return fmt.Errorf("reading what was not seen: %w", err)
			}
			e := &edit{tx: tx, row: row, adds: map[safety.Hash]match.Row{}}
			for _, k := range keys {
				if err := e.bury(ctx, k); err != nil {
					return err
				}
			}
			if last = len(keys) < sweepBatch; last {
				row.Checkpoint = p.Checkpoint
			}
			return r.commit(ctx, tx, l, e, &row)
		})
		if err != nil {
			return err
		}
		r.row = row
	}
	r.d.beside("swept")
	return nil
}

// finish stores the outcome of a round and when the next one begins. There is no
// last attempt.
func (r *round) finish(ctx context.Context, cause error) error {
	now := r.d.now()
	interval := time.Duration(r.row.IntervalUs) * time.Microsecond
	f := db.FinishExchangeParams{ID: r.row.ID, Epoch: r.row.Epoch, LastSuccessAt: r.row.LastSuccessAt, Held: r.row.Held, Allowed: r.row.Allowed,
		GuardLive: r.row.GuardLive, GuardRemoved: r.row.GuardRemoved}
	held, isHeld := errors.AsType[*heldError](cause)
	switch {
	case cause == nil && r.more:
		f.NextAt = store.Micros(now)
	case cause == nil:
		f.NextAt = store.Micros(now.Add(r.spread(interval)))
		f.LastSuccessAt, f.Held, f.Allowed, f.GuardLive, f.GuardRemoved = store.Micros(now), 0, 0, 0, 0
	case isHeld:
		// Asked again in time: if the source comes round, nobody need decide.
		f.Held, f.LastError, f.Attempts = held.removals, held.Error(), r.row.Attempts+1
		f.NextAt = store.Micros(now.Add(r.spread(interval)))
		f.GuardLive, f.GuardRemoved = r.row.GuardLive, r.row.GuardRemoved
		r.d.log.WarnContext(ctx, "exchange holds removals back", "exchange", r.row.Name, "removals", held.removals, "entries", held.live)
	default:
		f.LastError, f.Attempts = explain(cause), r.row.Attempts+1
		f.NextAt = store.Micros(now.Add(r.pause(cause, interval)))
		r.d.log.WarnContext(ctx, "exchange cannot be synced", "exchange", r.row.Name, "attempt", f.Attempts, "error", cause)
	}
	if _, err := r.d.store.Read().FinishExchange(ctx, f); err != nil {
		return errors.Join(cause, fmt.Errorf("storing outcome: %w", err))
	}
	return nil
}

// spread moves a pause by up to a tenth, so that many installations do not ask
// at one moment.
func (r *round) spread(pause time.Duration) time.Duration {
	return pause + time.Duration((r.d.jitter()-0.5)*0.2*float64(pause))
}

// pause doubles from half a minute to six hours with half of it left to chance,
// and honours what the source asks for, up to a day.
func (r *round) pause(cause error, interval time.Duration) time.Duration {
	p := min(30*time.Second<<min(r.row.Attempts, 12), 6*time.Hour, max(interval, time.Hour))
	p = p/2 + time.Duration(r.d.jitter()*float64(p))
	if f, ok := errors.AsType[*Failure](cause); ok && f.RetryAfter > p {
		p = min(f.RetryAfter, 24*time.Hour)
	}
	return p
}
