package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// LoadMaster reads the master key from a file that holds one age identity
// (AGE-SECRET-KEY-PQ-1…), making the file (mode 0600) when it is not there.
// Whoever has this file and the database can read the evidence; whoever loses
// it has destroyed the evidence.
func LoadMaster(file string) (*age.HybridIdentity, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return makeMaster(file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading vault key: %w", err)
	}
	id, err := age.ParseHybridIdentity(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, errors.New("vault key file does not hold an age post-quantum identity")
	}
	return id, nil
}

func makeMaster(file string) (*age.HybridIdentity, error) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("making key folder: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("making vault key: %w", err)
	}
	_, err = f.WriteString(id.String() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, fmt.Errorf("making vault key: %w", err)
	}
	return id, nil
}

// Clock says that something must be kept until a time, and by what law.
type Clock struct {
	Law   string // short name, such as "18 USC 2258A(h)"
	Basis string // a plain sentence: from when, for how long
	Until time.Time
}

// SetClock adds a clock to a case in tx. Clocks are only ever added: the
// latest one decides.
func (v *Vault) SetClock(ctx context.Context, tx *store.Tx, caseID string, c Clock) error {
	now := v.now()
	err := tx.SetClock(ctx, db.SetClockParams{ID: safety.NewID("clk", now), CaseID: caseID, Law: c.Law, Basis: c.Basis,
		UntilAt: store.Micros(c.Until), CreatedAt: store.Micros(now)})
	if err != nil {
		return fmt.Errorf("setting clock: %w", err)
	}
	return nil
}

// Expire destroys the evidence of decided cases whose clocks have all run out
// and which have no report under way. It returns how many cases it destroyed.
func (v *Vault) Expire(ctx context.Context) (int, error) {
	ids, err := v.store.Read().ExpiredCases(ctx, store.Micros(v.now()))
	if err != nil {
		return 0, fmt.Errorf("looking for expired cases: %w", err)
	}
	n := 0
	for _, id := range ids {
		gone, err := v.expire(ctx, id)
		if err != nil {
			return n, fmt.Errorf("destroying evidence of %s: %w", id, err)
		}
		if gone {
			n++
		}
	}
	return n, nil
}

// expire destroys one case. It looks again in the transaction: since the list
// was read, a clock may have been set or the case opened again.
func (v *Vault) expire(ctx context.Context, caseID string) (bool, error) {
	after := func() error { return nil }
	gone := false
	err := v.store.Tx(ctx, func(tx *store.Tx) error {
		ids, err := tx.ExpiredCases(ctx, store.Micros(v.now()))
		if gone = slices.Contains(ids, caseID); err != nil || !gone {
			return err
		}
		after, err = v.Destroy(ctx, tx, "system", caseID, "every clock has run out")
		return err
	})
	if err != nil || !gone {
		return false, err
	}
	return true, after()
}

// Sweep deletes bodies that no record points to and that are older than a day:
// what transactions that did not commit, and destructions that were cut short,
// have left. It returns how many.
func (v *Vault) Sweep(ctx context.Context) (int, error) {
	n := 0
	err := v.blobs.Each(func(name string, modified time.Time) error {
		if v.now().Sub(modified) < 24*time.Hour {
			return nil
		}
		e, err := v.store.Read().Evidence(ctx, name)
		if err == nil && e.DestroyedAt == 0 {
			return nil
		}
		if err != nil && !store.IsNotFound(err) {
			return err
		}
		n++
		return v.blobs.Delete(name)
	})
	return n, err
}

// Ready reports whether evidence can be written at the moment.
func (v *Vault) Ready() error {
	if err := v.blobs.Writable(); err != nil {
		return safety.Wrap(safety.Unavailable, err, "evidence store does not take writes")
	}
	return nil
}
