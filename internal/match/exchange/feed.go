package exchange

import (
	"context"
	"errors"
	"iter"
	"time"
)

// feed reads a service that answers in pages with everything since a time.
type feed struct {
	// fetch asks for one page: of c's window, after c.Token.
	fetch func(ctx context.Context, c cursor) (answer, error)
	// until, if not nil, makes windows that end: it returns the end of one that
	// begins at since, and whether that is as late as may be asked for now.
	until func(since int64) (end int64, latest bool)
	// forget is how long the service remembers deletions, 0 for ever: after a
	// longer pause everything is read again.
	forget time.Duration
	now    func() time.Time
}

// answer is one page as a service gives it.
type answer struct {
	changes []Change
	digest  string // of the body
	token   string // of the next page; empty on the last one
	max     int    // entries in the whole window; 0 when not told
	next    int64  // where the service wants to be asked from next; 0 when not told
	clock   int64  // the service's own; 0 when not told
}

// patience is how often a window is begun again because its pages contradict
// each other, before they are taken as they are.
const patience = 3

// resumed is how old a window may be, in seconds, to be the round's last one.
const resumed = 60

// Pages implements [Source].
func (f *feed) Pages(ctx context.Context, checkpoint string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		c, err := readCursor(checkpoint)
		if err != nil {
			yield(Page{}, err)
			return
		}
		if !c.Whole && f.forget > 0 && f.now().Sub(time.Unix(c.Since, 0)) > f.forget {
			yield(Page{}, &Failure{Why: "the last sync is longer ago than the source remembers deletions; everything will be read again", Restart: new(string)})
			return
		}
		if f.until != nil && c.Token == "" && c.Until == 0 {
			if end, _ := f.until(c.Since); end <= c.Since {
				return // asked again within the service's own delay
			}
		}
		for {
			page, next, more, err := f.step(ctx, c)
			if err != nil {
				yield(Page{}, err)
				return
			}
			page.Checkpoint = next.String()
			if !yield(page, nil) || !more {
				return
			}
			c = next
		}
	}
}

// step reads one page. more says that there is another one to read now.
func (f *feed) step(ctx context.Context, c cursor) (p Page, next cursor, more bool, err error) {
	if c.Token == "" {
		c = c.window()
	}
	if f.until != nil && c.Until == 0 {
		c.Until, c.Latest = f.until(c.Since)
	}
	a, err := f.fetch(ctx, c)
	if err != nil {
		return p, c, false, c.afterFailure(err)
	}
	if err := c.plausible(a); err != nil {
		return p, c, false, err
	}
	p = Page{Changes: a.changes, Whole: c.Whole, Begin: c.Whole && !c.Started}
	c.take(a)
	if a.token != "" {
		c.Token = a.token
		return p, c, true, nil
	}
	if f.until != nil {
		next, more = c.closeWindow()
		if end, _ := f.until(next.Since); !more && end-c.Until > resumed {
			more = true // this window was begun by an earlier round; go on to now
		}
	} else {
		next, more = c.closeOpen(a)
	}
	if p.End = c.Whole && !more; p.End {
		next.Whole, next.Started = false, false
	}
	return p, next, more, nil
}

// afterFailure begins the window again when the service does not know the token
// of the next page any more.
func (c cursor) afterFailure(err error) error {
	if e, ok := errors.AsType[*Failure](err); ok && e.Refused && c.Token != "" {
		return c.restart(e.Why)
	}
	return err
}

// plausible compares a page with what went before.
func (c cursor) plausible(a answer) error {
	if len(a.changes) > 0 && a.digest == c.Last {
		return c.restart("the source sent the same page twice")
	}
	if a.token != "" && a.token == c.Token {
		return c.restart("the source leads from a page to itself")
	}
	if c.Token != "" && len(a.changes) == 0 && a.token == "" && c.Again < patience {
		return c.restart("the source announced a page and sent an empty one")
	}
	if a.next != 0 && a.next < c.Since {
		return failure("the source went back in time")
	}
	for _, ch := range a.changes {
		// Times may have been cut to whole units on their way here.
		if at := ch.At; !at.IsZero() && c.Since > 0 && at.Unix() < c.Since {
			return failure("the source went back in time")
		}
	}
	return nil
}

// take notes a page.
func (c *cursor) take(a answer) {
	c.Started, c.Last = true, a.digest
	c.Seen += len(a.changes)
	if a.max != 0 {
		c.Moved = c.Moved || (c.Max != 0 && c.Max != a.max)
		c.Max = a.max
	}
	if a.clock != 0 && (c.Limit == 0 || a.clock < c.Limit) {
		c.Limit = a.clock
	}
	for _, ch := range a.changes {
		if !ch.At.IsZero() {
			c.Newest = max(c.Newest, ch.At.Unix())
		}
	}
}

// closeWindow decides where to go after the last page of a window that ends.
// The checkpoint passes the window only when all of it was read.
func (c cursor) closeWindow() (next cursor, more bool) {
	next = c.window()
	switch {
	case (c.Moved || c.Seen < c.Max) && c.Again < patience:
		next.Until, next.Again = 0, c.Again+1
		return next, true // once more
	case c.Seen > 0:
		next.Since = c.Until
		if c.Limit != 0 {
			// Our clock may be ahead of the source's.
			next.Since = max(c.Since, min(c.Until, c.Limit))
		}
	case c.Latest && !c.Whole: // an empty answer is no news: ask for the same and more next time
	case !c.Empty: // where something hangs on it, it counts when it comes twice
		next.Empty = true
		return next, true
	case c.Latest:
	default:
		next.Since = c.Until
	}
	next.Until, next.Again, next.Empty = 0, 0, false
	return next, !c.Latest
}

// closeOpen is for services without windows: the next question begins at the
// newest entry that was seen, or where the service says.
func (c cursor) closeOpen(a answer) (next cursor, more bool) {
	next = c.window()
	if c.Whole && c.Seen == 0 && !c.Empty {
		next.Empty = true // a list that is empty must say so twice
		return next, true
	}
	if c.Seen > 0 {
		next.Since = max(c.Since, c.Newest)
		if a.next != 0 && c.Again < patience {
			next.Since = max(c.Since, a.next)
		}
	}
	next.Until, next.Again, next.Empty = 0, 0, false
	return next, false
}
