package transparency_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/transparency"
)

// TestRequests: requests count by when they came, outcomes by when they were told,
// and what was withdrawn does not.
func TestRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		s, ctx := open(t), context.Background()
		from := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		day := func(n int) int64 { return store.Micros(from.AddDate(0, 0, n)) }
		err := s.Tx(ctx, func(tx *store.Tx) error {
			add := func(id, basis string, came, due int, end string, ended int) error {
				if err := tx.AddRequest(ctx, db.AddRequestParams{ID: id, Basis: basis, ReceivedAt: day(came), DueAt: day(due)}); err != nil || end == "" {
					return err
				}
				_, err := tx.EndRequest(ctx, db.EndRequestParams{ID: id, State: end, EndedAt: day(ended)})
				return err
			}
			for _, err := range []error{
				add("r1", "court_order", 0, 7, "answered", 5), add("r2", "court_order", 1, 4, "answered", 6), add("r3", "court_order", 2, 90, "", 0),
				add("r4", "voluntary", 3, 9, "refused", 4), add("r5", "voluntary", 4, 6, "", 0), add("r6", "voluntary", -1, 9, "answered", 1), add("r7", "voluntary", 31, 40, "answered", 32),
				tx.AddOutcome(ctx, db.AddOutcomeParams{ID: "o1", RequestID: "r1", Kind: "arrest", At: day(9)}),
				tx.AddOutcome(ctx, db.AddOutcomeParams{ID: "o2", RequestID: "r1", Kind: "arrest", At: day(10)}),
				tx.AddOutcome(ctx, db.AddOutcomeParams{ID: "o3", RequestID: "r1", Kind: "charge", At: day(10)}),
				tx.AddOutcome(ctx, db.AddOutcomeParams{ID: "o4", RequestID: "r1", Kind: "charge", At: day(31)}),
			} {
				if err != nil {
					return err
				}
			}
			_, err := tx.WithdrawOutcome(ctx, db.WithdrawOutcomeParams{ID: "o2", WithdrawnAt: day(11)})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := transparency.NewDesk(s, func() time.Time { return from.AddDate(0, 0, 31) }).Count(ctx, from, from.AddDate(0, 0, 31))
		if err != nil {
			t.Fatal(err)
		}
		seconds := int64(5 * 24 * 3600)
		want := transparency.Requests{Grounds: []transparency.RequestGround{{Basis: "court_order", Open: 1, Answered: 2, Late: 1}, {Basis: "voluntary", Open: 1, Refused: 1, Late: 1}},
			Outcomes: map[string]int64{"arrest": 1, "charge": 1}, End: transparency.Median{N: 3, Seconds: &seconds}}
		if diff := cmp.Diff(want, c.Requests); diff != "" {
			t.Error(diff)
		}
	})
}
