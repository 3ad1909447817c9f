package disclosure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Prepare makes the evidence bundle of one of the request's cases and seals it as it
// is. passphrase locks the bundle (docs/evidence-bundle.md) and is not kept; without
// one, the bundle has no content.
func (d *Desk) Prepare(ctx context.Context, who safety.Actor, requestID, caseID, passphrase string, withoutContent bool) (db.Disclosure, error) {
	// Looked at before the work and again with the lock: making a bundle takes time,
	// and puts an export on record.
	look := func(q *db.Queries, r db.Request) error {
		if r.State != string(Open) {
			return safety.Errorf(safety.Conflict, "this request is %s already", r.State)
		}
		if g, _ := ground(Basis(r.Basis)); !g.HandsOver {
			return safety.Errorf(safety.Conflict, "this asks to keep and not to hand over")
		}
		cases, err := q.CasesOfRequest(ctx, requestID)
		if err != nil {
			return fmt.Errorf("reading cases: %w", err)
		}
		if !slices.ContainsFunc(cases, func(c db.Case) bool { return c.ID == caseID }) {
			return safety.Errorf(safety.Conflict, "the request does not name this case")
		}
		all, err := q.DisclosuresOfRequest(ctx, requestID)
		if err != nil {
			return fmt.Errorf("reading hand-overs: %w", err)
		}
		if slices.ContainsFunc(all, func(x db.Disclosure) bool { return x.CaseID == caseID && x.HandedAt == 0 && x.DroppedAt == 0 }) {
			return safety.Errorf(safety.Conflict, "a bundle of this case waits already; hand it over or drop it first")
		}
		return nil
	}
	if !who.Person {
		return db.Disclosure{}, errPerson
	}
	r, err := d.store.Read().RequestByID(ctx, requestID)
	if err != nil {
		return db.Disclosure{}, store.NotFound(err, "request")
	}
	if err := look(d.store.Read(), r); err != nil {
		return db.Disclosure{}, err
	}
	bundle, err := d.hooks.Bundle(ctx, who, caseID, "for the request "+requestID, passphrase, withoutContent)
	if err != nil {
		return db.Disclosure{}, fmt.Errorf("making the bundle: %w", err)
	}
	id := ""
	_, err = d.change(ctx, who, requestID, func(tx *store.Tx, r db.Request) error {
		if err := look(tx.Queries, r); err != nil {
			return err
		}
		items, err := tx.ItemsOfCase(ctx, caseID)
		if err != nil {
			return fmt.Errorf("reading items: %w", err)
		}
		if len(items) == 0 {
			return safety.Errorf(safety.Conflict, "this case has no items, so there is nothing to hand over")
		}
		// Every piece in the vault belongs to an item; the bundle is of them all.
		evidence, err := d.vault.Seal(ctx, tx, vault.Piece{CaseID: caseID, ItemID: items[0].ID, Role: vault.Disclosure, MediaType: "application/zip", Data: bundle})
		if err != nil {
			return err
		}
		e, err := tx.Evidence(ctx, evidence)
		if err != nil {
			return fmt.Errorf("reading the sealed bundle: %w", err)
		}
		id = safety.NewID("dsc", d.now())
		err = tx.AddDisclosure(ctx, db.AddDisclosureParams{ID: id, RequestID: requestID, CaseID: caseID, EvidenceID: evidence, Sha256: e.Sha256, Size: e.Size,
			WithContent: !withoutContent, PreparedBy: who.ID, PreparedName: who.Name, PreparedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("recording the bundle: %w", err)
		}
		return d.tell(ctx, tx, who, caseID, "disclosure.prepare", fmt.Sprintf("%s for %s, SHA-256 %s, %d bytes", id, requestID, e.Sha256, e.Size))
	})
	if err != nil {
		return db.Disclosure{}, err
	}
	return d.store.Read().DisclosureByID(ctx, id)
}

// step changes one prepared bundle, with its request locked and open.
func (d *Desk) step(ctx context.Context, who safety.Actor, id string, fn func(*store.Tx, db.Disclosure) error) (db.Disclosure, error) {
	x, err := d.store.Read().DisclosureByID(ctx, id)
	if err != nil {
		return x, store.NotFound(err, "prepared bundle")
	}
	_, err = d.change(ctx, who, x.RequestID, func(tx *store.Tx, _ db.Request) error {
		if x, err = tx.DisclosureByID(ctx, id); err != nil {
			return fmt.Errorf("reading the bundle: %w", err)
		}
		if x.DroppedAt != 0 {
			return safety.Errorf(safety.Conflict, "this bundle was dropped")
		}
		if err := fn(tx, x); err != nil {
			return err
		}
		x, err = tx.DisclosureByID(ctx, id)
		return err
	})
	return x, err
}

// Approve is the second person's word that a bundle may be handed over. digest is
// the SHA-256 of the one that they mean.
func (d *Desk) Approve(ctx context.Context, who safety.Actor, id, digest string) (db.Disclosure, error) {
	return d.step(ctx, who, id, func(tx *store.Tx, x db.Disclosure) error {
		if x.Sha256 != digest {
			return safety.Errorf(safety.Conflict, "this is not the bundle that you looked at")
		}
		same, err := vault.SamePerson(ctx, tx, x.PreparedBy, who.ID)
		if err != nil {
			return err
		}
		if same {
			return safety.Errorf(safety.Forbidden, "another person than the one who prepared it must approve")
		}
		n, err := tx.ApproveDisclosure(ctx, db.ApproveDisclosureParams{ID: id, ApprovedBy: who.ID, ApprovedName: who.Name, ApprovedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("approving: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this bundle is approved already")
		}
		return d.tell(ctx, tx, who, x.CaseID, "disclosure.approve", fmt.Sprintf("%s, prepared by %s, SHA-256 %s", id, x.PreparedBy, x.Sha256))
	})
}

// Take returns the approved bytes, to be handed over; not any more once that was
// done. Each time is on record as a view of the sealed bundle; the bytes are the same
// each time.
func (d *Desk) Take(ctx context.Context, who safety.Actor, id string) ([]byte, db.Disclosure, error) {
	x, err := d.step(ctx, who, id, func(tx *store.Tx, x db.Disclosure) error {
		switch {
		case x.HandedAt != 0:
			return safety.Errorf(safety.Conflict, "this bundle was handed over; prepare another one if it must go again")
		case x.ApprovedAt == 0:
			return safety.Errorf(safety.Conflict, "another person must approve this bundle first")
		}
		n, err := tx.TakeDisclosure(ctx, id, store.Micros(d.now()))
		if err == nil && n == 0 {
			return safety.Errorf(safety.Conflict, "this bundle cannot be taken out any more")
		}
		return err
	})
	if err != nil {
		return nil, x, err
	}
	data, _, err := d.vault.Reveal(ctx, vault.Viewer{ID: who.ID, Name: who.Name}, who.ID, x.EvidenceID, vault.ViewOriginal, "to hand it over for "+x.RequestID)
	return data, x, err
}

// HandOver records that a bundle has left: once, and not without the second
// person's word.
func (d *Desk) HandOver(ctx context.Context, who safety.Actor, id, to, means string) (db.Disclosure, error) {
	if strings.TrimSpace(to) == "" || utf8.RuneCountInString(to) > 200 || !slices.Contains(Means, means) {
		return db.Disclosure{}, safety.Errorf(safety.Invalid, "a hand-over needs somebody (at most 200 characters) and one of the means %s", strings.Join(Means, ", "))
	}
	return d.step(ctx, who, id, func(tx *store.Tx, x db.Disclosure) error {
		switch {
		case x.HandedAt != 0:
			return safety.Errorf(safety.Conflict, "this bundle was handed over by %s on %s", x.HandedName, store.Time(x.HandedAt).UTC().Format(time.DateOnly))
		case x.ApprovedAt == 0:
			return safety.Errorf(safety.Conflict, "another person must approve this bundle first")
		case x.TakenAt == 0:
			return safety.Errorf(safety.Conflict, "nobody has taken this bundle out, so it cannot have been handed over")
		}
		n, err := tx.HandDisclosure(ctx, db.HandDisclosureParams{ID: id, HandedBy: who.ID, HandedName: who.Name, HandedAt: store.Micros(d.now()),
			HandedTo: to, HandedMeans: means})
		if err != nil {
			return fmt.Errorf("recording the hand-over: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this bundle cannot be handed over")
		}
		return d.tell(ctx, tx, who, x.CaseID, "disclosure.hand_over", fmt.Sprintf("%s for %s by %s, approved by %s, SHA-256 %s, %d bytes", id, x.RequestID,
			means, x.ApprovedBy, x.Sha256, x.Size))
	})
}

// Drop gives up a bundle that was not handed over.
func (d *Desk) Drop(ctx context.Context, who safety.Actor, id string) (db.Disclosure, error) {
	return d.step(ctx, who, id, func(tx *store.Tx, x db.Disclosure) error {
		n, err := tx.DropDisclosure(ctx, db.DropDisclosureParams{ID: id, DroppedBy: who.ID, DroppedName: who.Name, DroppedAt: store.Micros(d.now())})
		if err != nil {
			return fmt.Errorf("dropping: %w", err)
		}
		if n == 0 {
			return safety.Errorf(safety.Conflict, "this bundle was handed over")
		}
		return d.tell(ctx, tx, who, x.CaseID, "disclosure.drop", fmt.Sprintf("%s for %s", id, x.RequestID))
	})
}
