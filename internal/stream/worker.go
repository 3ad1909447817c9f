package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Apply does what a batch of events asks for, in tx and nowhere else: the
// transaction may run again, or not commit. The events of one partition come in
// order and one batch at a time. answers go to whoever awaits an event, by its
// Key, once the transaction has committed. Errors: [*Poison] for an event that
// can never be applied, kind safety.Invalid for a batch of one likewise; anything
// else is tried again, for ever, with smaller batches and growing pauses.
//
// ctx ends after EventsConfig.ApplyLimit; an Apply that goes on nevertheless
// loses its transaction and its partition.
type Apply func(ctx context.Context, tx *store.Tx, partition int, batch []Envelope) (answers map[string][]byte, err error)

// Poison is returned by [Apply] for an event that can never be applied: it goes
// into quarantine, and the rest of the batch is applied without it. Of Err, only
// the detail of a safety.Error is shown to people.
type Poison struct {
	Key string
	Err error
}

func (p *Poison) Error() string { return fmt.Sprintf("event cannot be applied: %v", p.Err) }

func (p *Poison) Unwrap() error { return p.Err }

// ticks make a lease: that many beats may be missing before a worker counts as
// dead. Nobody compares clocks: a beat is a number that changes.
const ticks = 8

// Work applies events until ctx ends, sharing the partitions with the other
// workers of the database. It ends the transactions that have begun and gives its
// partitions back.
func (e *Events) Work(ctx context.Context, apply Apply) error {
	if !e.working.CompareAndSwap(false, true) {
		return safety.Errorf(safety.Conflict, "this process works on the event stream already")
	}
	defer e.working.Store(false)
	sub, err := e.listen()
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	w := &worker{e: e, apply: apply, id: safety.NewID("wrk", e.now()), held: map[int]*holding{}, ended: make(chan *holding, e.partitions),
		workers: map[string]sighting{}, owners: map[int64]sighting{}}
	return w.run(ctx)
}

// worker is one call of [Events.Work]. Its fields belong to run's goroutine.
type worker struct {
	e       *Events
	apply   Apply
	id      string
	held    map[int]*holding
	ended   chan *holding // each holding, when it is over
	workers map[string]sighting
	owners  map[int64]sighting // of partitions
}

// sighting is the last change that was seen of a row, and how many ticks ago.
type sighting struct{ epoch, beat, age int64 }

func (s sighting) next(epoch, beat int64) sighting {
	if s.epoch == epoch && s.beat == beat {
		s.age++
		return s
	}
	return sighting{epoch, beat, 0}
}

func (w *worker) run(ctx context.Context) error {
	beat := time.NewTicker(max(w.e.cfg.Lease/ticks, time.Millisecond))
	defer beat.Stop()
	house := time.NewTicker(time.Minute)
	defer house.Stop()
	keeping := make(chan struct{}, 1)
	defer w.leave(ctx)
	for {
		if err := w.tick(ctx); err != nil && ctx.Err() == nil {
			w.e.counts.retries.Add(1)
			w.e.log.Warn("sharing the event stream's partitions", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case h := <-w.ended:
			delete(w.held, h.partition)
		case <-beat.C:
		case <-house.C:
			if w.held[0] != nil {
				go w.e.keepHouse(ctx, keeping)
			}
		}
	}
}

// leave waits for the holdings, whose contexts have ended, and signs off.
func (w *worker) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*w.e.cfg.ApplyLimit)
	defer cancel()
	for len(w.held) > 0 {
		select {
		case h := <-w.ended:
			delete(w.held, h.partition)
		case <-ctx.Done():
			w.e.log.Error("a call of Apply did not end; its transaction was rolled back", "partitions", len(w.held))
			w.held = nil
		}
	}
	if err := w.e.store.Read().DeleteWorker(context.WithoutCancel(ctx), w.id); err != nil {
		w.e.log.Warn("leaving the event stream", "err", err)
	}
}

// tick shows that this worker lives, and takes and gives partitions so that each
// living worker has its share.
func (w *worker) tick(ctx context.Context) error {
	if w.e.store.Engine() == store.SQLite {
		// One process: whoever else owns a partition is dead.
		rows, err := w.e.store.Read().StreamPartitions(ctx)
		if err != nil {
			return fmt.Errorf("reading partitions: %w", err)
		}
		for _, r := range rows {
			w.owners[r.Partition] = sighting{age: ticks}
		}
		return w.balance(ctx, rows, len(rows))
	}
	workers, rows, err := w.look(ctx)
	if err != nil {
		return err
	}
	w.watch(rows)
	return w.balance(ctx, rows, w.share(ctx, workers))
}

