package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Erasure is what became of a request to erase an account.
type Erasure struct {
	AccountID   string
	AskedAt     time.Time
	CompletedAt time.Time // zero while something must be kept
	Kept        []Kept    // what keeps it: for people who work on cases, never for the platform
}

// Erase erases what Rowan knows of an account, as far as nothing makes it keep
// it, and remembers the request: [Vault.Erasures] completes it when the last
// clock has run out and the last hold is released. Asking again is asking once.
// reference is the platform's own number of the request, for the ledger.
//
// An account with a case that must be kept is kept whole, with its profile and
// the hashes of its recent uploads: they are part of what the case may need. What
// is erased of its other cases: their evidence is destroyed, and account, file
// names, links, addresses and hashes leave their items.
func (v *Vault) Erase(ctx context.Context, actor, accountID, reference string) (Erasure, error) {
	if accountID == "" {
		return Erasure{}, safety.Errorf(safety.Invalid, "an erasure needs an account")
	}
	now := v.now()
	err := v.store.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Erasure(ctx, accountID); err == nil || !store.IsNotFound(err) {
			return err
		}
		if err := tx.AskErasure(ctx, accountID, actor, store.Micros(now)); err != nil {
			return err
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "account.ask_erasure", Subject: "account:" + accountID, Detail: reference})
	})
	if err != nil {
		return Erasure{}, fmt.Errorf("recording erasure: %w", err)
	}
	return v.erase(ctx, accountID)
}

// Erasures tries every request that is not complete again. It returns how many it
// completed.
func (v *Vault) Erasures(ctx context.Context) (int, error) {
	if p, err := v.Look(ctx); err != nil || p.Paused {
		return 0, err
	}
	n, last := 0, ""
	var errs error
	for {
		rows, err := v.store.Read().OpenErasures(ctx, last, 100)
		if err != nil {
			return n, errors.Join(errs, fmt.Errorf("looking for erasures: %w", err))
		}
		if len(rows) == 0 {
			return n, errs
		}
		for _, r := range rows {
			last = r.AccountID
			switch e, err := v.erase(ctx, r.AccountID); {
			case err != nil:
				errs = errors.Join(errs, err)
			case !e.CompletedAt.IsZero():
				n++
			}
		}
	}
}

// Erasure tells what became of a request, and what keeps it now.
func (v *Vault) Erasure(ctx context.Context, accountID string) (Erasure, error) {
	q := v.store.Read()
	row, err := q.Erasure(ctx, accountID)
	if err != nil {
		return Erasure{}, store.NotFound(err, "request for erasure")
	}
	cases, err := q.CasesOfAccount(ctx, accountID)
	if err != nil {
		return Erasure{}, fmt.Errorf("reading cases of the account: %w", err)
	}
	e := Erasure{AccountID: accountID, AskedAt: store.Time(row.AskedAt), CompletedAt: store.Time(row.CompletedAt)}
	for _, c := range cases {
		kept, err := v.accountKeptBy(ctx, q, c)
		if err != nil {
			return e, err
		}
		e.Kept = append(e.Kept, kept...)
	}
	return e, nil
}

// accountKeptBy is what keeps the data of an account that a case has: what keeps
// its evidence, and the clocks on its reports. A case of which nothing was ever
// sealed (only hashes were sent) is kept like any other.
func (v *Vault) accountKeptBy(ctx context.Context, q *db.Queries, c db.Case) ([]Kept, error) {
	kept, err := keptBy(ctx, q, c, v.now())
	if err != nil {
		return nil, err
	}
	clocks, err := q.ClocksOfCase(ctx, c.ID)
	if err != nil {
		return nil, fmt.Errorf("reading clocks: %w", err)
	}
	for _, k := range clocks {
		if Keeps(k.Keeps) == KeepsRecord && k.UntilAt > store.Micros(v.now()) {
			kept = append(kept, Kept{CaseID: c.ID, Why: "clock", Law: k.Law, Basis: k.Basis, Until: store.Time(k.UntilAt)})
		}
	}
	return kept, nil
}

// erase erases what may go, in one transaction.
func (v *Vault) erase(ctx context.Context, accountID string) (out Erasure, err error) {
	var after []func() error
	err = v.store.Tx(ctx, func(tx *store.Tx) error {
		out, after = Erasure{AccountID: accountID}, nil
		// Intake takes the same lock before it opens a case of the account.
		if err := tx.LockCases(ctx, "account "+accountID); err != nil {
			return fmt.Errorf("locking account: %w", err)
		}
		row, err := tx.LockErasure(ctx, accountID)
		if err != nil {
			return store.NotFound(err, "request for erasure")
		}
		out.AskedAt = store.Time(row.AskedAt)
		cases, err := tx.CasesOfAccount(ctx, accountID)
		if err != nil {
			return fmt.Errorf("reading cases of the account: %w", err)
		}
		n := int64(0)
		for _, c := range cases {
			gone, fn, err := v.eraseCase(ctx, tx, c.ID, accountID, &out)
			if err != nil {
				return err
			}
			after = append(after, fn)
			n += gone
		}
		requests, err := tx.OpenRequestsOfAccount(ctx, accountID)
		if err != nil {
			return fmt.Errorf("reading requests of authorities: %w", err)
		}
		for _, id := range requests {
			out.Kept = append(out.Kept, Kept{Why: "request", Basis: "an authority's request (" + id + ") names the account and is open"})
		}
		if len(out.Kept) > 0 {
			return v.stillKept(ctx, tx, row, n, out)
		}
		return v.complete(ctx, tx, row, n, &out)
	})
	if err != nil {
		return out, fmt.Errorf("erasing an account: %w", err)
	}
	// It is done and unreadable. What cannot be deleted from the disk now, the next
	// [Vault.Expire] tries again and tells of.
	for _, fn := range after {
		if fn != nil {
			_ = fn()
		}
	}
	return out, nil
}

