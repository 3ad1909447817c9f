package exchange

import (
	"context"
	"fmt"
	"slices"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// edit collects what the changes of one transaction do to the list. Entries and
// their fingerprints are written at once; signals at its end.
type edit struct {
	tx      *store.Tx
	row     db.Exchange
	counts  counts
	adds    map[safety.Hash]match.Row
	removes []string
}

// signals is what the edit adds to the list and takes off it.
func (e *edit) signals() (adds []match.Row, removes []string) {
	for _, r := range e.adds {
		adds = append(adds, r)
	}
	slices.SortFunc(adds, func(a, b match.Row) int {
		return slices.Compare([]string{string(a.Hash.Type), a.Hash.Value}, []string{string(b.Hash.Type), b.Hash.Value})
	})
	return adds, e.removes
}

// change brings one entry to the state that the source tells, unless a later
// one is known.
func (e *edit) change(ctx context.Context, c *Change) error {
	e.counts.malformed += int64(c.Malformed)
	e.counts.unknown += int64(c.Unknown)
	known, err := e.tx.ExchangeEntry(ctx, e.row.ID, c.Key)
	fresh := store.IsNotFound(err)
	if err != nil && !fresh {
		return fmt.Errorf("reading entry: %w", err)
	}
	digest, stamp := c.digest(), store.Micros(c.At)
	if !fresh && (digest == known.Digest || (stamp != 0 && stamp < known.Stamp)) {
		if digest != known.Digest {
			e.counts.outdated++
		}
		return e.see(ctx, known, max(stamp, known.Stamp))
	}
	if c.Deleted && (fresh || known.Deleted) {
		// Remembered, so that an older copy does not bring it to life.
		return e.put(ctx, c, digest, stamp)
	}
	e.counts.changes++
	if err := e.put(ctx, c, digest, stamp); err != nil {
		return err
	}
	gone, err := e.prints(ctx, c)
	if c.Deleted || gone {
		e.counts.removals++
	}
	return err
}

func (e *edit) put(ctx context.Context, c *Change, digest string, stamp int64) error {
	err := e.tx.PutExchangeEntry(ctx, db.PutExchangeEntryParams{ExchangeID: e.row.ID, EntryKey: c.Key, Stamp: stamp, Digest: digest,
		Deleted: c.Deleted, Generation: e.row.Generation})
	if err != nil {
		return fmt.Errorf("storing entry: %w", err)
	}
	return nil
}

// see notes that a complete reading met an entry that has not changed.
func (e *edit) see(ctx context.Context, known db.ExchangeEntry, stamp int64) error {
	if known.Generation == e.row.Generation && known.Stamp == stamp {
		return nil
	}
	err := e.tx.PutExchangeEntry(ctx, db.PutExchangeEntryParams{ExchangeID: e.row.ID, EntryKey: known.EntryKey, Stamp: stamp,
		Digest: known.Digest, Deleted: known.Deleted, Generation: e.row.Generation})
	if err != nil {
		return fmt.Errorf("marking entry: %w", err)
	}
	return nil
}

// prints makes an entry's fingerprints those of c. It reports whether an entry
// that had some has none any more.
func (e *edit) prints(ctx context.Context, c *Change) (gone bool, err error) {
	old, err := e.tx.EntryPrints(ctx, e.row.ID, c.Key)
	if err != nil {
		return false, fmt.Errorf("reading fingerprints: %w", err)
	}
	var want []safety.Hash
	if !c.Deleted {
		want = c.Prints
	}
	have := map[safety.Hash]bool{}
	dropped := 0
	for _, p := range old {
		h := safety.Hash{Type: safety.HashType(p.HashType), Value: p.HashValue}
		have[h] = true
		if slices.Contains(want, h) {
			continue
		}
		if err := e.drop(ctx, c.Key, h); err != nil {
			return false, err
		}
		dropped++
	}
	for _, h := range want {
		if have[h] {
			continue
		}
		have[h] = true
		if err := e.add(ctx, c, h); err != nil {
			return false, err
		}
	}
	return !c.Deleted && dropped > 0 && len(want) == 0, nil
}

func (e *edit) add(ctx context.Context, c *Change, h safety.Hash) error {
	holders, err := e.tx.PrintHolders(ctx, e.row.ID, string(h.Type), h.Value)
	if err != nil {
		return fmt.Errorf("reading holders: %w", err)
	}
	if err := e.tx.AddPrint(ctx, db.AddPrintParams{ExchangeID: e.row.ID, EntryKey: c.Key, HashType: string(h.Type), HashValue: h.Value}); err != nil {
		return fmt.Errorf("storing fingerprint: %w", err)
	}
	if body, ok := c.Bodies[h.Value]; ok {
		if err := e.tx.AddPrintBody(ctx, h.Value, body); err != nil {
			return fmt.Errorf("storing fingerprint: %w", err)
		}
	}
	// A person may have taken the signal off the list; another entry with the
	// same fingerprint does not put it back.
	if len(holders) == 0 {
		e.adds[h] = match.Row{Hash: h, Note: c.Note, Source: c.Origin, Classification: c.Classification}
	}
	return nil
}

func (e *edit) drop(ctx context.Context, key string, h safety.Hash) error {
	err := e.tx.DropPrint(ctx, db.DropPrintParams{ExchangeID: e.row.ID, EntryKey: key, HashType: string(h.Type), HashValue: h.Value})
	if err != nil {
		return fmt.Errorf("dropping fingerprint: %w", err)
	}
	holders, err := e.tx.PrintHolders(ctx, e.row.ID, string(h.Type), h.Value)
	if err != nil {
		return fmt.Errorf("reading holders: %w", err)
	}
	if len(holders) > 0 {
		return nil
	}
	if _, ok := e.adds[h]; ok { // came and went in one transaction
		delete(e.adds, h)
		return nil
	}
	s, err := e.tx.SignalOfPrint(ctx, e.row.ListID, string(h.Type), h.Value)
	if store.IsNotFound(err) {
		return nil // a person was quicker
	}
	if err != nil {
		return fmt.Errorf("reading signal: %w", err)
	}
	e.removes = append(e.removes, s.ID)
	return nil
}

// bury removes an entry that the source does not have any more.
func (e *edit) bury(ctx context.Context, key string) error {
	e.counts.removals++
	e.counts.changes++
	if err := e.tx.BuryEntry(ctx, e.row.ID, key); err != nil {
		return fmt.Errorf("removing entry: %w", err)
	}
	_, err := e.prints(ctx, &Change{Key: key, Deleted: true})
	return err
}
