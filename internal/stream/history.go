package stream

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

// The broker numbers events, this database remembers how far each partition was
// applied. Where the two disagree, the broker was set back, or somebody deleted
// from it: then nothing may be taken as applied because of its number alone.

// checkHistory compares what the broker holds with what this database knows.
func (e *Events) checkHistory(ctx context.Context) error {
	// Read before the broker is asked: both grow all the time.
	known := e.high.Load()
	applied, err := e.highestApplied(ctx)
	if err != nil {
		return err
	}
	info, err := e.stream.Info(ctx)
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	if info.Config.Metadata[metaStream] != e.id {
		return safety.Errorf(safety.Conflict, "the broker's stream %s belongs to another database", streamName)
	}
	if info.State.LastSeq < max(applied, known) {
		e.regressed.Store(true)
		return e.heal(ctx)
	}
	e.seen(info.State.LastSeq)
	return e.countLost(ctx, info.State)
}

// heal makes the workers read everything again that a broker which was set back
// still holds. What was applied before is known by its key and skipped.
func (e *Events) heal(ctx context.Context) error {
	if !e.regressed.Load() {
		return nil
	}
	info, err := e.stream.Info(ctx)
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	before := int64(firstHeld(info.State)) - 1
	err = e.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.RewindPartitions(ctx, before); err != nil {
			return err
		}
		return tx.RewindStream(ctx, before)
	})
	if err != nil {
		return fmt.Errorf("rewinding the event stream: %w", err)
	}
	e.log.Error("THE EVENT BROKER WAS SET BACK: acknowledged events may be lost; everything that it holds is read again", "last", info.State.LastSeq)
	e.counts.setBack.Add(1)
	e.high.Store(info.State.LastSeq)
	e.regressed.Store(false)
	return nil
}

// countLost notes what is gone from the broker though Rowan did not let it go:
// at most so many events were never applied.
func (e *Events) countLost(ctx context.Context, s jetstream.StreamState) error {
	gone := int64(firstHeld(s)) - 1
	q := e.store.Read()
	set, err := q.StreamSettings(ctx)
	if err != nil {
		return fmt.Errorf("reading the event stream's settings: %w", err)
	}
	if gone <= set.TrimmedTo {
		return nil
	}
	applied, err := q.CountSeenEvents(ctx, set.TrimmedTo, gone)
	if err != nil {
		return fmt.Errorf("counting applied events: %w", err)
	}
	lost := max(gone-set.TrimmedTo-applied, 0)
	if n, err := q.LostFromStream(ctx, lost, gone, set.TrimmedTo); err != nil || n == 0 || lost == 0 {
		return err
	}
	e.log.Error("EVENTS ARE LOST: the broker no longer holds events that were not applied", "at_most", lost, "first_held", gone+1)
	e.counts.lost.Add(uint64(lost))
	return nil
}

// oldest is the first event of a partition above a sequence; ok is false when
// there is none.
func (e *Events) oldest(ctx context.Context, partition int, after uint64) (m *jetstream.RawStreamMsg, ok bool, err error) {
	m, err = e.stream.GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(subjectOf(partition)))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	return m, true, nil
}

// trim lets the broker forget what was applied and is older than KeepFor. An
// event that was not applied stays, however old.
func (e *Events) trim(ctx context.Context) error {
	info, err := e.stream.Info(ctx)
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	first, end := firstHeld(info.State), info.State.LastSeq+1
	rows, err := e.store.Read().StreamPartitions(ctx)
	if err != nil {
		return fmt.Errorf("reading partitions: %w", err)
	}
	for _, r := range rows {
		m, ok, err := e.oldest(ctx, int(r.Partition), uint64(r.AppliedSeq))
		if err != nil {
			return err
		}
		if ok {
			end = min(end, m.Sequence)
		}
	}
	keep, err := e.firstSince(ctx, first, end, e.now().Add(-e.cfg.KeepFor))
	if err != nil || keep <= first {
		return err
	}
	// Noted before it is done: what goes without a note counts as lost.
	if _, err := e.store.Read().TrimmedStream(ctx, int64(keep)-1); err != nil {
		return fmt.Errorf("noting what is forgotten: %w", err)
	}
	if err := e.stream.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not forget")
	}
	return nil
}

// firstSince finds the first sequence in [first, end) that arrived at a time or
// later, end if there is none.
func (e *Events) firstSince(ctx context.Context, first, end uint64, since time.Time) (uint64, error) {
	if first >= end {
		return first, nil
	}
	var failed error
	n := sort.Search(int(end-first), func(i int) bool {
		if failed != nil {
			return true
		}
		m, err := e.stream.GetMsg(ctx, first+uint64(i), jetstream.WithGetMsgSubject(subjectPrefix+"*"))
		if err != nil {
			failed = safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
			return true
		}
		return !m.Time.Before(since)
	})
	return first + uint64(n), failed
}

// forgetSeen forgets which events were applied once neither the broker nor a
// publisher's repetition can bring them back.
func (e *Events) forgetSeen(ctx context.Context) error {
	info, err := e.stream.Info(ctx)
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	before := store.Micros(e.now().Add(-e.cfg.KeepFor))
	for range 1000 {
		const batch = 1000 // keeps each transaction short
		n, err := e.store.Read().ForgetSeen(ctx, before, int64(firstHeld(info.State)), batch)
		if err != nil {
			return fmt.Errorf("forgetting applied events: %w", err)
		}
		if n < batch {
			return nil
		}
	}
	return nil
}
