package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Rebase gives a stream on which everything was applied what [OpenEvents] refuses
// to change by itself: c's number of partitions, c's key, or another broker. Stop
// every process first. A person asks for it, because with abandon it gives up
// what a broker that is lost for good held unapplied: how much that was, nobody
// can say.
//
// Events that were applied under another key are not known by a new one: a
// publisher that repeats them has them applied again.
func Rebase(ctx context.Context, s *store.Store, c EventsConfig, who safety.Actor, abandon bool, now func() time.Time, log *slog.Logger) error {
	c, err := c.withDefaults()
	if err != nil {
		return err
	}
	if c.Partitions == 0 {
		c.Partitions = defaultPartitions
	}
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "a person decides to rebase the event stream")
	}
	keys, err := newKeyring(c.Key)
	if err != nil {
		return err
	}
	b, err := dial(ctx, c, log)
	if err != nil {
		return err
	}
	r := &rebase{Events: Events{broker: b, store: s, cfg: c, now: now, log: log, keys: keys}, who: who, abandon: abandon}
	return errors.Join(r.run(ctx), b.close())
}

type rebase struct {
	Events
	who     safety.Actor
	abandon bool
}

func (r *rebase) run(ctx context.Context) error {
	set, err := r.store.Read().StreamSettings(ctx)
	if err != nil {
		return store.NotFound(err, "event stream")
	}
	if err := r.workersGone(ctx); err != nil {
		return err
	}
	if n, err := r.CountQuarantined(ctx); err != nil || n > 0 && set.KeyCheck != r.keys.check {
		return errors.Join(err, safety.Errorf(safety.Conflict, "%d events in quarantine are sealed with the present key: decide on them first", n))
	}
	last, err := r.drained(ctx, set)
	if err != nil {
		return err
	}
	next := db.RebaseStreamParams{StreamID: set.StreamID, Partitions: int64(r.cfg.Partitions), KeyCheck: r.keys.check, Placed: set.Placed}
	if r.abandon {
		next.StreamID, next.Placed = safety.NewID("str", r.now()), false
	}
	return r.write(ctx, next, last)
}

// workersGone waits for a lease to see whether any worker still lives.
func (r *rebase) workersGone(ctx context.Context) error {
	if r.store.Engine() == store.SQLite {
		return nil // the process that asks is the only one
	}
	before, err := r.store.Read().StreamWorkers(ctx)
	if err != nil || len(before) == 0 {
		return err
	}
	sleep(ctx, r.cfg.Lease)
	after, err := r.store.Read().StreamWorkers(ctx)
	if err != nil {
		return fmt.Errorf("reading workers: %w", err)
	}
	had := map[string]int64{}
	for _, w := range before {
		had[w.ID] = w.Beat
	}
	for _, w := range after {
		if beat, ok := had[w.ID]; !ok || beat != w.Beat {
			return safety.Errorf(safety.Conflict, "a process still works on the event stream: stop every process first")
		}
	}
	return nil
}

// drained returns the sequence up to which everything was applied or given up.
func (r *rebase) drained(ctx context.Context, set db.StreamSetting) (uint64, error) {
	last, err := r.highestApplied(ctx)
	if err != nil {
		return 0, err
	}
	r.stream, err = r.js.Stream(ctx, streamName)
	ours := err == nil && r.stream.CachedInfo().Config.Metadata[metaStream] == set.StreamID
	switch {
	case r.abandon && ours:
		return 0, safety.Errorf(safety.Conflict, "this broker holds the event stream, so there is nothing to give up: let the workers apply it")
	case r.abandon && errors.Is(err, jetstream.ErrStreamNotFound):
		return last, nil
	case err == nil && !ours:
		return 0, safety.Errorf(safety.Conflict, "the broker's stream %s belongs to another database", streamName)
	case errors.Is(err, jetstream.ErrStreamNotFound) && set.Placed:
		return 0, safety.Errorf(safety.Conflict, "this broker does not hold the event stream")
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return last, nil
	case err != nil:
		return 0, safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	end := max(last, r.stream.CachedInfo().State.LastSeq)
	rows, err := r.store.Read().StreamPartitions(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading partitions: %w", err)
	}
	for _, p := range rows {
		_, waits, err := r.oldest(ctx, int(p.Partition), uint64(p.AppliedSeq))
		if err != nil {
			return 0, err
		}
		if waits {
			return 0, safety.Errorf(safety.Conflict, "events are not applied yet: let the workers finish first, with the former settings")
		}
	}
	return end, nil
}

func (r *rebase) write(ctx context.Context, next db.RebaseStreamParams, last uint64) error {
	detail := fmt.Sprintf("%d partitions; everything was applied", next.Partitions)
	if r.abandon {
		detail = fmt.Sprintf("%d partitions; what a lost broker held unapplied was given up", next.Partitions)
	}
	err := r.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.RebaseStream(ctx, next); err != nil {
			return err
		}
		if err := tx.DeletePartitions(ctx); err != nil {
			return err
		}
		for p := range next.Partitions {
			if err := tx.InitPartition(ctx, p, int64(last)); err != nil {
				return err
			}
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: r.now(), Actor: r.who.ID, Action: "stream.rebase", Subject: next.StreamID, Detail: detail})
	})
	if err != nil {
		return fmt.Errorf("rebasing the event stream: %w", err)
	}
	return nil
}
