package stream_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

// clock is a clock that can be set.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) set(d time.Duration) { c.ahead.Store(int64(d)) }

func openAt(t testing.TB, s *store.Store, c stream.EventsConfig, now func() time.Time) (*stream.Events, *logs) {
	t.Helper()
	l := &logs{}
	e, err := stream.OpenEvents(t.Context(), s, c, now, slog.New(slog.NewTextHandler(l, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e, l
}

// TestEmbedded: the embedded broker keeps its promise to the disk, and nobody
// else can reach it.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	e := open(t, storetest.Open(t), config(t))
	if !e.SyncAlways() {
		t.Error("writes are not synchronised")
	}
	if e.Listens() {
		t.Error("the embedded broker listens")
	}
}

// TestDuplicates: a repetition that the broker no longer knows is applied once,
// and whoever waits for it gets the answer, or is told that it is gone.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), config(t)
	e := open(t, s, c)
	b := &book{}
	stop := work(t, e, b.apply)
	publish(t, e, event(1))
	eventually(t, "applied", drained(e))
	wait, cancel := e.Await(e.Key("test", "1"))
	defer cancel()
	eventually(t, "the broker no longer knows it", func() bool { return !publish(t, e, event(1))[0].Duplicate })
	if a, err := wait(t.Context()); err != nil || !strings.HasPrefix(string(a), "re ") {
		t.Errorf("the answer kept: %q, %v", a, err)
	}
	eventually(t, "applied", drained(e))
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = open(t, s, c)
	work(t, e, b.apply)
	wait, cancel = e.Await(e.Key("test", "1"))
	defer cancel()
	eventually(t, "the broker no longer knows it", func() bool { return !publish(t, e, event(1))[0].Duplicate })
	if _, err := wait(t.Context()); safety.KindOf(err) != safety.Conflict {
		t.Errorf("an answer that nobody kept: %v", err)
	}
	eventually(t, "applied", drained(e))
	if n := b.count("test/1"); n != 1 {
		t.Errorf("applied %d times", n)
	}
}

// TestFull: a full stream refuses, says so, and loses nothing of what it took;
// it takes more when what was applied has grown old.
func TestFull(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.MaxBytes = 4 << 20
	at := &clock{}
	e, _ := openAt(t, storetest.Open(t), c, at.now)
	body := make([]byte, 300<<10)
	acked := map[string]bool{}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		out := []stream.Outgoing{{Source: "test", ID: fmt.Sprint(i, "a"), Conversation: "x", Body: body}, {Source: "test", ID: fmt.Sprint(i, "b"), Conversation: "x", Body: body}}
		var placed []stream.Placed
		placed, err = e.Publish(t.Context(), out)
		for j, p := range placed {
			if p.Seq != 0 {
				acked[out[j].ID] = true
			}
		}
		if un, ok := errors.AsType[*stream.Unplaced](err); ok && len(un.Indexes)+len(placed)-countZero(placed) != len(placed) {
			t.Errorf("unplaced %v of %v", un.Indexes, placed)
		}
	}
	if safety.KindOf(err) != safety.RateLimited {
		t.Fatalf("a full stream says %v", err)
	}
	if e.Counts().Refused == 0 || len(acked) < 5 {
		t.Errorf("%d acknowledged, counted %+v", len(acked), e.Counts())
	}
	// Old, but not applied: nothing may go.
	at.set(100 * time.Hour)
	e.KeepHouse(t.Context())
	b := &book{}
	work(t, e, b.apply)
	eventually(t, "applied", drained(e))
	for id := range acked {
		if b.count("test/"+id) != 1 {
			t.Errorf("%s was applied %d times", id, b.count("test/"+id))
		}
	}
	e.KeepHouse(t.Context())
	publish(t, e, stream.Outgoing{Source: "test", ID: "later", Conversation: "x", Body: body})
	if l, err := e.Lag(t.Context()); err != nil || l.Lost != 0 {
		t.Errorf("lag: %+v, %v", l, err)
	}
}

func countZero(placed []stream.Placed) int {
	n := 0
	for _, p := range placed {
		if p.Seq == 0 {
			n++
		}
	}
	return n
}

