package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
)

// Answers travel through the broker's core (no disk) to whoever waits, sealed,
// after the transaction that they tell of has committed.
const (
	answerPrefix = "rowan.answers."
	askSubject   = "rowan.ask"
)

// The first byte of an answer, before what Apply said.
const (
	answered    = 'a'
	unanswered  = 'n' // applied, and Apply said nothing
	beforehand  = 'b' // applied by an earlier publication, whose answer is not kept
	quarantined = 'q'
)

var (
	errBefore      = safety.Errorf(safety.Conflict, "this event was applied before, and its answer is no longer kept")
	errNoAnswer    = safety.Errorf(safety.Conflict, "this event was applied and has no answer")
	errQuarantined = safety.Errorf(safety.Invalid, "this event could not be applied; it is kept for a person to look at")
)

// Await prepares to wait for the answer that Apply gives for an event, in
// whichever process: call it before [Events.Publish], then wait, then cancel in
// any case. wait returns the answer (nil is an answer), or an error: Conflict
// when the event was applied before and its answer is no longer kept, or Apply
// gave none; Invalid when it went into quarantine; the context's. An error never
// means that nothing was found.
func (e *Events) Await(key string) (wait func(context.Context) ([]byte, error), cancel func()) {
	got := make(chan *nats.Msg, 8)
	sub, err := e.nc.ChanSubscribe(answerPrefix+key, got)
	if err != nil {
		err = safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
		return func(context.Context) ([]byte, error) { return nil, err }, func() {}
	}
	w := &waiter{e: e, key: key, got: got}
	var once sync.Once
	return w.wait, func() { once.Do(func() { _ = sub.Unsubscribe() }) }
}

type waiter struct {
	e   *Events
	key string
	got chan *nats.Msg
}

func (w *waiter) wait(ctx context.Context) ([]byte, error) {
	// An answer may have been given long ago, or be lost with a process between
	// its commit and its sending: so look there too, rarely.
	pause := 20 * time.Millisecond
	for {
		timer := time.NewTimer(pause)
		select {
		case m := <-w.got:
			timer.Stop()
			if body, err, ok := w.e.readAnswer(w.key, m.Data); ok {
				return body, err
			}
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
			if body, err, ok := w.look(ctx); ok {
				return body, err
			}
			pause = min(2*pause, time.Second)
		}
	}
}

// look asks the database whether the event was applied, and the workers for what
// they remember; ok is false while there is no answer, be it an error.
func (w *waiter) look(ctx context.Context) (body []byte, err error, ok bool) {
	if held, err := w.e.store.Read().QuarantinedByKey(ctx, w.key); err == nil && held.State == "held" {
		return nil, errQuarantined, true
	}
	if _, err := w.e.store.Read().SeenEvent(ctx, w.key); err != nil {
		return nil, nil, false // not yet, or the database does not say: wait on
	}
	asking, cancel := context.WithTimeout(ctx, 250*time.Millisecond)
	defer cancel()
	if m, err := w.e.nc.RequestWithContext(asking, askSubject, []byte(w.key)); err == nil {
		if body, err, ok := w.e.readAnswer(w.key, m.Data); ok {
			return body, err, true
		}
	}
	select {
	case m := <-w.got:
		if body, err, ok := w.e.readAnswer(w.key, m.Data); ok {
			return body, err, true
		}
	case <-asking.Done(): // what was committed just now is still on its way
	}
	return nil, errBefore, true
}

// readAnswer opens an answer; ok is false for what is none of ours.
func (e *Events) readAnswer(key string, sealed []byte) (body []byte, err error, ok bool) {
	plain, opening := e.keys.answers.Open(sealed, key)
	if opening != nil || len(plain) == 0 {
		return nil, nil, false //nolint:nilerr // what does not open is none of ours, which ok says
	}
	switch plain[0] {
	case answered:
		return plain[1:], nil, true
	case unanswered:
		return nil, errNoAnswer, true
	case beforehand:
		return nil, errBefore, true
	case quarantined:
		return nil, errQuarantined, true
	}
	return nil, nil, false
}

// answer tells whoever waits, and remembers it for those who come later.
func (e *Events) answer(key string, status byte, body []byte) {
	sealed := e.keys.answers.Seal(append([]byte{status}, body...), key)
	if status != beforehand {
		e.recent.put(key, sealed)
	} else if kept := e.recent.get(key); kept != nil {
		sealed = kept
	}
	if err := e.nc.Publish(answerPrefix+key, sealed); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		e.log.Warn("an answer was not sent; whoever waits will ask again", "err", err)
	}
}

// listen answers those who ask for what this process remembers.
func (e *Events) listen() (*nats.Subscription, error) {
	sub, err := e.nc.Subscribe(askSubject, func(m *nats.Msg) {
		if kept := e.recent.get(string(m.Data)); kept != nil {
			_ = m.Respond(kept) // whoever asks gives up by itself
		}
	})
	if err != nil {
		return nil, safety.Wrap(safety.Unavailable, err, "the event broker does not answer")
	}
	return sub, nil
}

// Bounds of what a process remembers of its answers.
const (
	recentCount = 8192
	recentBytes = 8 << 20
)

// recent holds the last answers, sealed.
type recent struct {
	mu    sync.Mutex
	kept  map[string][]byte // guarded by mu
	order []string          // the oldest first, guarded by mu
	bytes int               // guarded by mu
}

func newRecent() *recent { return &recent{kept: map[string][]byte{}} }

func (r *recent) put(key string, sealed []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old, ok := r.kept[key]; ok {
		r.bytes -= len(old)
	} else {
		r.order = append(r.order, key)
	}
	r.kept[key] = sealed
	r.bytes += len(sealed)
	for len(r.order) > recentCount || r.bytes > recentBytes && len(r.order) > 1 {
		r.bytes -= len(r.kept[r.order[0]])
		delete(r.kept, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *recent) get(key string) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept[key]
}

// counters count since the process started.
type counters struct {
	published, repeated, refused                             counter
	applied, duplicates, retries, quarantined, lost, setBack counter
	fenced, stuck                                            counter
}

// at is now in the store's form.
func (e *Events) at() int64 { return store.Micros(e.now()) }
