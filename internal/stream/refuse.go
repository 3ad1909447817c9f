package stream

import (
	"context"
	"fmt"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// maxRefused bounds the quarantine for events that come from outside: a sender that
// repeats its mistake without end does not fill the disk.
const maxRefused = 10_000

// Refuse puts an event into quarantine that cannot even enter the stream, so that
// nothing is lost where its sender does not look at answers. Source and id may be
// empty. The same event twice is one. safety.RateLimited when the quarantine is full.
func (e *Events) Refuse(ctx context.Context, source, id string, body []byte, why error) error {
	if len(source) > maxName || len(id) > maxName {
		source, id = "", ""
	}
	key, sealed := e.keys.seal(letter{source, id, e.now(), body})
	return e.store.Tx(ctx, func(tx *store.Tx) error {
		n, err := tx.CountQuarantined(ctx)
		if err != nil {
			return fmt.Errorf("counting quarantined events: %w", err)
		}
		if n >= maxRefused {
			return safety.Errorf(safety.RateLimited, "%d events wait in quarantine; it takes no more", n)
		}
		if id != "" {
			if _, err := tx.QuarantinedByKey(ctx, key); err == nil {
				return nil
			} else if !store.IsNotFound(err) {
				return fmt.Errorf("looking for a quarantined event: %w", err)
			}
		}
		err = tx.QuarantineEvent(ctx, db.QuarantineEventParams{ID: safety.NewID("evq", e.now()), EventKey: key, Source: source,
			Partition: int64(e.PartitionOf(key)), At: e.at(), Reason: reason(why), Body: sealed})
		if err != nil {
			return fmt.Errorf("quarantining an event: %w", err)
		}
		return nil
	})
}
