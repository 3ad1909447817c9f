package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/stream"
)

// The crash tests start this test binary again, as a worker or as a broker, and
// kill it.
const envChild = "ROWAN_STREAM_TEST_CHILD"

func TestMain(m *testing.M) {
	if task := os.Getenv(envChild); task != "" {
		if err := child(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// task is what a child is told.
type task struct {
	Broker     string // folder: be a broker, on Port
	Port       int
	DB, Dir    string // be a worker
	URL        string
	Partitions int
	Lease      time.Duration
}

// ask is a line of a worker's input, reply one of its output.
type ask struct {
	N      int
	Events []numbered // to be published
	Lag    bool
}

type numbered struct {
	Conversation string
	Number       int
}

func (n numbered) id() string { return fmt.Sprintf("%s/%06d", n.Conversation, n.Number) }

type reply struct {
	N       int // 0: ready
	Seqs    []uint64
	Pending uint64
	Counts  stream.Counts
	Err     string
}

func child(text string) error {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return err
	}
	if t.Broker != "" {
		return brokerChild(t)
	}
	return workerChild(t)
}

func brokerChild(t task) error {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: t.Port, JetStream: true, StoreDir: t.Broker, SyncAlways: true, NoSigs: true, NoLog: true, MaxPayload: 2 << 20})
	if err != nil {
		return err
	}
	srv.Start()
	for !srv.ReadyForConnections(time.Second) {
		if !srv.Running() {
			return fmt.Errorf("the broker did not start")
		}
	}
	fmt.Println(`{"N":0}`)
	_, _ = os.Stdin.Read(make([]byte, 1)) // ends with the parent
	srv.Shutdown()
	return nil
}

func workerChild(t task) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	s, err := store.Open(ctx, t.DB, log)
	if err != nil {
		return err
	}
	config := stream.EventsConfig{URL: t.URL, Dir: t.Dir, Partitions: t.Partitions, Replicas: 1, Key: streamKey, Lease: t.Lease, MaxBytes: 256 << 20}
	var e *stream.Events
	for e == nil { // the broker may have been killed just now
		if e, err = stream.OpenEvents(ctx, s, config, time.Now, log); err != nil && safety.KindOf(err) != safety.Unavailable {
			return err
		}
	}
	done := make(chan error, 1)
	go func() { done <- e.Work(ctx, countingApply()) }()
	c := &conversationist{e: e, out: json.NewEncoder(os.Stdout)}
	c.say(reply{})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		var a ask
		if err := json.Unmarshal(in.Bytes(), &a); err != nil {
			return err
		}
		go c.do(ctx, a)
	}
	cancel()
	return <-done
}

// countingApply numbers the events of each conversation and writes each down,
// so that whatever is applied twice, out of order or not at all can be seen.
func countingApply() stream.Apply {
	return func(ctx context.Context, tx *store.Tx, _ int, batch []stream.Envelope) (map[string][]byte, error) {
		answers := map[string][]byte{}
		for _, env := range batch {
			conversation, _, _ := strings.Cut(env.ID, "/")
			n, err := tx.UseQuota(ctx, "test", conversation)
			if err != nil {
				return nil, err
			}
			err = tx.AppendEntry(ctx, db.AppendEntryParams{ID: fmt.Sprintf("%s/%08d", conversation, n), Actor: fmt.Sprint(os.Getpid()), Action: "test.apply", Subject: conversation, Detail: env.ID})
			if err != nil {
				return nil, err
			}
			answers[env.Key] = fmt.Append(nil, n)
		}
		return answers, nil
	}
}

// conversationist answers a parent's questions, one line each.
type conversationist struct {
	e   *stream.Events
	mu  sync.Mutex
	out *json.Encoder
}

func (c *conversationist) say(r reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.out.Encode(r)
}

func (c *conversationist) do(ctx context.Context, a ask) {
	r := reply{N: a.N, Counts: c.e.Counts()}
	if a.Lag {
		l, err := c.e.Lag(ctx)
		r.Pending = l.Pending
		if err != nil {
			r.Err = err.Error()
		}
		c.say(r)
		return
	}
	out := make([]stream.Outgoing, len(a.Events))
	for i, n := range a.Events {
		out[i] = stream.Outgoing{Source: "load", ID: n.id(), Conversation: n.Conversation, Body: []byte(n.id())}
	}
	placed, err := c.e.Publish(ctx, out)
	if err != nil {
		r.Err = err.Error()
	}
	for _, p := range placed {
		r.Seqs = append(r.Seqs, p.Seq)
	}
	c.say(r)
}
