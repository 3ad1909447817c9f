package match

import (
	"context"
	"fmt"
	"io"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Apply adds signals to a list and takes others (by id) off it, in tx and under
// one new version. A signal that the list has is left as it is. It is for lists
// that an exchange feeds; what a person does goes through [Lists.Import] and
// [Lists.RemoveSignal], which write the ledger.
func (ls *Lists) Apply(ctx context.Context, tx *store.Tx, listID string, add []Row, remove []string) error {
	if len(add) == 0 && len(remove) == 0 {
		return nil
	}
	version, err := ls.bump(ctx, tx, listID, 0)
	if err != nil {
		return err
	}
	// What an import that died has staged must not go live with this version.
	if _, err := tx.DropStagedSignals(ctx, listID, version-1); err != nil {
		return fmt.Errorf("dropping staged signals: %w", err)
	}
	for _, id := range remove {
		if _, err := tx.RemoveSignal(ctx, id, listID, version); err != nil {
			return fmt.Errorf("removing signal: %w", err)
		}
	}
	now := ls.now()
	for _, r := range add {
		if err := putBody(ctx, tx, r); err != nil {
			return err
		}
		id := safety.NewID("sig", now)
		_, err := tx.AddSignal(ctx, db.AddSignalParams{ID: id, ContentNumber: contentNumber(id), ListID: listID, HashType: string(r.Hash.Type),
			HashValue: r.Hash.Value, Note: clip(r.Note), Source: clip(r.Source), Classification: clip(r.Classification),
			AddedVersion: version, CreatedAt: store.Micros(now)})
		if err != nil {
			return fmt.Errorf("adding signal: %w", err)
		}
	}
	return nil
}

// byHand refuses to let a person's import into a list that an exchange feeds:
// nobody could tell later whose a signal is, and the exchange's removals would
// take the person's signals along.
func byHand(ctx context.Context, q *db.Queries, listID string) error {
	e, err := q.ExchangeOfList(ctx, listID)
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the list's exchange: %w", err)
	}
	return safety.Errorf(safety.Conflict, "this list is fed by the exchange %s; import into a list of its own", e.Name)
}

// ReadFile reads a file of a format that imports take and calls fn for each
// signal, or with the problem of a malformed row. An error of fn ends it.
func ReadFile(format Format, r io.Reader, fn func(Row, error) error) error {
	return parse(format, r, fn)
}

// ParseSignal is [safety.ParseSignal] with the rules of lists: a link is turned
// into its digest, and a PDQ hash that every featureless picture matches is
// refused.
func ParseSignal(t safety.HashType, text string) (safety.Hash, error) { return signal(t, text) }
