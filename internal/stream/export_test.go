package stream

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Inject plays somebody who reaches the broker and is not Rowan.
func (e *Events) Inject(ctx context.Context, partition int, key string, data []byte) error {
	_, err := e.js.PublishMsg(ctx, &nats.Msg{Subject: subjectOf(partition), Header: nats.Header{idHeader: {key}}, Data: data})
	return err
}

// Purge plays somebody who deletes from the broker, up to but not including a sequence.
func (e *Events) Purge(ctx context.Context, seq uint64) error {
	return e.stream.Purge(ctx, jetstream.WithPurgeSequence(seq))
}

// KeepHouse does at once what is done each minute.
func (e *Events) KeepHouse(ctx context.Context) { e.keepHouse(ctx, make(chan struct{}, 1)) }

// SyncAlways reports whether the embedded broker synchronises each write.
func (e *Events) SyncAlways() bool { return e.server.JetStreamConfig().SyncAlways }

// Listens reports whether the embedded broker can be reached from outside.
func (e *Events) Listens() bool { return e.server.Addr() != nil }
