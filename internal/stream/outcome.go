package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime/debug"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// outcome is what one transaction does with a batch. It begins anew each time
// that the transaction does.
type outcome struct {
	h           *holding
	fresh       []Envelope
	before      []string // keys of events applied earlier
	quarantined []string
	answers     map[string][]byte
}

func (o *outcome) do(ctx context.Context, tx *store.Tx, batch []item) error {
	*o = outcome{h: o.h}
	e := o.h.e
	for _, it := range batch {
		if err := o.sort(ctx, tx, it); err != nil {
			return err
		}
	}
	if len(o.fresh) > 0 {
		var err error
		if o.answers, err = o.call(ctx, tx); err != nil {
			return err
		}
	}
	// Last, so that the row is locked briefly: whoever has claimed the partition
	// since is behind this lock, or this finds another epoch and rolls back.
	n, err := tx.AdvancePartition(ctx, db.AdvancePartitionParams{AppliedSeq: int64(batch[len(batch)-1].Seq), AppliedAt: e.at(),
		Partition: int64(o.h.partition), Owner: o.h.owner, Epoch: o.h.epoch, AppliedSeq_2: int64(o.h.applied)})
	if err == nil && n == 0 {
		return errFenced
	}
	return err
}

// sort decides whether an event is new, known or for quarantine.
func (o *outcome) sort(ctx context.Context, tx *store.Tx, it item) error {
	why, poisoned := o.h.poison[it.Seq]
	if it.bad != nil {
		why, poisoned = reason(it.bad), true
	}
	if it.replay != "" {
		return o.sortReplay(ctx, tx, it, why, poisoned)
	}
	key := it.Key
	if it.bad != nil {
		// Its key is what somebody claims: it must not make the true event look applied.
		sum := sha256.Sum256(it.sealed)
		key = "unopened " + hex.EncodeToString(sum[:])
	}
	n, err := tx.SeeEvent(ctx, key, int64(it.Seq), o.h.e.at())
	switch {
	case err != nil:
		return fmt.Errorf("noting event: %w", err)
	case n == 0:
		o.before = append(o.before, it.Key)
	case poisoned:
		o.quarantined = append(o.quarantined, it.Key)
		err := tx.QuarantineEvent(ctx, db.QuarantineEventParams{ID: safety.NewID("evq", o.h.e.now()), EventKey: it.Key, Source: it.Source,
			Partition: int64(it.Partition), Seq: int64(it.Seq), At: o.h.e.at(), Reason: why, Body: it.sealed})
		if err != nil {
			return fmt.Errorf("quarantining event: %w", err)
		}
	default:
		o.fresh = append(o.fresh, it.Envelope)
	}
	return nil
}

// sortReplay: for a replayed event its row in quarantine says whether it was
// applied, and goes on to do so.
func (o *outcome) sortReplay(ctx context.Context, tx *store.Tx, it item, why string, poisoned bool) error {
	if poisoned {
		n, err := tx.HoldAgain(ctx, db.HoldAgainParams{ID: it.replay, Reason: why, Seq: int64(it.Seq), EventKey: it.Key})
		if n > 0 {
			o.quarantined = append(o.quarantined, it.Key)
		}
		return err
	}
	n, err := tx.ReplayedEvent(ctx, db.ReplayedEventParams{ID: it.replay, Body: []byte{}, Seq: int64(it.Seq), EventKey: it.Key})
	if err != nil {
		return fmt.Errorf("noting replayed event: %w", err)
	}
	if n == 0 {
		o.before = append(o.before, it.Key)
		return nil
	}
	// An event that could never be opened was not noted under its own key.
	if _, err := tx.SeeEvent(ctx, it.Key, int64(it.Seq), o.h.e.at()); err != nil {
		return fmt.Errorf("noting event: %w", err)
	}
	o.fresh = append(o.fresh, it.Envelope)
	return nil
}

// call gives the new events to Apply.
func (o *outcome) call(ctx context.Context, tx *store.Tx) (answers map[string][]byte, err error) {
	defer func() {
		if recover() != nil { // the value may hold content
			o.h.e.log.Error("Apply panicked", "partition", o.h.partition, "stack", string(debug.Stack()))
			err = panicked{}
		}
	}()
	return o.h.apply(ctx, tx, o.h.partition, o.fresh)
}

// tell counts, and answers those who wait, after the commit.
func (o *outcome) tell(e *Events) {
	e.counts.applied.Add(uint64(len(o.fresh)))
	e.counts.duplicates.Add(uint64(len(o.before)))
	e.counts.quarantined.Add(uint64(len(o.quarantined)))
	for _, env := range o.fresh {
		if body, ok := o.answers[env.Key]; ok {
			e.answer(env.Key, answered, body)
		} else {
			e.answer(env.Key, unanswered, nil)
		}
	}
	for _, key := range o.quarantined {
		e.log.Error("an event went into quarantine: it was not applied and waits for a person", "partition", o.h.partition)
		e.answer(key, quarantined, nil)
	}
	for _, key := range o.before {
		e.answer(key, beforehand, nil)
	}
}
