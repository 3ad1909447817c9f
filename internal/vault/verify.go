package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Verification is what [Vault.Verify] found. The evidence holds if Problems is
// empty.
type Verification struct {
	Opened    int // kept pieces that opened to their SHA-256
	Bytes     int64
	Destroyed int      // cases whose evidence was destroyed
	Held      int      // cases under a hold
	Waiting   int      // bodies of destroyed evidence that are still to be deleted, and unreadable
	Problems  []string // each names the case, piece, hold or clock that it is about
	More      int      // problems beyond those that are listed
}

// maxListed bounds a report on a vault that is broken from end to end.
const maxListed = 1000

func (r *Verification) problem(format string, args ...any) {
	if len(r.Problems) >= maxListed {
		r.More++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// grace is how young a body without a record may be: its transaction may be
// under way. See [Vault.Sweep].
const grace = 24 * time.Hour

// Verify looks at everything that the vault holds and has destroyed, and names
// what is not as it must be. It changes nothing, and needs no server. What it
// reconstructs it takes from the rows and from the ledger, so verify the ledger
// too ([ledger.Verify]): whoever can change both, and sign, is beyond it. An error
// means that the check could not be made, never that it failed.
//
// It may run beside a server: what it finds wrong it looks at a second time, so
// that a change between two of its readings is no finding.
func (v *Vault) Verify(ctx context.Context) (*Verification, error) {
	first, err := v.verify(ctx)
	if err != nil || len(first.Problems) == 0 {
		return first, err
	}
	again, err := v.verify(ctx)
	if err != nil {
		return nil, err
	}
	if first.More == 0 {
		again.Problems = slices.DeleteFunc(again.Problems, func(p string) bool { return !slices.Contains(first.Problems, p) })
	}
	return again, nil
}

func (v *Vault) verify(ctx context.Context) (*Verification, error) {
	r := &Verification{}
	p, err := readPast(ctx, v.store.Read())
	if err != nil {
		return nil, err
	}
	for _, check := range []func(context.Context, *past, *Verification) error{v.verifyKeys, v.verifyPieces, v.verifyBodies, v.verifyHolds,
		v.verifyClocks, v.verifyCertificates, v.verifySpokenOf} {
		if err := check(ctx, p, r); err != nil {
			return nil, fmt.Errorf("verifying evidence: %w", err)
		}
	}
	slices.Sort(r.Problems)
	return r, nil
}

// past is what the ledger says.
type past struct {
	destroyed map[string]db.LedgerEntry   // by case
	clocks    map[string]oldClock         // by the clock's id
	ofCase    map[string][]oldClock       // by case
	placed    map[string]db.LedgerEntry   // by hold
	released  map[string]db.LedgerEntry   // by hold
	asked     map[string][]db.LedgerEntry // by hold
	holds     map[string][]string         // by case, ids of holds that were placed
}

// oldClock is a clock as its ledger row tells.
type oldClock struct {
	id, caseID string
	keeps      Keeps
	until      time.Time
	set        int64
	law        string
}

func readPast(ctx context.Context, q *db.Queries) (*past, error) {
	p := &past{destroyed: map[string]db.LedgerEntry{}, clocks: map[string]oldClock{}, ofCase: map[string][]oldClock{}, placed: map[string]db.LedgerEntry{},
		released: map[string]db.LedgerEntry{}, asked: map[string][]db.LedgerEntry{}, holds: map[string][]string{}}
	for _, actions := range [][4]string{{"evidence.destroy", "clock.set", "", ""}, {"hold.place", "hold.ask_release", "hold.release", ""}} {
		arg := db.EntriesOfActionsParams{Action: actions[0], Action_2: actions[1], Action_3: actions[2], Action_4: actions[3], Limit: 1000}
		for {
			rows, err := q.EntriesOfActions(ctx, arg)
			if err != nil {
				return nil, fmt.Errorf("reading ledger: %w", err)
			}
			for _, e := range rows {
				p.add(e)
				arg.ID = e.ID
			}
			if len(rows) < int(arg.Limit) {
				break
			}
		}
	}
	return p, nil
}

func (p *past) add(e db.LedgerEntry) {
	id, rest, _ := strings.Cut(e.Detail, " ")
	switch e.Action {
	case "evidence.destroy":
		p.destroyed[e.Subject] = e
	case "clock.set":
		if c, ok := parseClock(e, id, rest); ok {
			p.clocks[id] = c
			p.ofCase[e.Subject] = append(p.ofCase[e.Subject], c)
		}
	case "hold.place":
		p.placed[id] = e
		p.holds[e.Subject] = append(p.holds[e.Subject], id)
	case "hold.ask_release":
		p.asked[id] = append(p.asked[id], e)
	case "hold.release":
		p.released[id] = e
	}
}

// parseClock reads the row that [Vault.SetClock] writes.
func parseClock(e db.LedgerEntry, id, rest string) (oldClock, bool) {
	keeps, rest, _ := strings.Cut(rest, " until ")
	when, law, _ := strings.Cut(rest, ", ")
	law, _, _ = strings.Cut(law, ": ")
	until, err := time.Parse(time.RFC3339Nano, when)
	return oldClock{id: id, caseID: e.Subject, keeps: Keeps(keeps), until: until, set: e.At, law: law}, err == nil
}

// verifyKeys looks at the key of every case, and at what was destroyed.
func (v *Vault) verifyKeys(ctx context.Context, p *past, r *Verification) error {
	seen := map[string]bool{}
	for last := ""; ; {
		keys, err := v.store.Read().CaseKeys(ctx, last, 500)
		if err != nil {
			return err
		}
		for _, k := range keys {
			last = k.CaseID
			seen[k.CaseID] = true
			if k.DestroyedAt != 0 {
				r.Destroyed++
				if err := v.verifyDestroyed(ctx, p, r, k); err != nil {
					return err
				}
				continue
			}
			if e, ok := p.destroyed[k.CaseID]; ok {
				r.problem("case %s: its key is there, and the ledger says that it was destroyed on %s", k.CaseID, minute(store.Time(e.At)))
			}
			if id, err := v.caseIdentity(k); err != nil {
				r.problem("case %s: its key does not open with the vault's key", k.CaseID)
			} else if id.Recipient().String() != k.Recipient {
				r.problem("case %s: its key is not the one that its evidence was sealed to", k.CaseID)
			}
		}
		if len(keys) < 500 {
			break
		}
	}
	for id := range p.destroyed {
		if !seen[id] {
			r.problem("case %s: the ledger says that its evidence was destroyed, and the record of its key is gone", id)
		}
	}
	return nil
}

// verifyDestroyed shows that nothing kept a destroyed case at that moment.
func (v *Vault) verifyDestroyed(ctx context.Context, p *past, r *Verification, k db.CaseKey) error {
	q, id := v.store.Read(), k.CaseID
	at := store.Time(k.DestroyedAt)
	if len(k.Wrapped) > 0 {
		r.problem("case %s: said to be destroyed, and its key is still there", id)
	}
	if e, ok := p.destroyed[id]; !ok {
		r.problem("case %s: destroyed without a ledger row", id)
	} else if e.At != k.DestroyedAt {
		r.problem("case %s: destroyed on %s by its key, and on %s by the ledger", id, minute(at), minute(store.Time(e.At)))
	}
	cert, err := q.CertificateOfCase(ctx, id)
	if store.IsNotFound(err) {
		r.problem("case %s: destroyed without a certificate", id)
	} else if err != nil {
		return err
	} else if cert.At != k.DestroyedAt {
		r.problem("case %s: certificate %s is of another moment than the destruction", id, cert.ID)
	}
	if err := v.verifyClocksAt(ctx, p, r, id, k.DestroyedAt); err != nil {
		return err
	}
	if err := v.verifyHoldsAt(ctx, p, r, id, k.DestroyedAt); err != nil {
		return err
	}
	return v.verifyWorkAt(ctx, r, id, k.DestroyedAt)
}

// verifyClocksAt looks for clocks that ran, by the rows and by the ledger.
func (v *Vault) verifyClocksAt(ctx context.Context, p *past, r *Verification, id string, at int64) error {
	clocks, err := v.store.Read().ClocksOfCase(ctx, id)
	if err != nil {
		return err
	}
	n, told := 0, map[string]bool{}
	for _, c := range clocks {
		if Keeps(c.Keeps) == KeepsRecord || c.CreatedAt > at {
			continue
		}
		n++
		if c.UntilAt > at {
			told[c.ID] = true
			r.problem("case %s: destroyed on %s while clock %s (%s) ran until %s", id, minute(store.Time(at)), c.ID, c.Law, minute(store.Time(c.UntilAt)))
		}
	}
	for _, c := range p.ofCase[id] {
		if c.keeps == KeepsRecord || c.set > at {
			continue
		}
		n++
		if store.Micros(c.until) > at && !told[c.id] {
			r.problem("case %s: destroyed on %s while clock %s (%s) ran until %s, as the ledger says", id, minute(store.Time(at)), c.id, c.law, minute(c.until))
		}
	}
	if n == 0 {
		r.problem("case %s: destroyed, and no clock was ever set", id)
	}
	return nil
}

// verifyHoldsAt looks for holds that ran, by the rows and by the ledger.
func (v *Vault) verifyHoldsAt(ctx context.Context, p *past, r *Verification, id string, at int64) error {
	holds, err := v.store.Read().HoldsOfCase(ctx, id)
	if err != nil {
		return err
	}
	told := map[string]bool{}
	for _, h := range holds {
		if h.PlacedAt <= at && (h.ReleasedAt == 0 || h.ReleasedAt > at) {
			told[h.ID] = true
			r.problem("case %s: destroyed on %s under hold %s (%s)", id, minute(store.Time(at)), h.ID, h.Kind)
		}
	}
	for _, h := range p.holds[id] {
		release, released := p.released[h]
		if p.placed[h].At <= at && (!released || release.At > at) && !told[h] {
			r.problem("case %s: destroyed on %s under hold %s, as the ledger says", id, minute(store.Time(at)), h)
		}
	}
	return nil
}

// verifyWorkAt looks for a case or a report that was not finished.
func (v *Vault) verifyWorkAt(ctx context.Context, r *Verification, id string, at int64) error {
	q := v.store.Read()
	c, err := q.CaseByID(ctx, id)
	if store.IsNotFound(err) {
		r.problem("case %s: its evidence was destroyed, and its record is gone", id)
		return nil
	}
	if err != nil {
		return err
	}
	if c.State == "open" {
		r.problem("case %s: it is open, and its evidence was destroyed on %s", id, minute(store.Time(at)))
	}
	reports, err := q.ReportsOfCase(ctx, id)
	if err != nil {
		return err
	}
	for _, rep := range reports {
		filed := rep.State == "filed" && rep.FiledAt <= at
		withdrawn := rep.State == "withdrawn" && rep.UpdatedAt <= at
		if rep.CreatedAt <= at && !filed && !withdrawn {
			r.problem("case %s: destroyed on %s while report %s was under way", id, minute(store.Time(at)), rep.ID)
		}
	}
	return nil
}

// verifyPieces opens all that is kept, and looks at what is left of the rest.
func (v *Vault) verifyPieces(ctx context.Context, _ *past, r *Verification) error {
	for last := ""; ; {
		pieces, err := v.store.Read().AllEvidence(ctx, last, 200)
		if err != nil {
			return err
		}
		for _, e := range pieces {
			last = e.ID
			if err := v.verifyPiece(ctx, r, e); err != nil {
				return err
			}
		}
		if len(pieces) < 200 {
			return nil
		}
	}
}

func (v *Vault) verifyPiece(ctx context.Context, r *Verification, e db.Evidence) error {
	if e.Blob != e.ID {
		r.problem("piece %s of case %s: its record names another body, %s", e.ID, e.CaseID, e.Blob)
	}
	k, err := v.store.Read().CaseKey(ctx, e.CaseID)
	if store.IsNotFound(err) {
		r.problem("piece %s of case %s: the key of the case is gone, so it can never be opened", e.ID, e.CaseID)
		return nil
	}
	if err != nil {
		return err
	}
	there, err := v.blobs.Has(e.Blob)
	if err != nil {
		return err
	}
	if e.DestroyedAt == 0 && k.DestroyedAt == 0 {
		v.verifyKept(ctx, r, e, there)
		return nil
	}
	switch {
	case e.DestroyedAt != k.DestroyedAt:
		r.problem("piece %s of case %s: destroyed without its case, or not with it", e.ID, e.CaseID)
	case len(e.Header) > 0:
		r.problem("piece %s of case %s: said to be destroyed, and its header is still there", e.ID, e.CaseID)
	case there && e.DeletedAt != 0:
		r.problem("piece %s of case %s: said to be deleted, and its body is there", e.ID, e.CaseID)
	case there:
		r.Waiting++
		if v.now().Sub(store.Time(e.DestroyedAt)) > grace {
			r.problem("piece %s of case %s: destroyed on %s, and its body is still there", e.ID, e.CaseID, minute(store.Time(e.DestroyedAt)))
		}
	}
	return nil
}

func (v *Vault) verifyKept(ctx context.Context, r *Verification, e db.Evidence, there bool) {
	switch {
	case len(e.Header) == 0:
		r.problem("piece %s of case %s: its header is gone, so it can never be opened", e.ID, e.CaseID)
		return
	case !there:
		r.problem("piece %s of case %s: its body is gone", e.ID, e.CaseID)
		return
	}
	data, _, err := v.Open(ctx, e.ID)
	switch {
	case err != nil && safety.KindOf(err) == safety.Internal && !errors.Is(err, context.Canceled):
		r.problem("piece %s of case %s: it does not open to the SHA-256 that was sealed", e.ID, e.CaseID)
	case err != nil:
		r.problem("piece %s of case %s: it does not open: %v", e.ID, e.CaseID, err)
	case int64(len(data)) != e.Size:
		r.problem("piece %s of case %s: it has %d bytes, and its record says %d", e.ID, e.CaseID, len(data), e.Size)
	default:
		r.Opened++
		r.Bytes += e.Size
	}
}

// verifyBodies looks for bodies that no record points to.
func (v *Vault) verifyBodies(ctx context.Context, _ *past, r *Verification) error {
	return v.blobs.Each(func(name string, modified time.Time) error {
		if v.now().Sub(modified) <= grace {
			return ctx.Err()
		}
		_, err := v.store.Read().Evidence(ctx, name)
		if store.IsNotFound(err) {
			r.problem("body %s: no record points to it, and it is older than a day (%s)", name, minute(modified))
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// verifyHolds compares holds with the ledger: none is gone, none was released by
// one person alone.
func (v *Vault) verifyHolds(ctx context.Context, p *past, r *Verification) error {
	held := map[string]bool{}
	for id, e := range p.placed {
		h, err := v.store.Read().Hold(ctx, id)
		if store.IsNotFound(err) {
			r.problem("case %s: hold %s was placed on %s, and its record is gone", e.Subject, id, minute(store.Time(e.At)))
			continue
		}
		if err != nil {
			return err
		}
		_, released := p.released[id]
		switch {
		case h.CaseID != e.Subject:
			r.problem("case %s: hold %s stands on another case, %s", e.Subject, id, h.CaseID)
		case h.ReleasedAt != 0 && !released:
			r.problem("case %s: hold %s is released, and the ledger has no row of it", h.CaseID, id)
		case h.ReleasedAt == 0 && released:
			r.problem("case %s: hold %s runs, and the ledger says that it was released", h.CaseID, id)
		case h.ReleasedAt != 0 && !askedByAnother(p.asked[id], p.released[id]):
			r.problem("case %s: hold %s was released without two people", h.CaseID, id)
		case h.ReleasedAt == 0:
			held[h.CaseID] = true
		}
	}
	r.Held = len(held)
	return nil
}

// askedByAnother reports whether the last who asked before a release is not who
// released.
func askedByAnother(asked []db.LedgerEntry, release db.LedgerEntry) bool {
	last := ""
	for _, e := range asked {
		if e.At <= release.At {
			last = e.Actor
		}
	}
	return last != "" && last != release.Actor
}

// verifyClocks compares clocks with the ledger: none is gone, none was moved.
func (v *Vault) verifyClocks(ctx context.Context, p *past, r *Verification) error {
	rows := map[string]map[string]db.Clock{}
	for _, c := range p.clocks {
		if rows[c.caseID] == nil {
			all, err := v.store.Read().ClocksOfCase(ctx, c.caseID)
			if err != nil {
				return err
			}
			rows[c.caseID] = map[string]db.Clock{}
			for _, k := range all {
				rows[c.caseID][k.ID] = k
			}
		}
		k, ok := rows[c.caseID][c.id]
		switch {
		case !ok:
			r.problem("case %s: clock %s (%s) was set until %s, and its record is gone", c.caseID, c.id, c.law, minute(c.until))
		case k.UntilAt != store.Micros(c.until):
			r.problem("case %s: clock %s (%s) was set until %s, and its record says %s", c.caseID, c.id, c.law, minute(c.until), minute(store.Time(k.UntilAt)))
		case Keeps(k.Keeps) != c.keeps:
			r.problem("case %s: clock %s (%s) kept %s, and its record says %s", c.caseID, c.id, c.law, c.keeps, k.Keeps)
		}
	}
	return nil
}

// verifyCertificates looks for certificates of what was never destroyed, and at
// what they say.
func (v *Vault) verifyCertificates(ctx context.Context, _ *past, r *Verification) error {
	q := v.store.Read()
	for last := ""; ; {
		certs, err := q.Certificates(ctx, last, 500)
		if err != nil {
			return err
		}
		for _, c := range certs {
			last = c.ID
			k, err := q.CaseKey(ctx, c.CaseID)
			if err != nil && !store.IsNotFound(err) {
				return err
			}
			if err != nil || k.DestroyedAt == 0 {
				r.problem("case %s: there is a certificate %s, and the key was not destroyed", c.CaseID, c.ID)
			}
			pieces, err := q.EvidenceOfCase(ctx, c.CaseID)
			if err != nil {
				return err
			}
			size := int64(0)
			for _, e := range pieces {
				size += e.Size
			}
			if int64(len(pieces)) != c.Pieces || size != c.Bytes {
				r.problem("case %s: certificate %s is of %d pieces and %d bytes, and there are records of %d and %d", c.CaseID, c.ID, c.Pieces, c.Bytes, len(pieces), size)
			}
			if !json.Valid([]byte(c.Clocks)) || !json.Valid([]byte(c.Roles)) {
				r.problem("case %s: certificate %s cannot be read", c.CaseID, c.ID)
			}
		}
		if len(certs) < 500 {
			return nil
		}
	}
}

// verifySpokenOf looks for pieces that views and reports speak of and that have
// no record.
func (v *Vault) verifySpokenOf(ctx context.Context, _ *past, r *Verification) error {
	rows, err := v.store.Read().LostPieces(ctx)
	for _, l := range rows {
		r.problem("piece %s: %s speaks of it, and its record is gone", l.ID, l.SpokenOfBy)
	}
	return err
}
