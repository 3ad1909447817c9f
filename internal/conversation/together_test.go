package conversation_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestTogether: on every engine, partitions that are worked on at the same time and
// name the same accounts lose nothing: every message is counted, every child that an
// actor approached is known, and one case holds what the actor did.
func TestTogether(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		t.Parallel()
		s := open(t)
		const partitions, rounds = 5, 6
		var wg sync.WaitGroup
		for p := range partitions {
			b := newBench(t, s, config())
			b.seq = uint64(1000 * p)
			wg.Go(func() {
				for r := range rounds {
					kid := conversation.Party{ID: fmt.Sprintf("kid%d", (p+r)%partitions), AgeBand: "13-15"}
					id := fmt.Sprintf("p%d r%d", p, r)
					b.apply(b.say(id, adult, kid, "i will show everyone"), b.say(id, kid, adult, "no, please stop"), b.say(id, adult, kid, "you have to pay me"))
				}
			})
		}
		wg.Wait()
		rows, err := s.Read().ConversationsOfActor(t.Context(), adult.ID, 200)
		if err != nil || len(rows) != partitions*rounds {
			t.Fatalf("%d conversations, %v", len(rows), err)
		}
		c, err := s.Read().OpenCaseOfAccount(t.Context(), adult.ID, false)
		if err != nil || c.Priority != string(safety.P1) {
			t.Fatalf("the case: %+v, %v", c, err)
		}
		for _, r := range rows {
			if r.Messages != 3 || r.CaseID != c.ID || r.Kept != 3 {
				t.Errorf("%s: %d messages, %d kept, case %s", r.ConversationID, r.Messages, r.Kept, r.CaseID)
			}
		}
		n, err := s.Read().CountItems(t.Context(), c.ID)
		if err != nil || n != partitions*rounds {
			t.Errorf("%d items, %v", n, err)
		}
		b := newBench(t, s, config())
		views, err := b.desk.OfCase(t.Context(), c.ID)
		if err != nil || len(views) != partitions*rounds || views[0].Cause != "fast" {
			t.Errorf("%d conversations on the case, %v", len(views), err)
		}
	})
}
