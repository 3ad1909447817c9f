package takedown

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Search says how far the search for the same picture has come.
type Search string

// How far it is.
const (
	SearchPending Search = "pending"
	SearchDone    Search = "done"            // everything that is kept was compared
	SearchUnknown Search = "content_unknown" // no hash is known: nothing could be compared
	SearchNone    Search = "not_made"        // a case has it
)

// View is a notice with all that belongs to it.
type View struct {
	db.Takedown
	Late       bool
	Left       time.Duration // until it is due; never more than the whole time; below zero when it is past
	Search     Search
	Contents   []db.TakedownContent
	Decisions  []db.TakedownDecision
	Complaints []db.TakedownComplaint
	Gaps       []string // what the law asks of a notice and this one has not
}

// Unconfirmed are the contents that are to go and not confirmed to be gone.
func (v View) Unconfirmed() (n int) {
	for _, c := range v.Contents {
		if !c.LeftUp && c.ConfirmedAt == 0 {
			n++
		}
	}
	return n
}

// Complained reports whether a complaint waits.
func (v View) Complained() bool {
	return slices.ContainsFunc(v.Complaints, func(c db.TakedownComplaint) bool { return c.Outcome == "" })
}

// Show completes a row.
func (d *Desk) Show(ctx context.Context, q *db.Queries, n db.Takedown) (View, error) {
	v := View{Takedown: n, Late: d.Late(n), Left: d.left(n), Gaps: gaps(n)}
	var err error
	if v.Contents, err = q.TakedownContents(ctx, n.ID); err != nil {
		return v, fmt.Errorf("reading contents: %w", err)
	}
	if v.Decisions, err = q.TakedownDecisions(ctx, n.ID); err != nil {
		return v, fmt.Errorf("reading decisions: %w", err)
	}
	if v.Complaints, err = q.TakedownComplaints(ctx, n.ID); err != nil {
		return v, fmt.Errorf("reading complaints: %w", err)
	}
	hashes, err := q.TakedownHashes(ctx, n.ID)
	if err != nil {
		return v, fmt.Errorf("reading hashes: %w", err)
	}
	switch {
	case in(n.State, Moved):
		v.Search = SearchNone
	case wantedOf(hashes).empty():
		v.Search = SearchUnknown
	case n.SearchedTo == 0:
		v.Search = SearchPending
	default:
		v.Search = SearchDone
	}
	return v, nil
}

// left is capped, so that a clock that was set back never gives more than the law.
func (d *Desk) left(n db.Takedown) time.Duration {
	return min(store.Time(n.DueAt).Sub(d.now()), store.Time(n.DueAt).Sub(store.Time(n.ReceivedAt)))
}

// gaps are what the law of the United States asks of a request [M].
func gaps(n db.Takedown) []string {
	out := []string{}
	if Law(n.Law) != US {
		return out
	}
	for what, ok := range map[string]bool{"signature": n.Signed, "good_faith": n.GoodFaith, "contact": len(n.Contact) > 0 || n.EndedAt != 0} {
		if !ok {
			out = append(out, what)
		}
	}
	slices.Sort(out)
	return out
}
