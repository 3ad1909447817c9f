package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

var discard = slog.New(slog.DiscardHandler)

var streamKey = bytes.Repeat([]byte{7}, 32)

// logs collects what is logged, for looking into.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// config is a stream in a folder of its own.
func config(t testing.TB) stream.EventsConfig {
	t.Helper()
	return stream.EventsConfig{Dir: t.TempDir(), Partitions: 4, MaxBytes: 64 << 20, Key: streamKey, Lease: 2 * time.Second, Window: 100 * time.Millisecond}
}

func open(t testing.TB, s *store.Store, c stream.EventsConfig) *stream.Events {
	t.Helper()
	e, err := stream.OpenEvents(t.Context(), s, c, time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("opening the stream: %v", err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// work runs apply until the returned function is called, or the test ends.
func work(t testing.TB, e *stream.Events, apply stream.Apply) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Work(ctx, apply) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("worker: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// book is an Apply that remembers what it was given, once committed or not.
type book struct {
	mu   sync.Mutex
	seen map[string]int // by source and id
	fail func(stream.Envelope) error
}

func (b *book) apply(_ context.Context, _ *store.Tx, _ int, batch []stream.Envelope) (map[string][]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answers := map[string][]byte{}
	for _, e := range batch {
		if b.fail != nil {
			if err := b.fail(e); err != nil {
				return nil, err
			}
		}
		answers[e.Key] = append([]byte("re "), e.Body...)
	}
	for _, e := range batch {
		if b.seen == nil {
			b.seen = map[string]int{}
		}
		b.seen[e.Source+"/"+e.ID]++
	}
	return answers, nil
}

func (b *book) count(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seen[name]
}

// eventually waits until ok holds; how long that takes is not asserted.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("gave up waiting: %s", what)
}

func drained(e *stream.Events) func() bool {
	return func() bool {
		l, err := e.Lag(context.Background())
		return err == nil && l.Pending == 0
	}
}

func event(i int) stream.Outgoing {
	return stream.Outgoing{Source: "test", ID: fmt.Sprint(i), Conversation: fmt.Sprint("c", i%7), Body: binary.BigEndian.AppendUint64(nil, uint64(i))}
}

// TestEvents_PublishApplyAnswer is the way of one event: acknowledged, applied
// once, answered, readable again.
func TestEvents_PublishApplyAnswer(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := config(t)
	c.Window = time.Minute
	e := open(t, storetest.Open(t), c)
	b := &book{}
	work(t, e, b.apply)
	o := stream.Outgoing{Source: "chat", ID: "m1", Conversation: "c", Body: []byte("hello")}
	wait, cancel := e.Await(e.Key("chat", "m1"))
	defer cancel()
	placed, err := e.Publish(ctx, []stream.Outgoing{o})
	if err != nil || len(placed) != 1 || placed[0].Seq == 0 || placed[0].Duplicate {
		t.Fatalf("published: %+v, %v", placed, err)
	}
	answer, err := wait(ctx)
	if err != nil || string(answer) != "re hello" {
		t.Fatalf("answer %q, %v", answer, err)
	}
	got, err := e.Get(ctx, placed[0].Seq)
	if err != nil {
		t.Fatal(err)
	}
	got.At = time.Time{}
	want := stream.Envelope{Seq: placed[0].Seq, Partition: e.PartitionOf("c"), Key: e.Key("chat", "m1"), Source: "chat", ID: "m1", Body: []byte("hello")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
	if _, err := e.Get(ctx, placed[0].Seq+100); safety.KindOf(err) != safety.NotFound {
		t.Errorf("an event that never was: %v", err)
	}

	// The broker knows a repetition; its answer is remembered.
	again, cancelAgain := e.Await(e.Key("chat", "m1"))
	defer cancelAgain()
	placed, err = e.Publish(ctx, []stream.Outgoing{o})
	if err != nil || !placed[0].Duplicate {
		t.Fatalf("published again: %+v, %v", placed, err)
	}
	if answer, err := again(ctx); err != nil || string(answer) != "re hello" {
		t.Errorf("the answer to a repetition: %q, %v", answer, err)
	}
	if n := b.count("chat/m1"); n != 1 {
		t.Errorf("applied %d times", n)
	}
}

// TestEvents_Order: events of one conversation are applied in the order of their
// publication, whatever the batches.
func TestEvents_Order(t *testing.T) {
	t.Parallel()
	e := open(t, storetest.Open(t), config(t))
	var out []stream.Outgoing
	for i := range 2000 {
		out = append(out, event(i))
	}
	if _, err := e.Publish(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	last, n := map[uint64]uint64{}, 0
	work(t, e, func(_ context.Context, _ *store.Tx, p int, batch []stream.Envelope) (map[string][]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(batch) > 256 {
			t.Errorf("a batch of %d", len(batch))
		}
		for _, env := range batch {
			i := binary.BigEndian.Uint64(env.Body)
			if before, ok := last[i%7]; ok && before >= i {
				t.Errorf("conversation %d: %d after %d", i%7, i, before)
			}
			if env.Partition != p || p != e.PartitionOf(fmt.Sprint("c", i%7)) {
				t.Errorf("event %d is in partition %d of %d", i, env.Partition, p)
			}
			last[i%7] = i
			n++
		}
		return nil, nil
	})
	eventually(t, "all applied", drained(e))
	mu.Lock()
	defer mu.Unlock()
	if n != 2000 {
		t.Errorf("%d applied", n)
	}
}

// TestEvents_Refused: what cannot be an event is refused before anything is sent.
func TestEvents_Refused(t *testing.T) {
	t.Parallel()
	e := open(t, storetest.Open(t), config(t))
	good := stream.Outgoing{Source: "s", ID: "1"}
	for name, tc := range map[string]struct {
		out  stream.Outgoing
		kind safety.Kind
	}{
		"no source": {stream.Outgoing{ID: "1"}, safety.Invalid},
		"no id":     {stream.Outgoing{Source: "s"}, safety.Invalid},
		"long id":   {stream.Outgoing{Source: "s", ID: string(bytes.Repeat([]byte{'x'}, 1025))}, safety.Invalid},
		"too large": {stream.Outgoing{Source: "s", ID: "2", Body: make([]byte, stream.MaxBody+1)}, safety.TooLarge},
	} {
		placed, err := e.Publish(t.Context(), []stream.Outgoing{good, tc.out})
		if safety.KindOf(err) != tc.kind || len(placed) != 2 || placed[0].Seq != 0 {
			t.Errorf("%s: %+v, %v", name, placed, err)
		}
	}
	if c := e.Counts(); c.Published != 0 {
		t.Errorf("%d were published", c.Published)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	placed, err := e.Publish(ended, []stream.Outgoing{good})
	if un, ok := errors.AsType[*stream.Unplaced](err); !ok || len(un.Indexes) != 1 || placed[0].Seq != 0 {
		t.Errorf("with an ended context: %+v, %v", placed, err)
	}
}
