package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Kept is one reason why the evidence of a case may not be destroyed.
type Kept struct {
	CaseID string
	Why    string    // "clock", "hold", "request", "report", "open" or "no clock"
	Law    string    // of a clock: its short name
	Basis  string    // in a sentence
	Until  time.Time // of a clock; zero: nobody knows yet
}

// keptBy lists everything that keeps the evidence of a case at now.
func keptBy(ctx context.Context, q *db.Queries, c db.Case, now time.Time) ([]Kept, error) {
	var out []Kept
	if c.State == "open" {
		out = append(out, Kept{CaseID: c.ID, Why: "open", Basis: "the case is open"})
	}
	holds, err := q.HoldsOfCase(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("reading holds: %w", err)
	}
	for _, h := range holds {
		if h.ReleasedAt == 0 {
			out = append(out, Kept{CaseID: c.ID, Why: "hold", Basis: "a hold (" + strings.ReplaceAll(h.Kind, "_", " ") + "), until people release it"})
		}
	}
	reports, err := q.UnfinishedReportsOfCase(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("reading reports: %w", err)
	}
	for _, r := range reports {
		out = append(out, Kept{CaseID: c.ID, Why: "report", Basis: "a report is " + r.State})
	}
	requests, err := q.OpenRequestsOfCase(ctx, c.ID, c.AccountID)
	if err != nil {
		return nil, fmt.Errorf("reading requests of authorities: %w", err)
	}
	for _, id := range requests {
		out = append(out, Kept{CaseID: c.ID, Why: "request", Basis: "an authority's request (" + id + ") names it and is open"})
	}
	clocks, err := q.ClocksOfCase(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("reading clocks: %w", err)
	}
	set := false
	for _, k := range clocks {
		if Keeps(k.Keeps) == KeepsRecord {
			continue
		}
		set = true
		if k.UntilAt > store.Micros(now) {
			out = append(out, Kept{CaseID: c.ID, Why: "clock", Law: k.Law, Basis: k.Basis, Until: store.Time(k.UntilAt)})
		}
	}
	if !set && c.State != "open" {
		out = append(out, Kept{CaseID: c.ID, Why: "no clock", Basis: "no clock was ever set, so nothing says that it may go"})
	}
	return out, nil
}

