package stream

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

// Bounds of one transaction.
const (
	maxBatch = 256
	maxBytes = 4 << 20
)

// holding is one partition while this worker owns it. Its fields belong to the
// goroutine of run.
type holding struct {
	e         *Events
	apply     Apply
	owner     string
	partition int
	epoch     int64
	applied   uint64 // as the database says
	cancel    context.CancelFunc
	size      int               // of the next batch: halved by failures
	poison    map[uint64]string // by sequence, why an event goes into quarantine next time
	failures  int               // in a row
}

// Why a holding goes on, or does not.
var (
	errFenced   = errors.New("another worker owns the partition")
	errPoisoned = errors.New("an event goes into quarantine")
	errStuck    = safety.Errorf(safety.Internal, "a call of Apply goes on after its time")
	errGap      = safety.Errorf(safety.Unavailable, "the broker skipped a message")
	errSilent   = safety.Errorf(safety.Unavailable, "the broker holds a message and does not deliver it")
)

func (h *holding) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := h.follow(ctx)
		switch {
		case errors.Is(err, errFenced):
			h.e.counts.fenced.Add(1)
			return
		case ctx.Err() != nil, errors.Is(err, errPoisoned):
		default:
			h.failures++
			h.e.counts.retries.Add(1)
			h.e.log.Warn("applying events failed and is tried again", "partition", h.partition, "failures", h.failures, "err", err)
			sleep(ctx, backoff(h.failures))
		}
		if ctx.Err() == nil && !h.reload(ctx) {
			return
		}
	}
	h.release(ctx)
}

func (h *holding) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.e.cfg.Lease)
	defer cancel()
	if _, err := h.e.store.Read().ReleasePartition(ctx, int64(h.partition), h.owner, h.epoch); err != nil {
		h.e.log.Warn("giving a partition back; it is free when its lease has run out", "partition", h.partition, "err", err)
	}
}

// reload reads how far the partition is applied: an error may hide a commit.
// It reports false when the partition is no longer this worker's.
func (h *holding) reload(ctx context.Context) bool {
	r, err := h.e.store.Read().StreamPartition(ctx, int64(h.partition))
	if err != nil {
		return true // the next commit finds out
	}
	h.applied = uint64(r.AppliedSeq)
	return r.Owner == h.owner && r.Epoch == h.epoch
}

// backoff grows from 50 ms to 30 s, spread by half.
func backoff(failures int) time.Duration {
	d := min(25*time.Millisecond<<min(failures, 12), 30*time.Second)
	return d/2 + rand.N(d) //nolint:gosec // spreads retries, guards nothing
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// follow reads on from what is applied, until something fails.
func (h *holding) follow(ctx context.Context) error {
	c, err := h.e.stream.CreateConsumer(ctx, h.e.consumerConfig(h.partition, h.applied, time.Minute))
	if err != nil {
		return errors.Join(safety.Wrap(safety.Unavailable, err, "the event broker does not answer"), h.e.checkHistory(ctx))
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = h.e.stream.DeleteConsumer(ctx, c.CachedInfo().Name) // it goes by itself after a minute
	}()
	q := newQueue()
	defer q.close()
	cc, err := c.Consume(q.put, jetstream.PullMaxMessagesWithBytesLimit(2*maxBatch, maxBytes), jetstream.PullExpiry(30*time.Second),
		jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) { q.fail(err) }))
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	defer cc.Stop()
	return h.drain(ctx, q)
}

// drain applies what arrives in q.
func (h *holding) drain(ctx context.Context, q *queue) error {
	for {
		msgs, err := q.take(ctx, h.size, max(h.e.cfg.Lease/2, time.Second))
		if err != nil {
			return err
		}
		if len(msgs) == 0 {
			if err := h.checkIdle(ctx, q); err != nil {
				return err
			}
			continue
		}
		batch := make([]item, len(msgs))
		for i, m := range msgs {
			batch[i] = h.e.unpack(m.subject, m.header, m.data, m.seq)
			h.e.seen(m.seq)
		}
		if err := h.process(ctx, batch); err != nil {
			return err
		}
		h.failures, h.size = 0, min(2*h.size, maxBatch)
	}
}

// checkIdle finds out whether silence means that there is nothing.
func (h *holding) checkIdle(ctx context.Context, q *queue) error {
	if h.e.nc.IsReconnecting() {
		return nil // silence is what is to be expected
	}
	_, ok, err := h.e.oldest(ctx, h.partition, h.applied)
	if err != nil {
		return err
	}
	if ok && q.empty() {
		return errSilent
	}
	return nil
}

// process applies one batch, or finds out what keeps it from being applied.
func (h *holding) process(ctx context.Context, batch []item) error {
	out, err := h.commit(ctx, batch)
	if err == nil {
		h.applied = batch[len(batch)-1].Seq
		clear(h.poison)
		out.tell(h.e)
		return nil
	}
	if p, ok := errors.AsType[*Poison](err); ok {
		for _, it := range out.fresh {
			if it.Key == p.Key {
				h.poison[it.Seq] = reason(p.Err)
				return errPoisoned
			}
		}
		err = safety.Errorf(safety.Internal, "Apply names an event that is not in its batch")
	}
	h.size = max(len(batch)/2, 1)
	if permanent(err) {
		if len(batch) > 1 {
			h.size = 1 // find the one
			return errPoisoned
		}
		h.poison[batch[0].Seq] = reason(err)
		return errPoisoned
	}
	return err
}

// panicked is an Apply that panicked; alone with one event, it would for ever.
type panicked struct{}

func (panicked) Error() string { return "Apply panicked" }

func permanent(err error) bool {
	if _, ok := errors.AsType[panicked](err); ok {
		return true
	}
	return safety.KindOf(err) == safety.Invalid
}

// reason is what a person may read: never more than a typed error's detail.
func reason(err error) string {
	if e, ok := errors.AsType[*safety.Error](err); ok {
		return e.Detail
	}
	if _, ok := errors.AsType[panicked](err); ok {
		return "applying it panicked"
	}
	return "it could not be applied"
}

// result is the end of a transaction.
type result struct {
	out *outcome
	err error
}

// commit runs the transaction, for no longer than its time.
func (h *holding) commit(ctx context.Context, batch []item) (*outcome, error) {
	select {
	case h.e.turns <- struct{}{}:
	case <-ctx.Done():
		return &outcome{}, ctx.Err()
	}
	// What has begun may end, also when the worker is told to stop.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.e.cfg.ApplyLimit)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		out := &outcome{h: h}
		err := h.e.store.Tx(limited, func(tx *store.Tx) error { return out.do(limited, tx, batch) })
		done <- result{out, err}
	}()
	// database/sql rolls back at the limit; a little more is for the call to notice.
	t := time.NewTimer(h.e.cfg.ApplyLimit + h.e.cfg.ApplyLimit/2)
	defer t.Stop()
	select {
	case r := <-done:
		<-h.e.turns
		return r.out, r.err
	case <-t.C:
	}
	// Another worker may have the partition now; this one not before the call ends.
	<-h.e.turns
	h.e.counts.stuck.Add(1)
	h.e.log.Error("A CALL OF APPLY HANGS: its events are not applied; another worker may take the partition", "partition", h.partition)
	h.release(ctx)
	<-done
	return &outcome{}, errStuck
}
