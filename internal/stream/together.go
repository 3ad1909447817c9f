package stream

import (
	"context"

	"github.com/rowan-safety/rowan/internal/safety"
)

// aloneFrom is how many events make a call of Publish worth sending alone.
const aloneFrom = 64

// together has a small call sent with those that come at the same time: the
// broker waits for its disk once for all of them.
func (e *Events) together(ctx context.Context, p *publication) *publication {
	select {
	case e.mail <- p:
	case <-ctx.Done():
		return p.unsent(ctx.Err())
	case <-e.closed:
		return p.unsent(safety.Errorf(safety.Unavailable, "the event stream is closed"))
	}
	select {
	case done := <-p.sent:
		return done
	case <-ctx.Done(): // it may be stored all the same
		return p.unsent(ctx.Err())
	}
}

// unsent is p with no event acknowledged. p itself may still be on its way.
func (p *publication) unsent(err error) *publication {
	q := newPublication(p.e, p.out, p.msgs)
	for i := range q.errs {
		q.errs[i] = err
	}
	return q
}

// carry sends what is in the mail until the stream is closed.
func (e *Events) carry() {
	for {
		select {
		case <-e.closed:
			return
		case p := <-e.mail:
			e.carryAll(e.collect(p))
		}
	}
}

// collect takes what else is there already, up to one group.
func (e *Events) collect(first *publication) []*publication {
	calls, n, size := []*publication{first}, len(first.out), first.size()
	for n < maxBatch && size < maxBytes/2 {
		select {
		case p := <-e.mail:
			calls = append(calls, p)
			n, size = n+len(p.out), size+p.size()
		default:
			return calls
		}
	}
	return calls
}

func (p *publication) size() int {
	n := 0
	for _, m := range p.msgs {
		n += len(m.Data)
	}
	return n
}

func (e *Events) carryAll(calls []*publication) {
	all := newPublication(e, nil, nil)
	for _, p := range calls {
		all.out, all.msgs = append(all.out, p.out...), append(all.msgs, p.msgs...)
	}
	all.placed, all.errs = make([]Placed, len(all.out)), make([]error, len(all.out))
	ctx, cancel := context.WithTimeout(context.Background(), 2*publishLimit)
	defer cancel()
	all.sendAll(ctx)
	first := 0
	for _, p := range calls {
		done, end := newPublication(e, p.out, p.msgs), first+len(p.out)
		copy(done.placed, all.placed[first:end])
		copy(done.errs, all.errs[first:end])
		p.sent <- done
		first = end
	}
}
