package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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
// Within one call, an event of a conversation is never acknowledged unless the
// one before it was, so that a failure never lets a later one overtake. Calls
// with many events are far cheaper than many calls: the disk is waited for once.
func (e *Events) Publish(ctx context.Context, out []Outgoing) ([]Placed, error) {
	msgs, err := e.pack(out)
	if err != nil {
		return make([]Placed, len(out)), err
	}
	if err := e.heal(ctx); err != nil {
		return make([]Placed, len(out)), err
	}
	floor := e.high.Load()
	p := newPublication(e, out, msgs)
	if len(out) < aloneFrom {
		p = e.together(ctx, p)
	} else {
		p.sendAll(ctx)
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

// publication is one call of Publish, or several that are sent together.
type publication struct {
	e      *Events
	out    []Outgoing
	msgs   []*nats.Msg
	placed []Placed
	errs   []error
	failed map[string]bool   // partitions in which something failed
	sent   chan *publication // what became of it, when somebody else sends it
}

func newPublication(e *Events, out []Outgoing, msgs []*nats.Msg) *publication {
	return &publication{e: e, out: out, msgs: msgs, placed: make([]Placed, len(out)), errs: make([]error, len(out)), sent: make(chan *publication, 1)}
}

// sendAll sends groups that the broker stores whole or not at all, where it can,
// and the events of a group that it does not take one by one.
func (p *publication) sendAll(ctx context.Context) {
	out := p.out
	for first := 0; first < len(out); {
		end, size := first+1, len(p.msgs[first].Data)
		for end < len(out) && end-first < maxBatch && size+len(p.msgs[end].Data) <= maxBytes {
			size += len(p.msgs[end].Data)
			end++
		}
		if !p.sendGroup(ctx, first, end) {
			for _, wave := range waves(out[first:end]) {
				p.send(ctx, first, wave)
			}
		}
		first = end
	}
}

// sendGroup publishes a group atomically (NATS ADR-50) and reports whether that
// has decided what became of it. A group with a repetition in it, one that does
// not fit any more and one that a broker is too busy for are not taken.
func (p *publication) sendGroup(ctx context.Context, first, end int) bool {
	if end-first < 2 || !p.e.groups || len(p.failed) > 0 {
		return false
	}
	id := rand.Text()
	for i := first; i < end; i++ {
		m := *p.msgs[i] // the headers of a group are not the event's
		m.Header = nats.Header{idHeader: m.Header[idHeader], headerGroup: {id}, headerGroupSeq: {strconv.Itoa(i - first + 1)}}
		if i < end-1 {
			if err := p.e.nc.PublishMsg(&m); err != nil {
				return p.groupFailed(first, end, err)
			}
			continue
		}
		m.Header[headerGroupCommit] = []string{"1"}
		waiting, cancel := context.WithTimeout(ctx, publishLimit)
		defer cancel()
		r, err := p.e.nc.RequestMsgWithContext(waiting, &m)
		if err != nil {
			return p.groupFailed(first, end, err)
		}
		return p.groupPlaced(first, end, r.Data)
	}
	return false
}

// groupPlaced reads the acknowledgement: the group's sequences end with its own.
func (p *publication) groupPlaced(first, end int, data []byte) bool {
	var ack struct {
		Error *jetstream.APIError `json:"error"`
		Seq   uint64              `json:"seq"`
		Count int                 `json:"count"`
	}
	if err := json.Unmarshal(data, &ack); err != nil || ack.Error == nil && ack.Count != end-first {
		return p.groupFailed(first, end, errors.Join(errors.New("the broker's acknowledgement is broken"), err))
	}
	if ack.Error != nil {
		return false
	}
	for i := first; i < end; i++ {
		p.placed[i].Seq = ack.Seq - uint64(end-1-i)
	}
	return true
}

func (p *publication) groupFailed(first, end int, err error) bool {
	if p.failed == nil {
		p.failed = map[string]bool{}
	}
	for i := first; i < end; i++ {
		p.errs[i] = err
		p.failed[p.msgs[i].Subject] = true
	}
	return true
}

// errBehind is the reason of an event that was not sent because one before it failed.
var errBehind = errors.New("an event before it was not acknowledged")

// errTaken is the reason of an event whose key the broker has seen on something else.
var errTaken = errors.New("the broker holds something else under the event's key")

// send publishes the events of a wave, whose indexes count from base, one by one.
func (p *publication) send(ctx context.Context, base int, wave []int) {
	futures := make([]jetstream.PubAckFuture, len(wave))
	for j, i := range wave {
		switch i += base; {
		case p.failed[p.msgs[i].Subject]:
			p.errs[i] = errBehind
		case ctx.Err() != nil:
			p.errs[i] = ctx.Err()
		default:
			futures[j], p.errs[i] = p.e.js.PublishMsgAsync(p.msgs[i], jetstream.WithStallWait(publishLimit))
		}
	}
	for j, i := range wave {
		i += base
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
