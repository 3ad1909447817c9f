package cases_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/cases"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestOpen_AtOnce: first contents of one account that arrive together open one
// case, on both engines.
func TestOpen_AtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		s := open(t)
		desk := cases.NewDesk(s, nil, time.Now, time.Hour, cases.Hooks{})
		const n = 12
		ids := make([]string, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				err := s.Tx(context.Background(), func(tx *store.Tx) error {
					got, err := desk.Open(t.Context(), tx, cases.Content{ContentID: fmt.Sprintf("p_%d", i/2), AccountID: "u_1",
						Surface: safety.SurfacePublic, Queue: "known", Priority: safety.P2, Reason: "r", SHA256: "s"})
					ids[i] = got.CaseID
					return err
				})
				if err != nil {
					t.Errorf("content %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Fatalf("several cases: %v", ids)
			}
		}
		if items, err := s.Read().ItemsOfCase(t.Context(), ids[0]); err != nil || len(items) != n/2 {
			t.Errorf("%d items, want %d: the same content twice is one item (%v)", len(items), n/2, err)
		}
	})
}
