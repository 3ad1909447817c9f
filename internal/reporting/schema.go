package reporting

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// SchemaArgs is the durable job that looks whether the authority has changed its
// schema.
type SchemaArgs struct{}

// Kind names the job.
func (SchemaArgs) Kind() string { return "report_schema" }

// CheckSchema asks NCMEC for its schema and compares it with the one that was
// seen last, and at first with the one that this version was written for. A
// change is announced and written to the ledger once; filing goes on, because
// what is refused is seen where refusals are seen. It returns whether it changed.
func (d *Desk) CheckSchema(ctx context.Context) (changed bool, err error) {
	if d.cfg.Client == nil {
		return false, nil
	}
	ex, err := d.cfg.Client.XSD(ctx)
	if err != nil {
		return false, fmt.Errorf("asking for the schema: %w", err)
	}
	sum := sha256.Sum256(ex.Body)
	digest := hex.EncodeToString(sum[:])
	err = d.store.Tx(ctx, func(tx *store.Tx) error {
		now := d.now()
		row := db.PutSchemaParams{Authority: string(NCMEC), Digest: digest, SeenAt: store.Micros(now), ChangedAt: store.Micros(now)}
		seen, err := tx.Schema(ctx, string(NCMEC))
		switch {
		case store.IsNotFound(err):
			// The stand-in serves a note in place of a schema that is not ours to copy.
			changed = d.cfg.Environment != Standin && digest != cybertip.SchemaSHA256
		case err != nil:
			return fmt.Errorf("reading schema: %w", err)
		case seen.Digest == digest:
			row.ChangedAt = seen.ChangedAt
		default:
			changed = true
		}
		if err := tx.PutSchema(ctx, row); err != nil || !changed {
			return err
		}
		if err := d.hooks.Announce(ctx, tx, safety.Event{Type: "authority.schema_changed", Subject: "authority:" + string(NCMEC),
			Data: map[string]any{"authority": string(NCMEC), "sha256": digest, "request_id": ex.RequestID}}); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "authority.schema", Subject: "authority:" + string(NCMEC),
			Detail: "the published schema is another one than before: " + digest})
	})
	return changed, err
}
