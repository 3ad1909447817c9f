package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/store"
)

func transactions(t *testing.T, open func(testing.TB) *store.Store) {
	t.Run("commit and rollback", func(t *testing.T) {
		t.Parallel()
		s, ctx := open(t), t.Context()
		if err := s.Tx(ctx, func(tx *store.Tx) error { return tx.PutAccount(ctx, "kept", "", 1) }); err != nil {
			t.Fatal(err)
		}
		undo := errors.New("undo")
		err := s.Tx(ctx, func(tx *store.Tx) error {
			if err := tx.PutAccount(ctx, "gone", "", 1); err != nil {
				return err
			}
			if _, err := tx.Account(ctx, "gone"); err != nil {
				t.Errorf("a transaction does not see its own row: %v", err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			t.Errorf("got %v, want the function's own error", err)
		}
		if _, err := s.Read().Account(ctx, "kept"); err != nil {
			t.Error(err)
		}
		if _, err := s.Read().Account(ctx, "gone"); !store.IsNotFound(err) {
			t.Errorf("a rolled back row: %v", err)
		}
	})
	t.Run("a panic rolls back", func(t *testing.T) {
		t.Parallel()
		s, ctx := open(t), t.Context()
		func() {
			defer func() { _ = recover() }()
			_ = s.Tx(ctx, func(tx *store.Tx) error {
				_ = tx.PutAccount(ctx, "gone", "", 1)
				panic("worker dies")
			})
		}()
		if _, err := s.Read().Account(ctx, "gone"); !store.IsNotFound(err) {
			t.Errorf("a row of a transaction that panicked: %v", err)
		}
		if err := s.Tx(ctx, func(tx *store.Tx) error { return tx.PutAccount(ctx, "next", "", 1) }); err != nil {
			t.Errorf("the store is stuck: %v", err)
		}
	})
	t.Run("concurrent writers", func(t *testing.T) {
		t.Parallel()
		s, ctx := open(t), t.Context()
		const workers, each = 8, 15
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range each {
					err := s.Tx(ctx, func(tx *store.Tx) error {
						// Read, then write what was read: lost unless writers wait for each other.
						n, err := tx.LockHead(ctx)
						if err != nil {
							return err
						}
						return tx.SetHead(ctx, n+1)
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if n, err := s.Read().Head(ctx); err != nil || n != workers*each {
			t.Errorf("counted to %d (%v), want %d", n, err, workers*each)
		}
	})
	t.Run("two processes, one upsert", func(t *testing.T) {
		t.Parallel()
		s, ctx := open(t), t.Context()
		var wg sync.WaitGroup
		seen := make(chan int64, 80)
		for range 8 {
			wg.Go(func() {
				for range 10 {
					err := s.Tx(ctx, func(tx *store.Tx) error {
						n, err := tx.UseQuota(ctx, "day", "q")
						if err == nil {
							seen <- n
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		close(seen)
		got := map[int64]bool{}
		for n := range seen {
			got[n] = true
		}
		if len(got) != 80 {
			t.Errorf("%d different counts for 80 uses", len(got))
		}
	})
	t.Run("rows taken in opposite order", func(t *testing.T) {
		t.Parallel()
		s, ctx := open(t), t.Context()
		// PostgreSQL ends one of the two as a deadlock, and it runs again; SQLite
		// lets one wait for the other.
		both := make(chan struct{}, 2)
		var wg sync.WaitGroup
		for _, order := range [][]string{{"a", "b"}, {"b", "a"}} {
			wg.Go(func() {
				first := true
				err := s.Tx(ctx, func(tx *store.Tx) error {
					if err := tx.PutAccount(ctx, order[0], "", 1); err != nil {
						return err
					}
					if first {
						first = false
						both <- struct{}{}
						for range 20 { // give the other time to take its first row
							if len(both) == 2 {
								break
							}
							time.Sleep(5 * time.Millisecond)
						}
					}
					return tx.PutAccount(ctx, order[1], "", 1)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Tx(ctx, func(*store.Tx) error { return nil }); err == nil {
			t.Error("a transaction of a cancelled context committed")
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// work is the job of the suite.
type work struct {
	Name string `json:"name"`
}

// Kind names the job.
func (work) Kind() string { return "storetest_work" }

// crew counts the runs of each job and answers as it is told.
type crew struct {
	mu   sync.Mutex
	runs map[string]int // guarded by mu
	on   map[string]func(run int) error
	done chan string
}

func (c *crew) handle(_ context.Context, w work) error {
	c.mu.Lock()
	c.runs[w.Name]++
	run := c.runs[w.Name]
	c.mu.Unlock()
	if f := c.on[w.Name]; f != nil {
		if err := f(run); err != nil {
			return err
		}
	}
	c.done <- w.Name
	return nil
}

// start works on jobs until the test ends.
func (c *crew) start(t *testing.T, s *store.Store) {
	t.Helper()
	j := store.NewJobs()
	store.Handle(j, c.handle)
	stop, err := s.Start(context.Background(), j)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := stop(ctx); err != nil {
			t.Errorf("stopping jobs: %v", err)
		}
	})
}

// wait waits for jobs to end, in any order. The limit is for hanging tests.
func (c *crew) wait(t *testing.T, names ...string) {
	t.Helper()
	want := map[string]bool{}
	for _, n := range names {
		want[n] = true
	}
	for len(want) > 0 {
		select {
		case n := <-c.done:
			delete(want, n)
		case <-time.After(45 * time.Second):
			t.Fatalf("these jobs were never done: %v", want)
		}
	}
}

func jobs(t *testing.T, open func(testing.TB) *store.Store) {
	newCrew := func() *crew {
		return &crew{runs: map[string]int{}, on: map[string]func(int) error{}, done: make(chan string, 100)}
	}
	enqueue := func(t *testing.T, s *store.Store, at time.Time, fail error, names ...string) {
		t.Helper()
		err := s.Tx(t.Context(), func(tx *store.Tx) error {
			for _, n := range names {
				if err := tx.Enqueue(t.Context(), work{n}, at); err != nil {
					return err
				}
			}
			return fail
		})
		if !errors.Is(err, fail) {
			t.Fatal(err)
		}
	}
	t.Run("exists if and only if committed", func(t *testing.T) {
		t.Parallel()
		s, c := open(t), newCrew()
		enqueue(t, s, time.Time{}, errors.New("undo"), "rolled back")
		enqueue(t, s, time.Time{}, nil, "first", "second")
		enqueue(t, s, time.Now().Add(24*time.Hour), nil, "tomorrow")
		c.start(t, s)
		c.wait(t, "first", "second")
		enqueue(t, s, time.Time{}, nil, "while working")
		c.wait(t, "while working")
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.runs["rolled back"] != 0 || c.runs["tomorrow"] != 0 || c.runs["first"] != 1 || c.runs["second"] != 1 {
			t.Errorf("runs: %v", c.runs)
		}
	})
	t.Run("later and failing", func(t *testing.T) {
		t.Parallel()
		s, c := open(t), newCrew()
		var again, tried atomic.Int64
		c.on["later"] = func(run int) error {
			again.Store(int64(run))
			if run < 3 {
				return store.Later(time.Millisecond)
			}
			return nil
		}
		c.on["fails once"] = func(run int) error {
			tried.Store(int64(run))
			if run == 1 {
				return errors.New("first try")
			}
			return nil
		}
		c.on["panics once"] = func(run int) error {
			if run == 1 {
				panic("first try")
			}
			return nil
		}
		enqueue(t, s, time.Time{}, nil, "later", "fails once", "panics once")
		c.start(t, s)
		c.wait(t, "later", "fails once", "panics once")
		if again.Load() != 3 || tried.Load() != 2 {
			t.Errorf("%d runs with pauses and %d with a failure, want 3 and 2", again.Load(), tried.Load())
		}
	})
	t.Run("many producers", func(t *testing.T) {
		t.Parallel()
		s, c := open(t), newCrew()
		c.start(t, s)
		var names []string
		var wg sync.WaitGroup
		for w := range 4 {
			for i := range 10 {
				names = append(names, fmt.Sprint(w, "-", i))
			}
			wg.Go(func() {
				for i := range 10 {
					enqueue(t, s, time.Time{}, nil, fmt.Sprint(w, "-", i))
				}
			})
		}
		wg.Wait()
		c.wait(t, names...)
		c.mu.Lock()
		defer c.mu.Unlock()
		for n, runs := range c.runs {
			if runs != 1 {
				t.Errorf("job %s ran %d times", n, runs)
			}
		}
	})
}
