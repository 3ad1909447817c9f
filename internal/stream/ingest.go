package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
)

// IngestConfig is a JetStream stream of the platform's own, in which it says what
// happens.
type IngestConfig struct {
	URL         string // nats://… or tls://…
	Stream      string // its name; the platform makes it
	Subject     string // which of its subjects; empty: all
	Durable     string // name of Rowan's consumer; "rowan" when empty
	Credentials string // file
	TLS         EventsTLS
}

// ingestAhead is how many messages are under way at once.
const ingestAhead = 256

// Ingest takes events from a platform's stream until ctx ends. read makes an event of
// a message; one that it refuses with safety.Invalid or safety.TooLarge goes into
// quarantine. A message is acknowledged when its event is on disk here or in
// quarantine, so nothing is lost between the two; what comes twice is one event.
func (e *Events) Ingest(ctx context.Context, c IngestConfig, read func(body []byte) (Outgoing, error)) error {
	if c.URL == "" || c.Stream == "" {
		return safety.Errorf(safety.Invalid, "taking events in needs the URL and the name of a stream")
	}
	opts := append([]nats.Option{nats.Name("rowan ingest"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second), nats.Timeout(5 * time.Second)}, c.TLS.options()...)
	if c.Credentials != "" {
		opts = append(opts, nats.UserCredentials(c.Credentials))
	}
	nc, err := nats.Connect(c.URL, opts...)
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the platform's broker does not answer")
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("platform's broker: %w", err)
	}
	name := c.Durable
	if name == "" {
		name = "rowan"
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, c.Stream, jetstream.ConsumerConfig{Durable: name, FilterSubject: c.Subject,
		AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy, AckWait: time.Minute, MaxAckPending: ingestAhead})
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the platform's stream %s cannot be read", c.Stream)
	}
	for ctx.Err() == nil {
		if err := e.ingestSome(ctx, consumer, read); err != nil && ctx.Err() == nil {
			e.counts.retries.Add(1)
			e.log.WarnContext(ctx, "events of the platform's stream wait", "err", err)
			pause(ctx, time.Second)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// ingestSome takes one batch.
func (e *Events) ingestSome(ctx context.Context, consumer jetstream.Consumer, read func([]byte) (Outgoing, error)) error {
	got, err := consumer.Fetch(ingestAhead, jetstream.FetchMaxWait(time.Second))
	if err != nil {
		return fmt.Errorf("fetching: %w", err)
	}
	var msgs []jetstream.Msg
	var out []Outgoing
	for m := range got.Messages() {
		o, err := read(m.Data())
		if err == nil {
			msgs, out = append(msgs, m), append(out, o)
			continue
		}
		if k := safety.KindOf(err); k != safety.Invalid && k != safety.TooLarge {
			return err // it comes again
		}
		if err := e.Refuse(ctx, o.Source, o.ID, m.Data(), err); err != nil {
			return err
		}
		if err := m.DoubleAck(ctx); err != nil {
			return fmt.Errorf("acknowledging: %w", err)
		}
	}
	if err := got.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return fmt.Errorf("fetching: %w", err)
	}
	if len(out) == 0 {
		return nil
	}
	placed, err := e.Publish(ctx, out)
	for i, m := range msgs {
		if placed[i].Seq == 0 && !placed[i].Duplicate {
			continue // not on disk: it comes again
		}
		if err := m.DoubleAck(ctx); err != nil {
			e.log.WarnContext(ctx, "an event was taken in and not acknowledged; it will come again", slog.Any("err", err))
		}
	}
	return err
}
