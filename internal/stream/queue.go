package stream

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
)

// queue holds what the broker has delivered and nobody has applied: at most
// maxBytes and one message more; beyond that the broker has to wait.
type queue struct {
	mu     sync.Mutex
	msgs   []delivered   // guarded by mu
	bytes  int           // guarded by mu
	last   uint64        // consumer sequence of the last message, guarded by mu
	err    error         // guarded by mu
	ready  chan struct{} // something was put, or failed
	space  chan struct{} // something was taken
	closed chan struct{}
}

// delivered is a message of the broker.
type delivered struct {
	subject string
	header  map[string][]string
	data    []byte
	seq     uint64
}

func newQueue() *queue {
	return &queue{ready: make(chan struct{}, 1), space: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (q *queue) close() { close(q.closed) }

// put waits for space. Messages carry a number of the consumer's: a gap means
// that one was lost on its way.
func (q *queue) put(m jetstream.Msg) {
	md, err := m.Metadata()
	if err != nil {
		q.fail(safety.Wrap(safety.Unavailable, err, "the broker delivers something else"))
		return
	}
	for {
		q.mu.Lock()
		if q.err == nil && md.Sequence.Consumer != q.last+1 {
			q.err = errGap
		}
		if q.err != nil {
			q.mu.Unlock()
			wake(q.ready)
			return
		}
		if q.bytes < maxBytes {
			q.last = md.Sequence.Consumer
			q.bytes += len(m.Data())
			q.msgs = append(q.msgs, delivered{m.Subject(), m.Headers(), m.Data(), md.Sequence.Stream})
			q.mu.Unlock()
			wake(q.ready)
			return
		}
		q.mu.Unlock()
		select {
		case <-q.space:
		case <-q.closed:
			return
		}
	}
}

// fail makes the next take that finds nothing return err.
func (q *queue) fail(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	q.mu.Unlock()
	wake(q.ready)
}

func (q *queue) empty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.msgs) == 0
}

// take returns up to n messages of at most maxBytes together, one at least; none
// after a time without.
func (q *queue) take(ctx context.Context, n int, patience time.Duration) ([]delivered, error) {
	t := time.NewTimer(patience)
	defer t.Stop()
	for {
		if msgs, err := q.pop(n); len(msgs) > 0 || err != nil {
			return msgs, err
		}
		select {
		case <-q.ready:
		case <-t.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (q *queue) pop(n int) ([]delivered, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size, i := 0, 0
	for i < min(n, len(q.msgs)) && (i == 0 || size+len(q.msgs[i].data) <= maxBytes) {
		size += len(q.msgs[i].data)
		i++
	}
	if i == 0 {
		return nil, q.err
	}
	out := q.msgs[:i:i]
	q.msgs = q.msgs[i:]
	q.bytes -= size
	wake(q.space)
	return out, nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
