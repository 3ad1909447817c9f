package stream

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Quarantined is an event that could not be applied and that nobody has lost.
type Quarantined struct {
	ID        string
	Key       string
	Source    string // "" when it could not be opened
	Partition int
	Seq       uint64 // of the last attempt
	At        time.Time
	Reason    string
	State     string // held, replaying, replayed or discarded
	Tries     int
	DecidedBy string
	DecidedAt time.Time
}

// QuarantineStates are the states of a quarantined event.
var QuarantineStates = []string{"held", "replaying", "replayed", "discarded"}

// Quarantined lists events of a state, the oldest first, after an id.
func (e *Events) Quarantined(ctx context.Context, state, after string, limit int) ([]Quarantined, error) {
	rows, err := e.store.Read().QuarantinedEvents(ctx, state, after, int32(min(max(limit, 1), 1000)))
	if err != nil {
		return nil, fmt.Errorf("listing quarantined events: %w", err)
	}
	out := make([]Quarantined, len(rows))
	for i, r := range rows {
		out[i] = Quarantined{r.ID, r.EventKey, r.Source, int(r.Partition), uint64(r.Seq), store.Time(r.At), r.Reason, r.State, int(r.Tries),
			r.DecidedBy, store.Time(r.DecidedAt)}
	}
	return out, nil
}

// CountQuarantined is how many events wait: held, or being replayed.
func (e *Events) CountQuarantined(ctx context.Context) (int64, error) {
	n, err := e.store.Read().CountQuarantined(ctx)
	if err != nil {
		return 0, fmt.Errorf("counting quarantined events: %w", err)
	}
	return n, nil
}

// QuarantineReplay has an event applied again, behind what its partition holds
// now: its place among the events of its conversation is gone. A person asks for
// it. It goes back into quarantine if it fails again.
func (e *Events) QuarantineReplay(ctx context.Context, who safety.Actor, id string) error {
	var row db.EventQuarantine
	err := e.decide(ctx, who, id, "event.replay", func(tx *store.Tx) (n int64, err error) {
		n, err = tx.DecideQuarantined(ctx, db.DecideQuarantinedParams{ID: id, State: "replaying", DecidedBy: who.ID, DecidedAt: e.at()})
		if err == nil && n > 0 {
			row, err = tx.QuarantinedEvent(ctx, id)
		}
		return n, err
	})
	if err != nil {
		return err
	}
	if err := e.send(ctx, row); err != nil {
		e.log.Warn("a replayed event was not acknowledged; it is sent again within a minute", "err", err)
	}
	return nil
}

// QuarantineDiscard gives an event up: its body is destroyed and it is never
// applied. A person decides it.
func (e *Events) QuarantineDiscard(ctx context.Context, who safety.Actor, id, why string) error {
	if why == "" {
		return safety.Errorf(safety.Invalid, "discarding an event needs a reason")
	}
	return e.decide(ctx, who, id, "event.discard", func(tx *store.Tx) (int64, error) {
		return tx.DiscardQuarantined(ctx, db.DiscardQuarantinedParams{ID: id, Body: []byte{}, DecidedBy: who.ID, DecidedAt: e.at()})
	}, why)
}

func (e *Events) decide(ctx context.Context, who safety.Actor, id, action string, change func(*store.Tx) (int64, error), detail ...string) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "a person decides what becomes of a quarantined event")
	}
	return e.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.QuarantinedEvent(ctx, id); err != nil {
			return store.NotFound(err, "quarantined event")
		}
		n, err := change(tx)
		if err != nil {
			return fmt.Errorf("deciding on a quarantined event: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this event was decided on already")
		}
		entry := ledger.Entry{At: e.now(), Actor: who.ID, Action: action, Subject: id}
		if len(detail) > 0 {
			entry.Detail = detail[0]
		}
		return ledger.Append(ctx, tx, entry)
	})
}

// send publishes a quarantined event again as it is. Its row says whether it was
// applied, so that sending it twice does no harm.
func (e *Events) send(ctx context.Context, r db.EventQuarantine) error {
	_, err := e.js.PublishMsg(ctx, &nats.Msg{Subject: subjectOf(int(r.Partition) % e.partitions), Data: r.Body, Header: nats.Header{
		idHeader:     {r.EventKey + "." + r.ID + "." + strconv.FormatInt(r.Tries, 10)},
		headerReplay: {r.ID},
	}})
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event was not acknowledged")
	}
	return nil
}

// resend publishes what a person has asked to be replayed and nobody has seen
// for a minute.
func (e *Events) resend(ctx context.Context) error {
	rows, err := e.store.Read().ReplayingEvents(ctx, store.Micros(e.now().Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("reading replayed events: %w", err)
	}
	for _, r := range rows {
		if err := e.send(ctx, r); err != nil {
			return err
		}
	}
	return nil
}
