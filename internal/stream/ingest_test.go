package stream_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

// TestIngest: what a platform puts into a stream of its own is applied here once, what
// cannot be read is in quarantine, and all of it is acknowledged.
func TestIngest(t *testing.T) {
	t.Parallel()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(5 * time.Second) {
		t.Fatal("the platform's broker did not start")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	theirs, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "PLATFORM", Subjects: []string{"platform.>"}})
	if err != nil {
		t.Fatal(err)
	}
	const good, bad = 300, 5
	for i := range good + bad {
		text := fmt.Sprintf("good %d", i)
		if i >= good {
			text = fmt.Sprintf("bad %d", i)
		}
		if _, err := js.Publish(ctx, "platform.talk", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := js.Publish(ctx, "platform.talk", []byte("good 7")); err != nil { // again
		t.Fatal(err)
	}
	events, err := stream.OpenEvents(ctx, storetest.Open(t), stream.EventsConfig{Dir: t.TempDir(), Key: make([]byte, 32), Partitions: 4}, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = events.Close() }()
	applied := make(chan string, 2*good)
	done := make(chan error, 2)
	go func() {
		done <- events.Work(ctx, func(_ context.Context, _ *store.Tx, _ int, batch []stream.Envelope) (map[string][]byte, error) {
			for _, v := range batch {
				applied <- string(v.Body)
			}
			return nil, nil
		})
	}()
	go func() {
		done <- events.Ingest(ctx, stream.IngestConfig{URL: srv.ClientURL(), Stream: "PLATFORM"}, func(body []byte) (stream.Outgoing, error) {
			id, ok := strings.CutPrefix(string(body), "good ")
			if !ok {
				return stream.Outgoing{}, safety.Errorf(safety.Invalid, "not good")
			}
			return stream.Outgoing{Source: "p", ID: id, Conversation: id, Body: body}, nil
		})
	}()
	seen := map[string]int{}
	for len(seen) < good {
		select {
		case text := <-applied:
			seen[text]++
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d applied", len(seen), good)
		}
	}
	for range 300 { // until everything is acknowledged
		info, err := theirs.Consumer(ctx, "rowan")
		if err == nil && info.CachedInfo().NumAckPending == 0 && info.CachedInfo().NumPending == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n, err := events.CountQuarantined(ctx); err != nil || n != bad {
		t.Errorf("%d in quarantine, want %d, %v", n, bad, err)
	}
	for text, n := range seen {
		if n != 1 {
			t.Errorf("%s was applied %d times", text, n)
		}
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
