package takedown

import (
	"context"
	"errors"
	"fmt"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// WatchArgs is the durable job that looks at the clocks.
type WatchArgs struct{}

// Kind names the job.
func (WatchArgs) Kind() string { return "takedown_watch" }

// Watch tells of the notices whose time is nearly over, and of those whose time is:
// once each, by an event and a row of the ledger. It also forgets contacts that are
// not needed any more. It returns how many it told of.
func (d *Desk) Watch(ctx context.Context) (n int, err error) {
	now := store.Micros(d.now())
	soon, err := d.store.Read().TakedownsToWarn(ctx, now+micros(d.cfg.Warn))
	if err != nil {
		return 0, fmt.Errorf("looking for notices: %w", err)
	}
	over, err := d.store.Read().TakedownsOverdue(ctx, now)
	if err != nil {
		return 0, fmt.Errorf("looking for late notices: %w", err)
	}
	var errs error
	for _, t := range soon {
		k, err := d.alarm(ctx, t.ID, "takedown.due_soon")
		n, errs = n+k, errors.Join(errs, err)
	}
	for _, t := range over {
		k, err := d.alarm(ctx, t.ID, "takedown.overdue")
		n, errs = n+k, errors.Join(errs, err)
	}
	return n, errors.Join(errs, d.forget(ctx))
}

func (d *Desk) alarm(ctx context.Context, id, kind string) (told int, err error) {
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		told = 0
		t, err := d.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if !in(t.State, Open, Decided) { // it ended in the meantime
			return nil
		}
		now := d.now()
		set := tx.WarnTakedown
		if kind == "takedown.overdue" {
			set = tx.AlarmTakedown
		}
		first, err := set(ctx, id, store.Micros(now))
		if err != nil || first == 0 {
			return err
		}
		told = 1
		err = d.hooks.Announce(ctx, tx, safety.Event{Type: kind, Subject: id, Data: map[string]any{"takedown_id": id, "state": t.State, "law": t.Law,
			"due_at": stamp(t.DueAt), "reference": t.Reference}})
		if err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: kind, Subject: id, Detail: t.State + ", due " + stamp(t.DueAt)})
	})
	if err != nil {
		return 0, fmt.Errorf("telling of a notice: %w", err)
	}
	return told, nil
}

// forget removes the contacts of notices that ended long enough ago.
func (d *Desk) forget(ctx context.Context) error {
	ids, err := d.store.Read().TakedownContactsToForget(ctx, []byte{}, store.Micros(d.now().Add(-d.cfg.KeepContact)))
	if err != nil {
		return fmt.Errorf("looking for contacts to forget: %w", err)
	}
	for _, id := range ids {
		err := d.store.Tx(ctx, func(tx *store.Tx) error {
			if _, err := tx.ForgetTakedownContact(ctx, id, []byte{}); err != nil {
				return err
			}
			return ledger.Append(ctx, tx, ledger.Entry{At: d.now(), Actor: safety.System.ID, Action: "takedown.forget_contact", Subject: id})
		})
		if err != nil {
			return fmt.Errorf("forgetting a contact: %w", err)
		}
	}
	return nil
}

// Counts are what the metrics and the overview show.
type Counts struct {
	ByState     map[State]int64
	Late        int64 // ended late, or wait past their time
	Unconfirmed int64 // contents that are decided to go and not confirmed
	Complaints  int64 // that wait
	NextDue     int64 // microseconds; of those that wait; 0: none waits
}

// Count counts all notices.
func (d *Desk) Count(ctx context.Context) (Counts, error) {
	c, q := Counts{ByState: map[State]int64{}}, d.store.Read()
	rows, err := q.CountTakedowns(ctx)
	for _, r := range rows {
		c.ByState[State(r.State)] = r.N
		if in(r.State, Open, Decided) && (c.NextDue == 0 || r.Due < c.NextDue) {
			c.NextDue = r.Due
		}
	}
	if err == nil {
		c.Late, err = q.CountLateTakedowns(ctx, store.Micros(d.now()), true)
	}
	if err == nil {
		c.Unconfirmed, err = q.CountUnconfirmedRemovals(ctx, false)
	}
	if err == nil {
		c.Complaints, err = q.CountOpenTakedownComplaints(ctx)
	}
	if err != nil {
		return c, fmt.Errorf("counting notices: %w", err)
	}
	return c, nil
}

// Late reports whether a notice ended after its time, or waits past it.
func (d *Desk) Late(n db.Takedown) bool { return n.Late || isLate(n, store.Micros(d.now())) }
