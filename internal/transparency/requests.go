package transparency

import (
	"context"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Requests counts the requests of law enforcement that came in the period, and the
// outcomes that authorities told of in it.
type Requests struct {
	Grounds  []RequestGround  `json:"grounds"`
	Outcomes map[string]int64 `json:"outcomes"` // by kind
	End      Median           `json:"end"`      // from the receipt to the end, of those that have one
}

// RequestGround counts the requests of one ground, as they are now.
type RequestGround struct {
	Basis     string `json:"basis"`
	Open      int64  `json:"open"`
	Answered  int64  `json:"answered"`
	Refused   int64  `json:"refused"`
	Withdrawn int64  `json:"withdrawn"` // by the authority
	Late      int64  `json:"late"`      // of them all: ended after their time, or wait past it
}

// requests counts; lateness is as of the making of the counts.
func requests(ctx context.Context, q *db.Queries, c *Counts, from, to int64) error {
	c.Requests = Requests{Grounds: []RequestGround{}, Outcomes: map[string]int64{}}
	rows, err := q.RequestsEnded(ctx, from, to)
	if err != nil {
		return err
	}
	by := map[string]int{}
	var waits []int64
	for _, r := range rows {
		i, ok := by[r.Basis]
		if !ok {
			i = len(c.Requests.Grounds)
			by[r.Basis] = i
			c.Requests.Grounds = append(c.Requests.Grounds, RequestGround{Basis: r.Basis})
		}
		g := &c.Requests.Grounds[i]
		end := r.EndedAt
		switch r.State {
		case "open":
			g.Open++
			end = store.Micros(c.Made)
		case "answered":
			g.Answered++
		case "refused":
			g.Refused++
		case "withdrawn":
			g.Withdrawn++
		}
		if end > r.DueAt {
			g.Late++
		}
		if r.EndedAt != 0 {
			waits = append(waits, r.EndedAt-r.ReceivedAt)
		}
	}
	c.Requests.End = median(waits)
	outcomes, err := q.CountOutcomes(ctx, from, to)
	for _, o := range outcomes {
		c.Requests.Outcomes[o.Kind] = o.N
	}
	return err
}

// tables count requests by ground, and outcomes. Lateness is not published: it
// counts the same requests again.
func (r *Requests) tables() (grounds, outcomes []Table) {
	g := tally("law-enforcement-requests", "basis", []string{"open", "answered", "refused", "withdrawn"}, func(put func(string, string, int64)) {
		for _, x := range r.Grounds {
			put(x.Basis, "open", x.Open)
			put(x.Basis, "answered", x.Answered)
			put(x.Basis, "refused", x.Refused)
			put(x.Basis, "withdrawn", x.Withdrawn)
		}
	})
	o := tally("outcomes", "outcome", []string{"outcomes"}, func(put func(string, string, int64)) {
		for kind, n := range r.Outcomes {
			put(kind, "outcomes", n)
		}
	})
	return []Table{g}, []Table{o}
}