func sentence(kept []Kept) string {
	var out []string
	for _, k := range kept {
		s := k.Basis
		if k.Why == "clock" {
			s = fmt.Sprintf("%s keeps it until %s", k.Law, minute(k.Until))
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

// certified is one clock on a certificate.
type certified struct {
	Law   string    `json:"law"`
	Basis string    `json:"basis"`
	Until time.Time `json:"until"`
}

// Destroy makes the evidence of a case unreadable for ever: its key and headers
// are overwritten in tx and a certificate is written, and the bodies are deleted
// once tx has committed, by the function it returns or by the next [Vault.Expire].
//
// Whoever calls, it is refused while the case is open, a clock or a hold runs, a
// report is under way or destruction is paused.
func (v *Vault) Destroy(ctx context.Context, tx *store.Tx, actor, caseID, why string) (after func() error, err error) {
	nothing := func() error { return nil }
	c, err := tx.LockCaseRow(ctx, caseID)
	if err != nil {
		return nil, store.NotFound(err, "case")
	}
	key, err := tx.CaseKey(ctx, caseID)
	if store.IsNotFound(err) || err == nil && key.DestroyedAt != 0 {
		return nothing, nil // nothing was sealed, or it is done
	}
	if err != nil {
		return nil, fmt.Errorf("reading case key: %w", err)
	}
	if err := v.mayDestroy(ctx, tx); err != nil {
		return nil, err
	}
	kept, err := keptBy(ctx, tx.Queries, c, v.now())
	if err != nil {
		return nil, err
	}
	if len(kept) > 0 {
		return nil, safety.Errorf(safety.Conflict, "the evidence of this case must be kept: %s", sentence(kept))
	}
	if err := v.shred(ctx, tx, actor, caseID, why); err != nil {
		return nil, err
	}
	return func() error { return v.deleteBodies(context.WithoutCancel(ctx)) }, nil
}

// shred overwrites key and headers and writes certificate and ledger row.
func (v *Vault) shred(ctx context.Context, tx *store.Tx, actor, caseID, why string) error {
	now := v.now()
	if _, err := tx.DestroyCaseKey(ctx, caseID, []byte{}, store.Micros(now)); err != nil {
		return fmt.Errorf("destroying case key: %w", err)
	}
	pieces, err := tx.EvidenceOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("listing evidence: %w", err)
	}
	roles, size := map[string]int{}, int64(0)
	for _, e := range pieces {
		if _, err := tx.DestroyEvidence(ctx, e.ID, []byte{}, store.Micros(now)); err != nil {
			return fmt.Errorf("destroying header: %w", err)
		}
		roles[e.Role]++
		size += e.Size
	}
	rows, err := tx.ClocksOfCase(ctx, caseID)
	if err != nil {
		return fmt.Errorf("reading clocks: %w", err)
	}
	clocks := []certified{}
	for _, k := range rows {
		if Keeps(k.Keeps) != KeepsRecord {
			clocks = append(clocks, certified{k.Law, k.Basis, store.Time(k.UntilAt)})
		}
	}
	roleText, err := json.Marshal(roles)
	if err != nil {
		return err
	}
	clockText, err := json.Marshal(clocks)
	if err != nil {
		return err
	}
	id := safety.NewID("cer", now)
	err = tx.AddCertificate(ctx, db.AddCertificateParams{ID: id, CaseID: caseID, At: store.Micros(now), Actor: actor, Reason: why,
		Pieces: int64(len(pieces)), Bytes: size, Roles: string(roleText), Clocks: string(clockText)})
	if err != nil {
		return fmt.Errorf("writing certificate: %w", err)
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "evidence.destroy",
		Subject: caseID, Detail: fmt.Sprintf("%d pieces, key destroyed, certificate %s: %s", len(pieces), id, why)})
}

// deleteBodies deletes the bodies of destroyed evidence and writes down each that
// is confirmed to be gone. What cannot be deleted now is tried again by the next
// call; it is unreadable already.
func (v *Vault) deleteBodies(ctx context.Context) error {
	var errs error
	for last := ""; ; {
		pieces, err := v.store.Read().BodiesToDelete(ctx, last, 500)
		if err != nil {
			return errors.Join(errs, fmt.Errorf("looking for bodies to delete: %w", err))
		}
		for _, e := range pieces {
			last = e.ID
			if err := v.deleteBody(ctx, e); err != nil {
				errs = errors.Join(errs, fmt.Errorf("body of %s: %w", e.ID, err))
			}
		}
		if len(pieces) < 500 {
			break
		}
	}
	if _, err := v.store.Read().CloseCertificates(ctx, store.Micros(v.now())); err != nil {
		errs = errors.Join(errs, fmt.Errorf("closing certificates: %w", err))
	}
	return errs
}

func (v *Vault) deleteBody(ctx context.Context, e db.Evidence) error {
	if e.Blob != e.ID { // what the record points to may be the body of something that is kept
		return safety.Errorf(safety.Internal, "the record names another body; nothing is deleted")
	}
	if err := v.blobs.Delete(e.Blob); err != nil {
		return err
	}
	there, err := v.blobs.Has(e.Blob)
	if err != nil {
		return err
	}
	if there {
		return safety.Errorf(safety.Internal, "it is still there after it was deleted")
	}
	return v.store.Read().BodyDeleted(ctx, e.ID, store.Micros(v.now()))
}

// Expire destroys the evidence of decided cases whose clocks have all run out,
// which nobody holds and which have no report under way. It returns how many
// cases it destroyed. Nothing is destroyed while destruction is paused.
func (v *Vault) Expire(ctx context.Context) (int, error) {
	p, err := v.Look(ctx)
	if err != nil || p.Paused {
		return 0, err
	}
	n, last := 0, ""
	var errs error
	for {
		ids, err := v.store.Read().ExpiredCases(ctx, store.Micros(v.now()), last)
		if err != nil {
			return n, errors.Join(errs, fmt.Errorf("looking for expired cases: %w", err))
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			last = id
			switch gone, err := v.expire(ctx, id); {
			case err != nil:
				errs = errors.Join(errs, fmt.Errorf("destroying evidence of %s: %w", id, err))
			case gone:
				n++
			}
		}
	}
	return n, errors.Join(errs, v.deleteBodies(ctx))
}

// expire destroys one case. [Vault.Destroy] looks again: since the list was read,
// a clock or a hold may have been set or the case opened again.
func (v *Vault) expire(ctx context.Context, caseID string) (bool, error) {
	err := v.store.Tx(ctx, func(tx *store.Tx) error {
		_, err := v.Destroy(ctx, tx, safety.System.ID, caseID, "every clock has run out")
		return err
	})
	if safety.KindOf(err) == safety.Conflict {
		return false, nil
	}
	return err == nil, err
}
