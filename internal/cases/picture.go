package cases

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// SamePicture is in how many bits of their PDQ hashes, in any of the eight
// orientations, two files may differ and still be one picture. It is half of
// what counts as a match with a list: a wrong match is seen by a person, a wrong
// group would lend one picture's judgement to another. Frames of one scene often
// differ by little more.
//
// Sixteen bands of 16 bits find all of them: 15 differing bits leave at least one
// band as it was.
const SamePicture = 15

// sameQuality is the least quality of a hash that says which picture a file is:
// below it, flat pictures that have nothing in common hash alike (the threshold
// of PDQ's authors for matching is 50, too).
const sameQuality = 50

// Looks returns what [Content] says of a picture from its hash in the eight
// orientations: nothing where the hash does not tell pictures apart.
func Looks(quality int, hashes ...pdq.Hash) []pdq.Hash {
	if quality < sameQuality {
		return nil
	}
	return hashes
}

// bands are the sixteenths of a hash under which it is found again.
func bands(h pdq.Hash) (out [16]int64) {
	for i := range out {
		out[i] = int64(i)<<16 | int64(binary.BigEndian.Uint16(h[2*i:]))
	}
	return out
}

// picture says which picture a file is: that of the same bytes, else the nearest
// within [SamePicture], else a new one. Empty for what is not a file.
func (d *Desk) picture(ctx context.Context, tx *store.Tx, c Content) (string, error) {
	if c.SHA256 == "" && len(c.Looks) == 0 {
		return "", nil
	}
	// Two copies that come in at once must find each other.
	if err := tx.LockCases(ctx, "pictures"); err != nil {
		return "", fmt.Errorf("locking pictures: %w", err)
	}
	if c.SHA256 != "" {
		id, err := tx.PictureOfFile(ctx, c.SHA256)
		if err == nil || !store.IsNotFound(err) {
			return id, err
		}
	}
	id, nearest := "", SamePicture+1
	for _, h := range c.Looks {
		likely, err := tx.LikelyPictures(ctx, likely(h))
		if err != nil {
			return "", fmt.Errorf("looking for pictures: %w", err)
		}
		for _, p := range likely {
			other, err := pdq.ParseHash(p.Pdq)
			if err != nil {
				return "", fmt.Errorf("stored picture %s: %w", p.ID, err)
			}
			if dist := h.Distance(other); dist < nearest {
				id, nearest = p.ID, dist
			}
		}
	}
	if id != "" {
		return id, nil
	}
	return d.newPicture(ctx, tx, c)
}

func (d *Desk) newPicture(ctx context.Context, tx *store.Tx, c Content) (string, error) {
	now := d.now()
	id, hash := safety.NewID("pic", now), ""
	if len(c.Looks) > 0 {
		hash = c.Looks[0].String()
	}
	if err := tx.AddPicture(ctx, id, hash, store.Micros(now)); err != nil {
		return "", fmt.Errorf("adding picture: %w", err)
	}
	if hash == "" {
		return id, nil
	}
	for _, b := range bands(c.Looks[0]) {
		if err := tx.AddPictureBand(ctx, b, id); err != nil {
			return "", fmt.Errorf("adding picture: %w", err)
		}
	}
	return id, nil
}

func likely(h pdq.Hash) db.LikelyPicturesParams {
	b := bands(h)
	return db.LikelyPicturesParams{Band0: b[0], Band1: b[1], Band2: b[2], Band3: b[3], Band4: b[4], Band5: b[5], Band6: b[6], Band7: b[7],
		Band8: b[8], Band9: b[9], Band10: b[10], Band11: b[11], Band12: b[12], Band13: b[13], Band14: b[14], Band15: b[15]}
}

// Copies returns the open cases that hold the same pictures as this one, all of them
// and nothing else, most urgent first, 200 at most: what is decided here may be
// decided there without another look. A decision is about a case; of one picture
// among several it says nothing.
func (d *Desk) Copies(ctx context.Context, c db.Case) ([]db.Case, error) {
	out, err := d.store.Read().CasesOfPictures(ctx, c.ID, c.Canary)
	if err != nil {
		return nil, fmt.Errorf("looking for copies: %w", err)
	}
	return out, nil
}

// Precedent returns the latest decision that stands on another case with the same
// pictures, all of them and nothing else. It finds none where people have judged these
// pictures differently: then somebody must look again. Decisions that
// themselves rest on others do not count.
func (d *Desk) Precedent(ctx context.Context, c db.Case) (made db.Decision, found bool, err error) {
	return precedent(ctx, d.store.Read(), c)
}

func precedent(ctx context.Context, q *db.Queries, c db.Case) (made db.Decision, found bool, err error) {
	rows, err := q.DecisionsOfPictures(ctx, c.ID, c.Canary)
	if err != nil {
		return made, false, fmt.Errorf("looking for earlier decisions: %w", err)
	}
	for _, r := range rows {
		if found && !sameJudgement(made, r) {
			return db.Decision{}, false, nil
		}
		if !found {
			made, found = r, true
		}
	}
	return made, found, nil
}

func sameJudgement(a, b db.Decision) bool {
	return a.Outcome == b.Outcome && a.NcmecClass == b.NcmecClass && a.UkClass == b.UkClass && a.IncidentType == b.IncidentType
}

// Follow decides a case as another with the same pictures was decided: a person
// takes over the judgement and nobody looks again. The case keeps its own
// priority, its decision is its own, with its own report and its own undoing, and
// says on which it rests. What it says of views stays what was seen of this
// case's own files.
//
// A Conflict: the decision is not the [Desk.Precedent] of the case any more, since
// it was taken back, something came in, or somebody has judged otherwise.
func (d *Desk) Follow(ctx context.Context, who safety.Actor, caseID, decisionID string, items int64) (db.Decision, error) {
	if !who.Person {
		return db.Decision{}, safety.Errorf(safety.Forbidden, "only a person decides a case")
	}
	var made db.Decision
	_, err := d.change(ctx, caseID, func(tx *store.Tx, c db.Case) (db.Case, error) {
		if c.State != string(Open) {
			return c, safety.Errorf(safety.Conflict, "this case is decided already")
		}
		if err := d.mine(c, who); err != nil {
			return c, err
		}
		if err := sameItems(ctx, tx.Queries, c.ID, items); err != nil {
			return c, err
		}
		base, found, err := precedent(ctx, tx.Queries, c)
		if err != nil {
			return c, err
		}
		if !found || base.ID != decisionID {
			return c, safety.Errorf(safety.Conflict, "that decision does not speak for this case: it was taken back, is about other pictures too, or others have judged these pictures differently; look at the case")
		}
		c.State, c.AssignedTo, c.LeaseUntil = string(Decided), "", 0
		if err := d.update(ctx, tx, c); err != nil {
			return c, err
		}
		made, err = d.record(ctx, tx, who, c, Judgement{Outcome: Outcome(base.Outcome), NCMECClass: base.NcmecClass, UKClass: base.UkClass,
			IncidentType: base.IncidentType, restsOn: base.ID,
			Reason: fmt.Sprintf("The same pictures as in %s, which %s decided on %s; not looked at again.", base.CaseID, base.DecidedName,
				store.Time(base.At).UTC().Format(time.DateOnly))})
		return c, err
	})
	return made, err
}

// place puts an item with its picture.
func (d *Desk) place(ctx context.Context, tx *store.Tx, itemID string, c Content) error {
	id, err := d.picture(ctx, tx, c)
	if err != nil || id == "" {
		return err
	}
	if err := tx.SetPicture(ctx, itemID, id); err != nil {
		return fmt.Errorf("placing item: %w", err)
	}
	return nil
}