// balance lets go of what is not this worker's or is above its share, and claims
// what is free below it.
func (w *worker) balance(ctx context.Context, rows []db.StreamPartition, share int) error {
	mine := 0
	for _, r := range rows {
		switch h := w.held[int(r.Partition)]; {
		case h == nil:
		case r.Owner != w.id || r.Epoch != h.epoch || mine >= share:
			h.cancel()
		default:
			mine++
		}
	}
	for _, r := range rows {
		free := r.Owner == "" || r.Owner != w.id && w.owners[r.Partition].age >= ticks
		if mine >= share || !free || w.held[int(r.Partition)] != nil {
			continue
		}
		took, err := w.claim(ctx, r)
		if err != nil {
			return err
		}
		if took {
			mine++
		}
	}
	return nil
}

func (w *worker) look(ctx context.Context) (workers []db.StreamWorker, rows []db.StreamPartition, err error) {
	err = w.e.store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.BeatWorker(ctx, w.id); err != nil {
			return err
		}
		if _, err := tx.RenewPartitions(ctx, w.id); err != nil {
			return err
		}
		if workers, err = tx.StreamWorkers(ctx); err != nil {
			return err
		}
		rows, err = tx.StreamPartitions(ctx)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("reading partitions: %w", err)
	}
	return workers, rows, nil
}

// share is how many partitions this worker should have: every worker counts the
// same table, in the same order.
func (w *worker) share(ctx context.Context, workers []db.StreamWorker) int {
	seen := map[string]sighting{}
	alive, rank := 0, 0
	for _, r := range workers {
		s := w.workers[r.ID].next(0, r.Beat)
		if s.age >= ticks && r.ID != w.id {
			_ = w.e.store.Read().DeleteWorker(ctx, r.ID) // somebody else does it if this fails
			continue
		}
		seen[r.ID] = s
		if r.ID == w.id {
			rank = alive
		}
		alive++
	}
	w.workers = seen
	share, rest := w.e.partitions/max(alive, 1), w.e.partitions%max(alive, 1)
	if rank < rest {
		share++
	}
	return share
}

func (w *worker) watch(rows []db.StreamPartition) {
	for _, r := range rows {
		w.owners[r.Partition] = w.owners[r.Partition].next(r.Epoch, r.Beat)
	}
}

func (w *worker) claim(ctx context.Context, r db.StreamPartition) (took bool, err error) {
	now, err := w.e.store.Read().ClaimPartition(ctx, db.ClaimPartitionParams{Partition: r.Partition, Owner: w.id, Epoch: r.Epoch, Beat: r.Beat})
	if store.IsNotFound(err) {
		return false, nil // somebody was quicker, or its owner lives
	}
	if err != nil {
		return false, fmt.Errorf("claiming a partition: %w", err)
	}
	w.hold(ctx, now)
	return true, nil
}

func (w *worker) hold(ctx context.Context, r db.StreamPartition) {
	ctx, cancel := context.WithCancel(ctx)
	h := &holding{e: w.e, apply: w.apply, owner: w.id, partition: int(r.Partition), epoch: r.Epoch, applied: uint64(r.AppliedSeq),
		cancel: cancel, size: maxBatch, poison: map[uint64]string{}}
	w.held[h.partition] = h
	go func() {
		h.run(ctx)
		cancel()
		w.ended <- h
	}()
}

// keepHouse does what is to be done now and then by one process.
func (e *Events) keepHouse(ctx context.Context, busy chan struct{}) {
	select {
	case busy <- struct{}{}:
		defer func() { <-busy }()
	default:
		return // the last time is not over
	}
	for _, task := range []struct {
		what string
		do   func(context.Context) error
	}{{"checking the event broker", e.checkHistory}, {"forgetting old events", e.trim}, {"forgetting what was applied", e.forgetSeen},
		{"replaying quarantined events", e.resend}} {
		if err := task.do(ctx); err != nil && ctx.Err() == nil {
			e.log.Error(task.what, "err", err)
		}
	}
}
