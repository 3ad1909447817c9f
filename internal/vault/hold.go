package vault

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// HoldKinds are why somebody may hold a case: a court or litigation, an
// authority's request to preserve, a disclosure under way, or another reason.
var HoldKinds = []string{"legal_hold", "preservation_request", "disclosure", "other"}

// NewHold is a hold to be placed. While one runs, nothing of the case is
// destroyed, whatever the clocks say.
type NewHold struct {
	Kind      string
	Reason    string
	Authority string // who asked for it, where somebody did
	Reference string // theirs
}

func (h NewHold) check() error {
	switch {
	case !slices.Contains(HoldKinds, h.Kind):
		return safety.Errorf(safety.Invalid, "kind must be one of %s", strings.Join(HoldKinds, ", "))
	case strings.TrimSpace(h.Reason) == "" || utf8.RuneCountInString(h.Reason) > 2000:
		return safety.Errorf(safety.Invalid, "a hold needs a reason of at most 2000 characters")
	case utf8.RuneCountInString(h.Authority) > 200 || utf8.RuneCountInString(h.Reference) > 200:
		return safety.Errorf(safety.Invalid, "authority and reference have at most 200 characters")
	}
	return nil
}

// Hold places a hold on a case. Holds have no end by themselves.
func (v *Vault) Hold(ctx context.Context, tx *store.Tx, who safety.Actor, caseID string, h NewHold) (db.Hold, error) {
	if !who.Person {
		return db.Hold{}, safety.Errorf(safety.Forbidden, "only a person places a hold")
	}
	if err := h.check(); err != nil {
		return db.Hold{}, err
	}
	if _, err := tx.LockCaseRow(ctx, caseID); err != nil {
		return db.Hold{}, store.NotFound(err, "case")
	}
	if k, err := tx.CaseKey(ctx, caseID); err == nil && k.DestroyedAt != 0 {
		return db.Hold{}, safety.Errorf(safety.Conflict, "the evidence of this case was destroyed already; there is nothing to hold")
	} else if err != nil && !store.IsNotFound(err) {
		return db.Hold{}, fmt.Errorf("reading case key: %w", err)
	}
	now := v.now()
	id := safety.NewID("hld", now)
	err := tx.AddHold(ctx, db.AddHoldParams{ID: id, CaseID: caseID, Kind: h.Kind, Reason: h.Reason, Authority: h.Authority, Reference: h.Reference,
		PlacedBy: who.ID, PlacedName: who.Name, PlacedAt: store.Micros(now)})
	if err != nil {
		return db.Hold{}, fmt.Errorf("placing hold: %w", err)
	}
	return v.holdChanged(ctx, tx, who, id, "hold.place", h.Kind+": "+h.Reason)
}

// AskRelease asks that a hold be released. Another person must confirm it; asking
// again, by anybody, replaces the one who asked.
func (v *Vault) AskRelease(ctx context.Context, tx *store.Tx, who safety.Actor, holdID, reason string) (db.Hold, error) {
	if !who.Person {
		return db.Hold{}, safety.Errorf(safety.Forbidden, "only a person asks for the release of a hold")
	}
	if strings.TrimSpace(reason) == "" || utf8.RuneCountInString(reason) > 2000 {
		return db.Hold{}, safety.Errorf(safety.Invalid, "a release needs a reason of at most 2000 characters")
	}
	n, err := tx.AskRelease(ctx, db.AskReleaseParams{ID: holdID, AskedBy: who.ID, AskedName: who.Name, AskedAt: store.Micros(v.now()), AskedReason: reason})
	if err != nil {
		return db.Hold{}, fmt.Errorf("asking for release: %w", err)
	}
	if n == 0 {
		return db.Hold{}, notRunning(ctx, tx, holdID)
	}
	return v.holdChanged(ctx, tx, who, holdID, "hold.ask_release", reason)
}