// TestClockBackwards: nothing depends on a clock that only goes forward.
func TestClockBackwards(t *testing.T) {
	t.Parallel()
	at := &clock{}
	e, _ := openAt(t, storetest.Open(t), config(t), at.now)
	b := &book{}
	work(t, e, b.apply)
	for i, ahead := range []time.Duration{0, 48 * time.Hour, -48 * time.Hour, -100000 * time.Hour, 0} {
		at.set(ahead)
		wait, cancel := e.Await(e.Key("test", fmt.Sprint(i)))
		publish(t, e, event(i))
		if _, err := wait(t.Context()); err != nil {
			t.Errorf("with the clock at %v: %v", ahead, err)
		}
		cancel()
		e.KeepHouse(t.Context())
	}
	for i := range 5 {
		if n := b.count(fmt.Sprint("test/", i)); n != 1 {
			t.Errorf("event %d was applied %d times", i, n)
		}
	}
	if l, err := e.Lag(t.Context()); err != nil || l.Lost != 0 || l.Pending != 0 {
		t.Errorf("lag: %+v, %v", l, err)
	}
}

// TestPartitions_Changed: another number is refused until everything is applied
// and a person has rebased the stream.
func TestPartitions_Changed(t *testing.T) {
	t.Parallel()
	ctx, s, c := t.Context(), storetest.Open(t), config(t)
	quiet := slog.New(slog.DiscardHandler)
	e := open(t, s, c)
	publish(t, e, event(1), event(2))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	more := c
	more.Partitions = 9
	if _, err := stream.OpenEvents(ctx, s, more, time.Now, quiet); safety.KindOf(err) != safety.Conflict || !strings.Contains(err.Error(), "rebase") {
		t.Errorf("another number: %v", err)
	}
	if err := stream.Rebase(ctx, s, more, safety.System, false, time.Now, quiet); safety.KindOf(err) != safety.Forbidden {
		t.Errorf("rebased by a machine: %v", err)
	}
	if err := stream.Rebase(ctx, s, more, anna, false, time.Now, quiet); safety.KindOf(err) != safety.Conflict {
		t.Errorf("rebased with events waiting: %v", err)
	}
	if err := stream.Rebase(ctx, s, more, anna, true, time.Now, quiet); safety.KindOf(err) != safety.Conflict {
		t.Errorf("given up what is there: %v", err)
	}
	e = open(t, s, c)
	b := &book{}
	stop := work(t, e, b.apply)
	eventually(t, "applied", drained(e))
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := stream.Rebase(ctx, s, more, anna, false, time.Now, quiet); err != nil {
		t.Fatal(err)
	}
	e = open(t, s, more)
	if e.Partitions() != 9 {
		t.Errorf("%d partitions", e.Partitions())
	}
	work(t, e, b.apply)
	for i := range 30 {
		publish(t, e, event(i))
	}
	eventually(t, "applied", drained(e))
	for i := range 30 {
		if n := b.count(fmt.Sprint("test/", i)); n != 1 {
			t.Errorf("event %d was applied %d times", i, n)
		}
	}
}

