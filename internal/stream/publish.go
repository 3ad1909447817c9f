package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rowan-safety/rowan/internal/safety"
)

// Placed says where an event is.
type Placed struct {
	Seq       uint64 // 0: nothing may be assumed of it
	Duplicate bool   // the broker had it already, published within EventsConfig.Window
}

// Unplaced is in the chain of [Events.Publish]'s errors: which of the events
// were not acknowledged, by their index.
type Unplaced struct {
	Indexes []int
	Cause   error // of the first of them
}

func (u *Unplaced) Error() string {
	return fmt.Sprintf("%d events were not acknowledged: %v", len(u.Indexes), u.Cause)
}

func (u *Unplaced) Unwrap() error { return u.Cause }

// maxName bounds source, id and conversation, in bytes.
const maxName = 1024

// Publish puts events on the broker's disk. An event with a Seq is there; an
// error says by [Unplaced] which are not known to be. Those may be published
// again: an event is applied once. Kinds: safety.Invalid and safety.TooLarge
// (then nothing was sent), safety.RateLimited when the stream is full,
// safety.Unavailable otherwise.
//
// Within one call, an event of a conversation is sent only after the one before
// it was acknowledged, so that a failure never lets a later one overtake.
func (e *Events) Publish(ctx context.Context, out []Outgoing) ([]Placed, error) {
	msgs, err := e.pack(out)
	if err != nil {
		return make([]Placed, len(out)), err
	}
	p := &publication{e: e, msgs: msgs, placed: make([]Placed, len(out)), errs: make([]error, len(out))}
	if err := e.heal(ctx); err != nil {
		return p.placed, err
	}
	floor := e.high.Load()
	for _, wave := range waves(out) {
		p.send(ctx, wave)
	}
	return p.placed, p.finish(ctx, floor)
}

func (e *Events) pack(out []Outgoing) ([]*nats.Msg, error) {
	for i, o := range out {
		switch {
		case o.Source == "" || o.ID == "" || len(o.Source) > maxName || len(o.ID) > maxName || len(o.Conversation) > maxName:
			return nil, safety.Errorf(safety.Invalid, "event %d needs a source and an id of at most %d bytes", i, maxName)
		case len(o.Body) > e.maxBody:
			return nil, safety.Errorf(safety.TooLarge, "event %d is larger than %d bytes", i, e.maxBody)
		}
	}
	msgs := make([]*nats.Msg, len(out))
	for i, o := range out {
		key, sealed := e.keys.seal(letter{o.Source, o.ID, e.now(), o.Body})
		conversation := o.Conversation
		if conversation == "" {
			conversation = key
		}
		msgs[i] = &nats.Msg{Subject: subjectOf(e.PartitionOf(conversation)), Header: nats.Header{idHeader: {key}}, Data: sealed}
	}
	return msgs, nil
}

// waves sorts indexes so that each wave has at most one event of a conversation,
// the first ones first.
func waves(out []Outgoing) [][]int {
	var all [][]int
	seen := map[string]int{}
	for i, o := range out {
		n := 0
		if o.Conversation != "" {
			n = seen[o.Conversation]
			seen[o.Conversation]++
		}
		if n == len(all) {
			all = append(all, nil)
		}
		all[n] = append(all[n], i)
	}
	return all
}

// publication is one call of Publish.
type publication struct {
	e      *Events
	msgs   []*nats.Msg
	placed []Placed
	errs   []error
	failed map[string]bool // partitions in which something failed
}

// errBehind is the reason of an event that was not sent because one before it failed.
var errBehind = errors.New("an event before it was not acknowledged")

// errTaken is the reason of an event whose key the broker has seen on something else.
var errTaken = errors.New("the broker holds something else under the event's key")

func (p *publication) send(ctx context.Context, wave []int) {
	futures := make([]jetstream.PubAckFuture, len(wave))
	for j, i := range wave {
		switch {
		case p.failed[p.msgs[i].Subject]:
			p.errs[i] = errBehind
		case ctx.Err() != nil:
			p.errs[i] = ctx.Err()
		default:
			futures[j], p.errs[i] = p.e.js.PublishMsgAsync(p.msgs[i], jetstream.WithStallWait(publishLimit))
		}
	}
	for j, i := range wave {
		if futures[j] != nil {
			p.await(ctx, futures[j], i)
		}
		if p.errs[i] != nil {
			if p.failed == nil {
				p.failed = map[string]bool{}
			}
			p.failed[p.msgs[i].Subject] = true
		}
	}
}

func (p *publication) await(ctx context.Context, f jetstream.PubAckFuture, i int) {
	select {
	case ack := <-f.Ok():
		if ack.Duplicate {
			// Whoever reaches the broker could have taken the event's key.
			if had, err := p.e.Get(ctx, ack.Sequence); err != nil || had.Key != p.msgs[i].Header[idHeader][0] {
				p.errs[i] = errors.Join(errTaken, err)
				return
			}
		}
		p.placed[i] = Placed{ack.Sequence, ack.Duplicate}
	case err := <-f.Err():
		p.errs[i] = err
	case <-ctx.Done():
		p.errs[i] = ctx.Err()
	}
}

// finish counts and turns the errors of single events into one.
func (p *publication) finish(ctx context.Context, floor uint64) error {
	e, un := p.e, &Unplaced{}
	var highest uint64
	for i, at := range p.placed {
		switch {
		case p.errs[i] != nil:
			if un.Cause == nil {
				un.Cause = p.errs[i]
			}
			un.Indexes = append(un.Indexes, i)
		case at.Duplicate:
			e.counts.repeated.Add(1)
		default:
			e.counts.published.Add(1)
			highest = max(highest, at.Seq)
			if at.Seq <= floor {
				e.regressed.Store(true)
			}
		}
	}
	e.seen(highest)
	if err := e.heal(ctx); err != nil {
		return err
	}
	if un.Cause == nil {
		return nil
	}
	e.counts.refused.Add(uint64(len(un.Indexes)))
	if full(un.Cause) {
		return safety.Wrap(safety.RateLimited, un, "the event stream is full; try again later")
	}
	return safety.Wrap(safety.Unavailable, un, "events were not acknowledged; publish them again")
}

// full reports whether the broker refuses because of its limits.
func full(err error) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return strings.HasPrefix(api.Description, "maximum ") || api.ErrorCode == 10023 || api.ErrorCode == 10047 // no resources, no storage
	}
	return errors.Is(err, jetstream.ErrTooManyStalledMsgs)
}

// seen raises the highest sequence known to exist.
func (e *Events) seen(seq uint64) {
	for {
		have := e.high.Load()
		if seq <= have || e.high.CompareAndSwap(have, seq) {
			return
		}
	}
}