// ConfirmRelease releases a hold that another person asked to release. reason is
// what was asked, as the one who confirms has read it: when somebody else has
// asked since, it fails.
func (v *Vault) ConfirmRelease(ctx context.Context, tx *store.Tx, who safety.Actor, holdID, reason string) (db.Hold, error) {
	if !who.Person {
		return db.Hold{}, safety.Errorf(safety.Forbidden, "only a person releases a hold")
	}
	h, err := tx.Hold(ctx, holdID)
	if err != nil {
		return h, store.NotFound(err, "hold")
	}
	// With the case locked, a destruction sees the hold or the release, and the
	// hold is as it was read.
	if _, err := tx.LockCaseRow(ctx, h.CaseID); err != nil {
		return h, store.NotFound(err, "case")
	}
	if h, err = tx.Hold(ctx, holdID); err != nil {
		return h, fmt.Errorf("reading hold: %w", err)
	}
	switch {
	case h.ReleasedAt != 0:
		return h, safety.Errorf(safety.Conflict, "this hold was released already")
	case h.AskedAt == 0:
		return h, safety.Errorf(safety.Conflict, "nobody has asked to release this hold")
	case h.AskedReason != reason:
		return h, safety.Errorf(safety.Conflict, "the release was asked for another reason since you looked; look again")
	}
	if err := differ(ctx, tx, h.AskedBy, who.ID); err != nil {
		return h, err
	}
	n, err := tx.ReleaseHold(ctx, db.ReleaseHoldParams{ID: holdID, ReleasedBy: who.ID, ReleasedName: who.Name, ReleasedAt: store.Micros(v.now())})
	if err != nil {
		return h, fmt.Errorf("releasing hold: %w", err)
	}
	if n == 0 {
		return h, notRunning(ctx, tx, holdID)
	}
	return v.holdChanged(ctx, tx, who, holdID, "hold.release", "asked by "+h.AskedBy+": "+h.AskedReason)
}

func notRunning(ctx context.Context, tx *store.Tx, holdID string) error {
	if _, err := tx.Hold(ctx, holdID); err != nil {
		return store.NotFound(err, "hold")
	}
	return safety.Errorf(safety.Conflict, "this hold was released already")
}

// holdChanged writes the ledger row of what was done to a hold.
func (v *Vault) holdChanged(ctx context.Context, tx *store.Tx, who safety.Actor, holdID, action, detail string) (db.Hold, error) {
	h, err := tx.Hold(ctx, holdID)
	if err != nil {
		return h, fmt.Errorf("reading hold: %w", err)
	}
	return h, ledger.Append(ctx, tx, ledger.Entry{At: v.now(), Actor: who.ID, Action: action, Subject: h.CaseID, Detail: holdID + " " + detail})
}

// differ fails unless two actors are two people. An API key counts as whoever
// made it, or one person with two keys would be two; all that is done on the
// command line counts as one person.
func differ(ctx context.Context, tx *store.Tx, a, b string) error {
	same, err := SamePerson(ctx, tx, a, b)
	if err == nil && same {
		return safety.Errorf(safety.Forbidden, "another person than the one who asked must confirm")
	}
	return err
}

// SamePerson reports whether two actors are one person. An API key counts as
// whoever made it.
func SamePerson(ctx context.Context, tx *store.Tx, a, b string) (bool, error) {
	a, err := person(ctx, tx, a)
	if err != nil {
		return false, err
	}
	if b, err = person(ctx, tx, b); err != nil {
		return false, err
	}
	return a == b, nil
}

func person(ctx context.Context, tx *store.Tx, actor string) (string, error) {
	for range 100 { // a chain of keys that made keys
		id, isKey := strings.CutPrefix(actor, "key:")
		if !isKey {
			return actor, nil
		}
		maker, err := tx.KeyMaker(ctx, id)
		if err != nil {
			return "", fmt.Errorf("looking for the maker of a key: %w", store.NotFound(err, "key"))
		}
		actor = maker
	}
	return "", safety.Errorf(safety.Internal, "keys were made by keys without end")
}
