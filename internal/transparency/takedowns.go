package transparency

import (
	"context"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Takedowns counts notices of intimate images that were received in the period.
type Takedowns struct {
	Laws     []TakedownLaw    `json:"laws"`
	States   map[string]int64 `json:"states"`   // as they are now
	Refusals map[string]int64 `json:"refusals"` // that stand, by reason
	End      Median           `json:"end"`      // from receipt to the end, of those that have one and are no case
}

// TakedownLaw counts the notices by one law that did not become cases.
type TakedownLaw struct {
	Law     string `json:"law"`
	InTime  int64  `json:"in_time"` // ended within their time: 48 hours by law
	Late    int64  `json:"late"`    // ended after it, or wait past it
	Waiting int64  `json:"waiting"` // still in time
}

var (
	takedownCols   = []string{"in_time", "late", "waiting"}
	takedownStates = []string{"open", "decided", "removed", "refused", "moved"}
)

// takedowns counts; lateness is as of the making of the counts.
func takedowns(ctx context.Context, q *db.Queries, c *Counts, from, to int64) error {
	c.Takedowns = Takedowns{Laws: []TakedownLaw{}, States: map[string]int64{}, Refusals: map[string]int64{}}
	rows, err := q.TakedownsBetween(ctx, from, to)
	if err != nil {
		return err
	}
	now := store.Micros(c.Made)
	by := map[string]int{}
	var waits []int64
	for _, r := range rows {
		c.Takedowns.States[r.State]++
		if r.State == "moved" {
			continue
		}
		i, ok := by[r.Law]
		if !ok {
			i = len(c.Takedowns.Laws)
			by[r.Law] = i
			c.Takedowns.Laws = append(c.Takedowns.Laws, TakedownLaw{Law: r.Law})
		}
		l := &c.Takedowns.Laws[i]
		switch {
		case r.Late || r.EndedAt == 0 && r.DueAt < now:
			l.Late++
		case r.EndedAt == 0:
			l.Waiting++
		default:
			l.InTime++
		}
		if r.EndedAt != 0 {
			waits = append(waits, r.EndedAt-r.ReceivedAt)
		}
	}
	c.Takedowns.End = median(waits)
	reasons, err := q.TakedownRefusalsBetween(ctx, from, to)
	for _, r := range reasons {
		c.Takedowns.Refusals[r.Reason] = r.N
	}
	return err
}

// tables count the same notices in three ways.
func (t *Takedowns) tables() []Table {
	laws := tally("takedown-notices", "law", takedownCols, func(put func(string, string, int64)) {
		for _, l := range t.Laws {
			put(l.Law, "in_time", l.InTime)
			put(l.Law, "late", l.Late)
			put(l.Law, "waiting", l.Waiting)
		}
	})
	states := Table{Name: "takedown-states", Row: "state", Cols: []string{"notices"}}
	for _, s := range takedownStates {
		states.Rows, states.N = append(states.Rows, s), append(states.N, []int64{t.States[s]})
	}
	refusals := tally("takedown-exceptions", "reason", []string{"notices"}, func(put func(string, string, int64)) {
		for r, n := range t.Refusals {
			put(r, "notices", n)
		}
	})
	return []Table{laws, states, refusals}
}
