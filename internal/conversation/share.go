package conversation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Sharing is what signals to other platforms are made with.
type Sharing struct {
	Provenance string // the name under which the platform speaks; empty: nothing is shared
	Key        conduct.SignalKey
}

// Share makes a signal of what a person has confirmed in a case that stands decided
// as confirmed. Nothing else makes one.
func (d *Desk) Share(ctx context.Context, who safety.Actor, caseID string, s conduct.Draft) (out conduct.Signal, err error) {
	if d.cfg.Sharing.Provenance == "" {
		return out, safety.Errorf(safety.Conflict, "sharing signals is not configured: signals.provenance")
	}
	now := d.Now()
	s.ID, s.Provenance = safety.NewID("osg", now), d.cfg.Sharing.Provenance
	err = d.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := confirmed(ctx, tx, caseID); err != nil {
			return err
		}
		out, err = conduct.NewSignal(s, d.cfg.Sharing.Key, conduct.Confirmation{Person: who, Case: caseID, At: now})
		if err != nil {
			return err
		}
		if err := addOutgoing(ctx, tx, out.Stored()); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "signal.share", Subject: caseID, Detail: s.ID + " " + string(s.Type)})
	})
	return out, err
}

// confirmed fails unless a person has confirmed the case, and that stands.
func confirmed(ctx context.Context, tx *store.Tx, caseID string) error {
	if _, err := tx.LockCaseRow(ctx, caseID); err != nil {
		return store.NotFound(err, "case")
	}
	made, err := tx.DecisionsOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("reading decisions: %w", err)
	}
	for _, m := range made {
		if m.UndoneAt == 0 && m.Outcome == "confirmed" {
			return nil
		}
	}
	return safety.Errorf(safety.Conflict, "signals come from cases that a person has confirmed")
}

func addOutgoing(ctx context.Context, tx *store.Tx, k conduct.Stored) error {
	err := tx.AddOutgoing(ctx, db.AddOutgoingParams{ID: k.ID, CaseID: k.By.Case, Type: string(k.Type), Value: k.Value, Hashing: string(k.Hashing), KeyID: k.KeyID,
		Harm: string(k.Harm), FirstSeen: store.Micros(k.FirstSeen), Expiry: store.Micros(k.Expiry), Provenance: k.Provenance, ConfirmedBy: k.By.Person.ID,
		ConfirmedAt: store.Micros(k.By.At), State: string(k.State), ChangedBy: k.Changer, ChangedWhy: k.Why, ChangedAt: store.Micros(k.Changed)})
	if err != nil {
		return fmt.Errorf("keeping signal: %w", err)
	}
	return nil
}

func outgoing(r db.OutgoingSignal) (conduct.Signal, error) {
	return conduct.Stored{Draft: conduct.Draft{ID: r.ID, Type: conduct.SignalType(r.Type), Value: r.Value, Harm: conduct.Harm(r.Harm), FirstSeen: store.Time(r.FirstSeen),
		Expiry: store.Time(r.Expiry), Provenance: r.Provenance}, Hashing: conduct.Hashing(r.Hashing), KeyID: r.KeyID,
		By:    conduct.Confirmation{Person: safety.Actor{ID: r.ConfirmedBy, Person: true}, Case: r.CaseID, At: store.Time(r.ConfirmedAt)},
		State: conduct.SignalState(r.State), Changer: r.ChangedBy, Why: r.ChangedWhy, Changed: store.Time(r.ChangedAt)}.Restored()
}

// MoveSignal disputes a signal, lets it stand again or withdraws it, by a person with
// a reason.
func (d *Desk) MoveSignal(ctx context.Context, who safety.Actor, id string, to conduct.SignalState, why string) (out conduct.Signal, err error) {
	err = d.Store.Tx(ctx, func(tx *store.Tx) error {
		row, err := tx.LockOutgoing(ctx, id)
		if err != nil {
			return store.NotFound(err, "signal")
		}
		s, err := outgoing(row)
		if err != nil {
			return err
		}
		now := d.Now()
		if out, err = s.Move(to, who, why, now); err != nil {
			return err
		}
		if err := tx.SetOutgoing(ctx, db.SetOutgoingParams{ID: id, State: string(to), ChangedBy: who.ID, ChangedWhy: strings.TrimSpace(why), ChangedAt: store.Micros(now)}); err != nil {
			return fmt.Errorf("keeping signal: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "signal." + string(to), Subject: row.CaseID, Detail: id + ": " + strings.TrimSpace(why)})
	})
	return out, err
}

// Signals are those that changed after a moment (and, in that moment, after an id),
// the oldest change first, with the place to go on from.
func (d *Desk) Signals(ctx context.Context, since time.Time, after string, limit int) (out []conduct.Signal, last time.Time, id string, err error) {
	rows, err := d.Store.Read().OutgoingSince(ctx, store.Micros(since), after, int32(limit))
	if err != nil {
		return nil, last, "", fmt.Errorf("reading signals: %w", err)
	}
	last, id = since, after
	for _, r := range rows {
		s, err := outgoing(r)
		if err != nil {
			return nil, last, "", err
		}
		out, last, id = append(out, s), store.Time(r.ChangedAt), r.ID
	}
	return out, last, id, nil
}
