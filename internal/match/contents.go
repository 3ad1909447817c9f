package match

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// ContentOnList is what one or several signals of a list were made from.
type ContentOnList struct {
	Number   int64 // for HMA's clients: 53 bits, exact in every JSON reader
	Signals  []safety.Hash
	Note     string
	Metadata string    // JSON, as it was given; empty when none was
	OffUntil time.Time // it does not match until then; zero when it does
}

// contentNumber is the number of a content whose first signal has this id.
func contentNumber(signalID string) int64 {
	sum := sha256.Sum256([]byte(signalID))
	return max(1, int64(binary.BigEndian.Uint64(sum[:8])>>11))
}

const (
	maxNote     = 255
	maxMetadata = 16 << 10
	// maxContentPause is HMA's: five years.
	maxContentPause = 5 * 365 * 24 * time.Hour
)

// AddContent puts the signals of one content on a list. Signals that the list
// has already stay what they are, and the number of theirs is returned.
func (ls *Lists) AddContent(ctx context.Context, actor, name string, c ContentOnList) (number int64, err error) {
	if utf8.RuneCountInString(c.Note) > maxNote || len(c.Metadata) > maxMetadata {
		return 0, safety.Errorf(safety.Invalid, "note is over %d characters or metadata over %d bytes", maxNote, maxMetadata)
	}
	if len(c.Signals) == 0 {
		return 0, safety.Errorf(safety.Invalid, "no signals given")
	}
	for _, h := range c.Signals {
		if _, err := signal(h.Type, h.Value); err != nil {
			return 0, err
		}
	}
	err = ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		number = 0 // the transaction may run more than once
		if err := byHand(ctx, tx.Queries, l.ID); err != nil {
			return err
		}
		now := ls.now()
		version, err := ls.bump(ctx, tx, l.ID, 0)
		if err != nil {
			return err
		}
		if _, err := tx.DropStagedSignals(ctx, l.ID, version-1); err != nil {
			return fmt.Errorf("dropping staged signals: %w", err)
		}
		fresh := int64(0)
		for _, h := range c.Signals {
			old, err := tx.LiveSignal(ctx, l.ID, string(h.Type), h.Value)
			if err == nil {
				if number == 0 {
					number = old.ContentNumber
				}
				continue
			}
			if !store.IsNotFound(err) {
				return fmt.Errorf("looking for signal: %w", err)
			}
			id := safety.NewID("sig", now)
			if fresh == 0 {
				fresh = contentNumber(id)
			}
			_, err = tx.AddSignal(ctx, db.AddSignalParams{ID: id, ListID: l.ID, HashType: string(h.Type), HashValue: h.Value, Note: c.Note,
				Source: actor, AddedVersion: version, CreatedAt: store.Micros(now), ContentNumber: fresh})
			if err != nil {
				return fmt.Errorf("adding signal: %w", err)
			}
		}
		if fresh != 0 {
			number = fresh
		}
		if c.Note != "" || c.Metadata != "" {
			if err := ls.putContent(ctx, tx, l.ID, number, c); err != nil {
				return err
			}
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "list.content.add", Subject: name,
			Detail: fmt.Sprintf("content %d, %d signals, version %d", number, len(c.Signals), version)})
	})
	return number, err
}

func (ls *Lists) putContent(ctx context.Context, tx *store.Tx, listID string, number int64, c ContentOnList) error {
	err := tx.PutContent(ctx, db.PutContentParams{Number: number, ListID: listID, Note: c.Note, Metadata: c.Metadata,
		OffUntil: store.Micros(c.OffUntil), UpdatedAt: store.Micros(ls.now())})
	if err != nil {
		return fmt.Errorf("writing content: %w", err)
	}
	return nil
}

// Content returns one content of a list.
func (ls *Lists) Content(ctx context.Context, name string, number int64) (ContentOnList, error) {
	l, err := ls.store.Read().ListByName(ctx, name)
	if err != nil {
		return ContentOnList{}, store.NotFound(err, "list")
	}
	return content(ctx, ls.store.Read(), l.ID, number)
}

