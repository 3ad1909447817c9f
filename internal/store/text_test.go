package store_test

import (
	"testing"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/storetest"
)

// TestTx_Unstorable: a zero byte is kept or refused as the caller's fault, and
// never as ours.
func TestTx_Unstorable(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, open func(testing.TB) *store.Store) {
		s := open(t)
		err := s.Tx(t.Context(), func(tx *store.Tx) error { return tx.PutAccount(t.Context(), "a\x00b", "{}", 1) })
		if err != nil && safety.KindOf(err) != safety.Invalid {
			t.Errorf("got %v", err)
		}
	})
}
