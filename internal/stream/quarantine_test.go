package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

var anna = safety.Actor{ID: actor, Name: "Anna", Person: true}

func held(t *testing.T, e *stream.Events, state string) []stream.Quarantined {
	t.Helper()
	rows, err := e.Quarantined(t.Context(), state, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func publish(t testing.TB, e *stream.Events, out ...stream.Outgoing) []stream.Placed {
	t.Helper()
	placed, err := e.Publish(t.Context(), out)
	if err != nil {
		t.Fatalf("publishing: %v", err)
	}
	return placed
}

// TestQuarantine: an event that can never be applied, however that shows, is
// set aside; the others of its batch are applied; nothing of it is logged.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fail   func(stream.Envelope) error
		reason string
	}{
		"named": {func(e stream.Envelope) error {
			return &stream.Poison{Key: e.Key, Err: errors.New("tamarind " + string(e.Body))}
		}, "it could not be applied"},
		"typed": {func(e stream.Envelope) error {
			return &stream.Poison{Key: e.Key, Err: safety.Errorf(safety.Invalid, "no sender")}
		}, "no sender"},
		"invalid": {func(stream.Envelope) error { return safety.Errorf(safety.Invalid, "no time") }, "no time"},
		"panic":   {func(e stream.Envelope) error { panic("tamarind " + string(e.Body)) }, "applying it panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &logs{}
			s := storetest.Open(t)
			e, err := stream.OpenEvents(t.Context(), s, config(t), time.Now, slog.New(slog.NewTextHandler(l, nil)))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = e.Close() }()
			var out []stream.Outgoing
			for i := range 40 {
				out = append(out, stream.Outgoing{Source: "test", ID: fmt.Sprint(i), Conversation: "one", Body: []byte("tamarind")})
			}
			b := &book{fail: func(env stream.Envelope) error {
				if env.ID == "17" {
					return tc.fail(env)
				}
				return nil
			}}
			wait, cancel := e.Await(e.Key("test", "17"))
			defer cancel()
			placed := publish(t, e, out...)
			defer work(t, e, b.apply)()
			if _, err := wait(t.Context()); safety.KindOf(err) != safety.Invalid {
				t.Errorf("whoever waits is told %v", err)
			}
			eventually(t, "the rest applied", drained(e))
			for i := range 40 {
				if n := b.count(fmt.Sprint("test/", i)); i != 17 && n != 1 {
					t.Errorf("event %d was applied %d times", i, n)
				}
			}
			rows := held(t, e, "held")
			want := []stream.Quarantined{{Key: e.Key("test", "17"), Source: "test", Partition: e.PartitionOf("one"), Seq: placed[17].Seq, Reason: tc.reason, State: "held", Tries: 1}}
			if diff := cmp.Diff(want, rows, cmpopts.IgnoreFields(stream.Quarantined{}, "ID", "At", "DecidedAt")); diff != "" {
				t.Errorf("quarantine (-want +got):\n%s", diff)
			}
			if c := e.Counts(); c.Quarantined != 1 || c.Applied != 39 {
				t.Errorf("counted: %+v", c)
			}
			if strings.Contains(l.String(), "tamarind") {
				t.Error("the log holds what an event says")
			}
			if name == "named" {
				replayAndDiscard(t, s, e, b, rows[0])
			}
		})
	}
}

