package stream_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

// BenchmarkEvents publishes batches to the embedded broker and waits until all
// are applied on SQLite by an Apply that does nothing: what the stream itself costs.
func BenchmarkEvents(b *testing.B) {
	for _, batch := range []int{1, 32, 256} {
		b.Run(fmt.Sprint("publish ", batch), func(b *testing.B) {
			c := config(b)
			c.Partitions, c.MaxBytes = 16, 4<<30
			e := open(b, storetest.Open(b), c)
			defer work(b, e, func(context.Context, *store.Tx, int, []stream.Envelope) (map[string][]byte, error) { return nil, nil })()
			body, n := make([]byte, 300), 0
			began := time.Now()
			for b.Loop() {
				out := make([]stream.Outgoing, batch)
				for i := range out {
					out[i] = stream.Outgoing{Source: "bench", ID: fmt.Sprint(n), Conversation: fmt.Sprint(n % 1000), Body: body}
					n++
				}
				publish(b, e, out...)
			}
			b.ReportMetric(float64(n)/time.Since(began).Seconds(), "published/s")
			eventually(b, "applied", func() bool { return e.Counts().Applied == uint64(n) })
			b.ReportMetric(float64(n)/time.Since(began).Seconds(), "applied/s")
		})
	}
}

// BenchmarkEvents_Callers publishes one event at a time from many callers, as
// a door for single messages does.
func BenchmarkEvents_Callers(b *testing.B) {
	c := config(b)
	c.Partitions, c.MaxBytes = 16, 4<<30
	e := open(b, storetest.Open(b), c)
	defer work(b, e, func(context.Context, *store.Tx, int, []stream.Envelope) (map[string][]byte, error) { return nil, nil })()
	body := make([]byte, 300)
	var n atomic.Uint64
	began := time.Now()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := fmt.Sprint(n.Add(1))
			publish(b, e, stream.Outgoing{Source: "bench", ID: i, Conversation: i, Body: body})
		}
	})
	b.ReportMetric(float64(n.Load())/time.Since(began).Seconds(), "published/s")
	eventually(b, "applied", func() bool { return e.Counts().Applied == n.Load() })
	b.ReportMetric(float64(n.Load())/time.Since(began).Seconds(), "applied/s")
}
