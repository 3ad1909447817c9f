package match

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// CanaryList is the name of the list that every installation has.
const CanaryList = "rowan-canary"

// Canary is a harmless drawing that is on [CanaryList]: sent to any Rowan, it
// drives the whole path, as the GTUBE text does for mail filters. It is never
// filed with a real authority.
//
//go:embed canary.png
var Canary []byte

// The canary's fingerprints. A test compares them with the picture.
const (
	canarySHA256 = "3f8a41a1910afa38531250da19f34ebd5a246bb006a45040e09ec8b7ee936a1b"
	canaryPDQ    = "c4e32a0c1f99c2b0e6773f0c71cd7239be12f1c6019c9c3d08c277e60e3cff31"
)

// EnsureCanary makes the canary's list when it is not there.
func (ls *Lists) EnsureCanary(ctx context.Context) error {
	return ls.store.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.ListByName(ctx, CanaryList)
		if err == nil || !store.IsNotFound(err) {
			return err
		}
		now := ls.now()
		id := safety.NewID("lst", now)
		err = tx.CreateList(ctx, db.CreateListParams{ID: id, Name: CanaryList, Kind: string(safety.ListCanary),
			Source: "Rowan's own test picture; see docs/start.md", Threshold: 31, Enabled: true, CreatedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("making canary list: %w", err)
		}
		version, err := ls.bump(ctx, tx, id, 0)
		if err != nil {
			return err
		}
		for t, value := range map[safety.HashType]string{safety.SHA256: canarySHA256, safety.PDQ: canaryPDQ} {
			_, err := tx.AddSignal(ctx, db.AddSignalParams{ID: safety.NewID("sig", now), ListID: id, HashType: string(t), HashValue: value,
				Note: "canary", AddedVersion: version, CreatedAt: store.Micros(now)})
			if err != nil {
				return fmt.Errorf("adding canary: %w", err)
			}
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "list.create", Subject: CanaryList, Detail: "the canary"})
	})
}