func content(ctx context.Context, q *db.Queries, listID string, number int64) (ContentOnList, error) {
	out := ContentOnList{Number: number}
	rows, err := q.SignalsOfContent(ctx, number, listID)
	if err != nil {
		return out, fmt.Errorf("reading signals: %w", err)
	}
	if len(rows) == 0 || number == 0 {
		return out, safety.Errorf(safety.NotFound, "no such content on this list")
	}
	for _, r := range rows {
		out.Signals = append(out.Signals, safety.Hash{Type: safety.HashType(r.HashType), Value: r.HashValue})
	}
	c, err := q.Content(ctx, number, listID)
	if store.IsNotFound(err) {
		out.Note = rows[0].Note
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("reading content: %w", err)
	}
	out.Note, out.Metadata, out.OffUntil = c.Note, c.Metadata, store.Time(c.OffUntil)
	return out, nil
}

// ChangeContent sets what is said of a content; nil keeps what is there. Until
// off the content does not match.
func (ls *Lists) ChangeContent(ctx context.Context, actor, name string, number int64, note *string, off *time.Time) (ContentOnList, error) {
	if note != nil && utf8.RuneCountInString(*note) > maxNote {
		return ContentOnList{}, safety.Errorf(safety.Invalid, "note is over %d characters", maxNote)
	}
	if off != nil && off.After(ls.now().Add(maxContentPause)) {
		return ContentOnList{}, safety.Errorf(safety.Invalid, "a content is switched off for five years at most; remove it instead")
	}
	var out ContentOnList
	err := ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		var err error
		if out, err = content(ctx, tx.Queries, l.ID, number); err != nil {
			return err
		}
		detail := fmt.Sprintf("content %d", number)
		if note != nil {
			out.Note = *note
		}
		if off != nil {
			out.OffUntil = *off
			detail += ", off until " + off.UTC().Format(time.RFC3339)
		}
		if err := ls.putContent(ctx, tx, l.ID, number, out); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.content.change", Subject: name, Detail: detail})
	})
	return out, err
}

// RemoveContent takes the signals of a content off a list and says how many
// there were.
func (ls *Lists) RemoveContent(ctx context.Context, actor, name string, number int64) (n int64, err error) {
	err = ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		n = 0
		if number == 0 {
			return nil
		}
		version, err := ls.bump(ctx, tx, l.ID, 0)
		if err != nil {
			return err
		}
		if _, err := tx.DropStagedSignals(ctx, l.ID, version-1); err != nil {
			return fmt.Errorf("dropping staged signals: %w", err)
		}
		if n, err = tx.RemoveContentSignals(ctx, number, l.ID, version); err != nil {
			return fmt.Errorf("removing signals: %w", err)
		}
		if n == 0 {
			return nil
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.content.remove", Subject: name,
			Detail: fmt.Sprintf("content %d, %d signals, version %d", number, n, version)})
	})
	return n, err
}

// Rename gives a list another name. Findings made before keep the old one.
func (ls *Lists) Rename(ctx context.Context, actor, name, to string) error {
	if !listName.MatchString(to) {
		return safety.Errorf(safety.Invalid, "a list name is 1 to 64 of a-z, 0-9, dot, dash and underscore")
	}
	return ls.change(ctx, name, func(tx *store.Tx, l db.List) error {
		if l.Kind == string(safety.ListCanary) {
			return safety.Errorf(safety.Invalid, "the canary's list keeps its name")
		}
		if other, err := tx.ListByName(ctx, to); err == nil && other.ID != l.ID {
			return safety.Errorf(safety.Conflict, "a list of this name exists")
		} else if err != nil && !store.IsNotFound(err) {
			return err
		}
		if err := tx.RenameList(ctx, l.ID, to); err != nil {
			return fmt.Errorf("renaming list: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.rename", Subject: to, Detail: "was " + name})
	})
}