// replayAndDiscard: people decide, once, and it is written down.
func replayAndDiscard(t *testing.T, s *store.Store, e *stream.Events, b *book, q stream.Quarantined) {
	t.Helper()
	ctx := t.Context()
	for what, err := range map[string]error{
		"a machine replays":  e.QuarantineReplay(ctx, safety.System, q.ID),
		"a machine discards": e.QuarantineDiscard(ctx, safety.System, q.ID, "why"),
	} {
		if safety.KindOf(err) != safety.Forbidden {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := e.QuarantineReplay(ctx, anna, "evq_none"); safety.KindOf(err) != safety.NotFound {
		t.Errorf("replaying nothing: %v", err)
	}
	if err := e.QuarantineReplay(ctx, anna, q.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "held again", func() bool { h := held(t, e, "held"); return len(h) == 1 && h[0].Tries == 2 })
	b.mu.Lock()
	b.fail = nil
	b.mu.Unlock()
	wait, cancel := e.Await(q.Key)
	defer cancel()
	if err := e.QuarantineReplay(ctx, anna, q.ID); err != nil {
		t.Fatal(err)
	}
	if a, err := wait(ctx); err != nil || string(a) != "re tamarind" {
		t.Errorf("the answer to a replay: %q, %v", a, err)
	}
	if n := b.count("test/17"); n != 1 {
		t.Errorf("the replayed event was applied %d times", n)
	}
	if err := e.QuarantineReplay(ctx, anna, q.ID); safety.KindOf(err) != safety.Conflict {
		t.Errorf("replaying again: %v", err)
	}
	if err := e.QuarantineDiscard(ctx, anna, q.ID, "why"); safety.KindOf(err) != safety.Conflict {
		t.Errorf("discarding what was replayed: %v", err)
	}
	row, err := s.Read().QuarantinedEvent(ctx, q.ID)
	if err != nil || row.State != "replayed" || len(row.Body) != 0 {
		t.Errorf("after the replay: %+v, %v", row, err)
	}
	entries, err := s.Read().EntriesOfSubject(ctx, q.ID, "z", 9)
	if err != nil || len(entries) != 2 || entries[0].Action != "event.replay" || entries[0].Actor != actor {
		t.Errorf("ledger: %+v, %v", entries, err)
	}
}

// TestQuarantine_Discard: discarding needs a reason and destroys the body.
func TestQuarantine_Discard(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	e := open(t, s, config(t))
	b := &book{fail: func(stream.Envelope) error { return safety.Errorf(safety.Invalid, "never") }}
	work(t, e, b.apply)
	publish(t, e, event(1))
	eventually(t, "held", func() bool { return len(held(t, e, "held")) == 1 })
	q := held(t, e, "held")[0]
	if err := e.QuarantineDiscard(t.Context(), anna, q.ID, ""); safety.KindOf(err) != safety.Invalid {
		t.Errorf("without a reason: %v", err)
	}
	if err := e.QuarantineDiscard(t.Context(), anna, q.ID, "a test of the platform"); err != nil {
		t.Fatal(err)
	}
	row, err := s.Read().QuarantinedEvent(t.Context(), q.ID)
	if err != nil || row.State != "discarded" || len(row.Body) != 0 {
		t.Errorf("after it: %+v, %v", row, err)
	}
	if l, err := e.Lag(t.Context()); err != nil || l.Quarantined != 0 {
		t.Errorf("lag: %+v, %v", l, err)
	}
}

// TestApply_Hangs: an Apply that does not end in time loses its transaction. One
// that heeds its context is tried again; one that does not holds up its own
// partition only, and is applied when it lets go.
func TestApply_Hangs(t *testing.T) {
	t.Parallel()
	for name, heeds := range map[string]bool{"heeds its context": true, "does not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t)
			c.ApplyLimit = 200 * time.Millisecond
			e := open(t, storetest.Open(t), c)
			var calls atomic.Int32
			free := make(chan struct{})
			b := &book{}
			defer work(t, e, func(ctx context.Context, tx *store.Tx, p int, batch []stream.Envelope) (map[string][]byte, error) {
				if batch[0].ID == "hangs" && calls.Add(1) == 1 {
					if heeds {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					<-free
				}
				return b.apply(ctx, tx, p, batch)
			})()
			other := 0
			for e.PartitionOf(fmt.Sprint("c", other)) == e.PartitionOf("stuck") {
				other++
			}
			publish(t, e, stream.Outgoing{Source: "test", ID: "hangs", Conversation: "stuck"}, stream.Outgoing{Source: "test", ID: "other", Conversation: fmt.Sprint("c", other)})
			eventually(t, "the other partition applied", func() bool { return e.Counts().Applied == 1 })
			if !heeds {
				eventually(t, "noticed", func() bool { return e.Counts().Stuck == 1 })
				if l, err := e.Lag(t.Context()); err != nil || l.Pending != 1 || l.Oldest <= 0 {
					t.Errorf("lag: %+v, %v", l, err)
				}
			}
			close(free)
			eventually(t, "applied at last", drained(e))
			// The book counts what Apply did, not what was committed.
			if n := e.Counts().Applied; n != 2 {
				t.Errorf("%d applied", n)
			}
		})
	}
}

// TestApply_Retries: an error that may pass is tried again until it does, and
// nobody goes into quarantine for it.
func TestApply_Retries(t *testing.T) {
	t.Parallel()
	e := open(t, storetest.Open(t), config(t))
	var fails atomic.Int32
	b := &book{fail: func(stream.Envelope) error {
		if fails.Add(1) <= 5 {
			return safety.Errorf(safety.Unavailable, "the scorer is away")
		}
		return nil
	}}
	defer work(t, e, b.apply)()
	publish(t, e, event(0), event(7), event(14))
	eventually(t, "applied", drained(e))
	if c := e.Counts(); c.Retries != 5 || c.Applied != 3 || c.Quarantined != 0 {
		t.Errorf("counted: %+v", c)
	}
}

// TestKey: a stream does not open with another key, and what another key or
// another hand wrote into the broker goes into quarantine, not into silence.
func TestKey(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	c := config(t)
	e := open(t, s, c)
	publish(t, e, event(1))
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	wrong := c
	wrong.Key = bytes.Repeat([]byte{8}, 32)
	if _, err := stream.OpenEvents(t.Context(), s, wrong, time.Now, slog.New(slog.DiscardHandler)); safety.KindOf(err) != safety.Conflict || !strings.Contains(err.Error(), "rebase") {
		t.Errorf("with another key: %v", err)
	}
	wrong.Key = []byte("short")
	if _, err := stream.OpenEvents(t.Context(), s, wrong, time.Now, slog.New(slog.DiscardHandler)); safety.KindOf(err) != safety.Invalid {
		t.Errorf("with half a key: %v", err)
	}
	e = open(t, s, c)
	// Somebody who reaches the broker claims another event's key.
	if err := e.Inject(t.Context(), e.PartitionOf("c2"), e.Key("test", "2"), []byte("not sealed")); err != nil {
		t.Fatal(err)
	}
	// The broker takes the true event for a repetition of it: no acknowledgement.
	for range 3 {
		if p, err := e.Publish(t.Context(), []stream.Outgoing{event(2)}); err == nil && p[0].Duplicate || err != nil && p[0].Seq != 0 {
			t.Errorf("acknowledged instead of another: %+v, %v", p, err)
		}
	}
	b := &book{}
	work(t, e, b.apply)
	eventually(t, "set aside", func() bool { return len(held(t, e, "held")) == 1 })
	eventually(t, "published", func() bool { _, err := e.Publish(t.Context(), []stream.Outgoing{event(2)}); return err == nil })
	eventually(t, "applied", drained(e))
	if b.count("test/1") != 1 || b.count("test/2") != 1 {
		t.Errorf("applied: %v", b.seen)
	}
	q := held(t, e, "held")[0]
	if q.Source != "" || q.Reason != "this was not sealed by Rowan" {
		t.Errorf("quarantined: %+v", q)
	}
}

// TestPrivacy: nothing that an event says, nor who says it, is readable in the
// broker's folder or in the database.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := config(t)
	c.Dir = filepath.Join(dir, "stream")
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "rowan.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, s, c)
	b := &book{fail: func(env stream.Envelope) error {
		if env.ID == "tamarind-poison" {
			return &stream.Poison{Key: env.Key, Err: errors.New("tamarind-error")}
		}
		return nil
	}}
	stop := work(t, e, b.apply)
	for _, id := range []string{"tamarind-id", "tamarind-poison"} {
		publish(t, e, stream.Outgoing{Source: "platform", ID: id, Conversation: "tamarind-conversation", Body: []byte("tamarind-body")})
	}
	eventually(t, "applied", drained(e))
	stop()
	if err := errors.Join(e.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte("tamarind")) {
			t.Errorf("%s holds what an event says", path)
		}
		return err
	})
	if err != nil || files < 4 {
		t.Errorf("looked into %d files: %v", files, err)
	}
}
