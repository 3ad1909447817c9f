package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
)

type counter = atomic.Uint64

// Counts are what this process has done since it opened the stream.
type Counts struct {
	Published   uint64 // acknowledged, without repetitions
	Repeated    uint64 // published again within the broker's window
	Refused     uint64 // not acknowledged: the stream was full or the broker away
	Applied     uint64
	Duplicates  uint64 // read, and applied before
	Retries     uint64 // failed attempts to read or apply
	Quarantined uint64
	Lost        uint64 // gone from the broker before they were applied, at most
	SetBack     uint64 // times that the broker was found to have lost its history
	Fenced      uint64 // transactions refused because another worker owns the partition
	Stuck       uint64 // calls of Apply that did not end in time
}

// Counts returns the counters.
func (e *Events) Counts() Counts {
	c := &e.counts
	return Counts{c.published.Load(), c.repeated.Load(), c.refused.Load(), c.applied.Load(), c.duplicates.Load(), c.retries.Load(),
		c.quarantined.Load(), c.lost.Load(), c.setBack.Load(), c.fenced.Load(), c.stuck.Load()}
}

// Lag is how far applying is behind.
type Lag struct {
	Partitions  []PartitionLag
	Pending     uint64        // events that were acknowledged and not applied
	Oldest      time.Duration // age of the oldest of them; 0 when there is none
	Quarantined int64         // events that wait for a person
	Lost        int64         // ever, in all processes, at most
	Bytes       uint64        // what the broker holds
	MaxBytes    int64         // what it may hold
}

// PartitionLag is [Lag] for one partition.
type PartitionLag struct {
	Partition int
	Owner     string // "" when no worker has it
	Applied   uint64 // sequence
	Pending   uint64
	Oldest    time.Duration
}

// Lag asks the broker and the database. It costs a request for each partition,
// and two more for each that is behind.
func (e *Events) Lag(ctx context.Context) (Lag, error) {
	info, err := e.stream.Info(ctx)
	if err != nil {
		return Lag{}, safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	q := e.store.Read()
	set, err := q.StreamSettings(ctx)
	if err != nil {
		return Lag{}, fmt.Errorf("reading the event stream's settings: %w", err)
	}
	l := Lag{Lost: set.Lost, Bytes: info.State.Bytes, MaxBytes: info.Config.MaxBytes}
	if l.Quarantined, err = q.CountQuarantined(ctx); err != nil {
		return Lag{}, fmt.Errorf("counting quarantined events: %w", err)
	}
	rows, err := q.StreamPartitions(ctx)
	if err != nil {
		return Lag{}, fmt.Errorf("reading partitions: %w", err)
	}
	for _, r := range rows {
		p := PartitionLag{Partition: int(r.Partition), Owner: r.Owner, Applied: uint64(r.AppliedSeq)}
		if err := e.measure(ctx, &p); err != nil {
			return Lag{}, err
		}
		l.Partitions = append(l.Partitions, p)
		l.Pending += p.Pending
		l.Oldest = max(l.Oldest, p.Oldest)
	}
	return l, nil
}

func (e *Events) measure(ctx context.Context, p *PartitionLag) error {
	m, ok, err := e.oldest(ctx, p.Partition, p.Applied)
	if err != nil || !ok {
		return err
	}
	// A clock that runs behind the broker's must not hide that something waits.
	p.Oldest = max(e.now().Sub(m.Time), 1)
	c, err := e.stream.CreateConsumer(ctx, e.consumerConfig(p.Partition, p.Applied, 10*time.Second))
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	p.Pending = max(c.CachedInfo().NumPending, 1)
	return e.stream.DeleteConsumer(ctx, c.CachedInfo().Name)
}

// consumerConfig reads one partition in order, from after a sequence. The broker
// keeps nothing of it: where to go on is in the database.
func (e *Events) consumerConfig(partition int, after uint64, idle time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
		AckPolicy: jetstream.AckNonePolicy, FilterSubject: subjectOf(partition), InactiveThreshold: idle,
		MemoryStorage: true, Replicas: 1, MaxDeliver: 1}
}