// TestBrokerLost: a broker whose folder is gone is not taken for an empty one.
func TestBrokerLost(t *testing.T) {
	t.Parallel()
	ctx, s, c := t.Context(), storetest.Open(t), config(t)
	quiet := slog.New(slog.DiscardHandler)
	e := open(t, s, c)
	b := &book{}
	stop := work(t, e, b.apply)
	publish(t, e, event(1), event(2), event(3))
	eventually(t, "applied", drained(e))
	stop()
	if err := errors.Join(e.Close(), os.RemoveAll(c.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.OpenEvents(ctx, s, c, time.Now, quiet); safety.KindOf(err) != safety.Conflict {
		t.Fatalf("with an empty folder: %v", err)
	}
	if err := stream.Rebase(ctx, s, c, anna, true, time.Now, quiet); err != nil {
		t.Fatal(err)
	}
	e = open(t, s, c)
	work(t, e, b.apply)
	if p := publish(t, e, event(4)); p[0].Seq <= 3 {
		t.Errorf("numbered %d, which an event had before", p[0].Seq)
	}
	publish(t, e, event(1))
	eventually(t, "applied", drained(e))
	if b.count("test/4") != 1 || b.count("test/1") != 1 {
		t.Errorf("applied: %v", b.seen)
	}
	// And a broker that another database has used is not taken either.
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.OpenEvents(ctx, storetest.Open(t), c, time.Now, quiet); safety.KindOf(err) != safety.Conflict {
		t.Errorf("another database's broker: %v", err)
	}
}

// TestBrokerSetBack: after a broker was restored from an old copy, new events get
// numbers that were applied already. They are applied all the same, and the old
// ones are not applied again.
func TestBrokerSetBack(t *testing.T) {
	t.Parallel()
	s, c := storetest.Open(t), config(t)
	e := open(t, s, c)
	b := &book{}
	stop := work(t, e, b.apply)
	publish(t, e, event(0), event(1), event(2))
	eventually(t, "applied", drained(e))
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	saved := t.TempDir()
	if err := os.CopyFS(saved, os.DirFS(c.Dir)); err != nil {
		t.Fatal(err)
	}
	e = open(t, s, c)
	stop = work(t, e, b.apply)
	for i := 3; i < 20; i++ {
		publish(t, e, event(i))
	}
	eventually(t, "applied", drained(e))
	stop()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	c.Dir = saved
	e, l := openAt(t, s, c, time.Now)
	if e.Counts().SetBack != 1 || !strings.Contains(l.String(), "SET BACK") {
		t.Errorf("counted %+v, logged %s", e.Counts(), l)
	}
	work(t, e, b.apply)
	for i := 20; i < 40; i++ {
		publish(t, e, event(i))
	}
	eventually(t, "applied", drained(e))
	for i := range 40 {
		if n := b.count(fmt.Sprint("test/", i)); n != 1 {
			t.Errorf("event %d was applied %d times", i, n)
		}
	}
}

// TestDeletedFromBroker: what somebody deletes before it was applied is counted
// as lost and said loudly; what was applied is not.
func TestDeletedFromBroker(t *testing.T) {
	t.Parallel()
	e, l := openAt(t, storetest.Open(t), config(t), time.Now)
	b := &book{}
	stop := work(t, e, b.apply)
	publish(t, e, event(0), event(1), event(2))
	eventually(t, "applied", drained(e))
	stop()
	publish(t, e, event(3), event(4))
	last := publish(t, e, event(5))[0].Seq
	if err := e.Purge(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	e.KeepHouse(t.Context())
	e.KeepHouse(t.Context())
	if got, err := e.Lag(t.Context()); err != nil || got.Lost != 2 || e.Counts().Lost != 2 {
		t.Errorf("lag %+v, %v; counted %+v", got, err, e.Counts())
	}
	if !strings.Contains(l.String(), "EVENTS ARE LOST") {
		t.Errorf("logged: %s", l)
	}
	work(t, e, b.apply)
	eventually(t, "the rest applied", drained(e))
	if b.count("test/5") != 1 {
		t.Error("what was left is not applied")
	}
}

// TestSeenForgotten: after KeepFor nothing is left of applied events, in the
// broker or in the database.
func TestSeenForgotten(t *testing.T) {
	t.Parallel()
	s, at := storetest.Open(t), &clock{}
	e, _ := openAt(t, s, config(t), at.now)
	b := &book{}
	work(t, e, b.apply)
	p := publish(t, e, event(0), event(1))
	eventually(t, "applied", drained(e))
	e.KeepHouse(t.Context())
	if _, err := e.Get(t.Context(), p[1].Seq); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	at.set(80 * time.Hour)
	e.KeepHouse(t.Context())
	if _, err := e.Get(t.Context(), p[1].Seq); safety.KindOf(err) != safety.NotFound {
		t.Errorf("still in the broker: %v", err)
	}
	if _, err := s.Read().SeenEvent(t.Context(), e.Key("test", "1")); !store.IsNotFound(err) {
		t.Errorf("still in the database: %v", err)
	}
	if l, err := e.Lag(t.Context()); err != nil || l.Lost != 0 {
		t.Errorf("lag: %+v, %v", l, err)
	}
}

// TestLargeEvents: batches stay within their bytes, and large events pass.
func TestLargeEvents(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Partitions = 1
	e := open(t, storetest.Open(t), c)
	for i := range 20 {
		publish(t, e, stream.Outgoing{Source: "test", ID: fmt.Sprint(i), Conversation: "x", Body: binary.BigEndian.AppendUint64(make([]byte, stream.MaxBody-8), uint64(i))})
	}
	var mu sync.Mutex
	n := 0
	work(t, e, func(_ context.Context, _ *store.Tx, _ int, batch []stream.Envelope) (map[string][]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		size := 0
		for _, env := range batch {
			size += len(env.Body)
		}
		if size > 4<<20 {
			t.Errorf("a batch of %d bytes", size)
		}
		n += len(batch)
		return nil, nil
	})
	eventually(t, "applied", drained(e))
	mu.Lock()
	defer mu.Unlock()
	if c := e.Counts(); n != 20 || c.Retries != 0 {
		t.Errorf("%d applied, %+v", n, c)
	}
}