// eraseCase erases one case, or says what keeps it.
func (v *Vault) eraseCase(ctx context.Context, tx *store.Tx, caseID, accountID string, out *Erasure) (gone int64, after func() error, err error) {
	c, err := tx.LockCaseRow(ctx, caseID)
	if err != nil {
		return 0, nil, fmt.Errorf("locking case: %w", err)
	}
	kept, err := v.accountKeptBy(ctx, tx.Queries, c)
	if err != nil {
		return 0, nil, err
	}
	out.Kept = append(out.Kept, kept...)
	if len(kept) > 0 {
		return 0, nil, nil
	}
	if after, err = v.Destroy(ctx, tx, safety.System.ID, caseID, "every clock has run out, and the account asked for erasure"); err != nil {
		if safety.KindOf(err) != safety.Conflict {
			return 0, nil, err
		}
		out.Kept = append(out.Kept, Kept{CaseID: caseID, Why: "paused", Basis: "destruction is paused until a person has looked at the clock"})
		return 0, nil, nil
	}
	for _, forget := range []func() (int64, error){
		func() (int64, error) { return tx.ForgetItems(ctx, caseID, accountID) },
		func() (int64, error) { return tx.ForgetWants(ctx, caseID, accountID) },
		func() (int64, error) { return tx.ForgetCaseAccount(ctx, caseID, accountID) },
		func() (int64, error) { return tx.ForgetReportContents(ctx, caseID) },
		func() (int64, error) { return tx.ForgetReportRequests(ctx, caseID, []byte{}) },
	} {
		n, err := forget()
		if err != nil {
			return 0, nil, fmt.Errorf("erasing from case %s: %w", caseID, err)
		}
		gone += n
	}
	return gone, after, nil
}

// stillKept leaves the request open.
func (v *Vault) stillKept(ctx context.Context, tx *store.Tx, row db.Erasure, n int64, out Erasure) error {
	if row.CompletedAt != 0 { // new cases since then
		if err := tx.CompleteErasure(ctx, row.AccountID, 0); err != nil {
			return fmt.Errorf("opening erasure again: %w", err)
		}
	} else if n == 0 {
		return nil // nothing new
	}
	ids := map[string]bool{}
	for _, k := range out.Kept {
		if k.CaseID != "" { // the account itself, which a request names
			ids[k.CaseID] = true
		}
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: v.now(), Actor: safety.System.ID, Action: "account.keep", Subject: "account:" + row.AccountID,
		Detail: fmt.Sprintf("erased in part; %d cases must be kept", len(ids))})
}

// complete erases the account itself.
func (v *Vault) complete(ctx context.Context, tx *store.Tx, row db.Erasure, n int64, out *Erasure) error {
	profiles, err := tx.ForgetAccount(ctx, row.AccountID)
	if err != nil {
		return fmt.Errorf("erasing profile: %w", err)
	}
	recents, err := tx.ForgetRecentsOfAccount(ctx, row.AccountID)
	if err != nil {
		return fmt.Errorf("erasing recent uploads: %w", err)
	}
	for _, also := range v.also {
		more, err := also(ctx, tx, row.AccountID)
		if err != nil {
			return err
		}
		n += more
	}
	out.CompletedAt = store.Time(row.CompletedAt)
	if row.CompletedAt != 0 && n+profiles+recents == 0 {
		return nil // done before, and nothing new
	}
	now := v.now()
	out.CompletedAt = now
	if err := tx.CompleteErasure(ctx, row.AccountID, store.Micros(now)); err != nil {
		return fmt.Errorf("completing erasure: %w", err)
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "account.erase", Subject: "account:" + row.AccountID,
		Detail: fmt.Sprintf("complete: %d profiles, %d recent uploads, %d rows of cases", profiles, recents, n)})
}

// AlsoErase adds something that forgets an account, in the transaction that completes
// an erasure, and tells how many rows went. It is for the start, before anything is
// erased.
func (v *Vault) AlsoErase(fn func(ctx context.Context, tx *store.Tx, account string) (int64, error)) {
	if fn != nil {
		v.also = append(v.also, fn)
	}
}
