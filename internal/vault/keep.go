package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/rowan-safety/rowan/internal/ledger"
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

// ReadMaster reads the master key, and never makes one.
func ReadMaster(file string) (*age.HybridIdentity, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("reading vault key: %w", err)
	}
	return LoadMaster(file)
}

// Clock says that something must be kept until a time, and by what law. [Law]
// makes them.
type Clock struct {
	Law   string // short name, such as "18 USC 2258A(h)"
	Basis string // a plain sentence: from when, for how long
	Until time.Time
	Keeps Keeps // what; "" is evidence
}

// SetClock adds a clock to a case in tx. Clocks are only ever added: the
// latest one decides. The ledger row says enough to know later that the clock was
// there and until when.
func (v *Vault) SetClock(ctx context.Context, tx *store.Tx, caseID string, c Clock) error {
	if c.Keeps == "" {
		c.Keeps = KeepsEvidence
	}
	if c.Keeps == Due {
		return safety.Errorf(safety.Internal, "%s keeps nothing, so it is no clock of a case", c.Law)
	}
	behind, err := v.behind(ctx, tx)
	if err != nil {
		return err
	}
	if behind > 0 { // or the law's time would be shorter by it
		c.Until = c.Until.Add(behind)
		c.Basis += fmt.Sprintf("; %s more, because the clock of this machine was behind", rough(behind))
	}
	now := v.now()
	id := safety.NewID("clk", now)
	until := store.Micros(c.Until)
	err = tx.SetClock(ctx, db.SetClockParams{ID: id, CaseID: caseID, Law: c.Law, Basis: c.Basis,
		UntilAt: until, CreatedAt: store.Micros(now), Keeps: string(c.Keeps)})
	if err != nil {
		return fmt.Errorf("setting clock: %w", err)
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "clock.set", Subject: caseID,
		Detail: fmt.Sprintf("%s %s until %s, %s: %s", id, c.Keeps, store.Time(until).Format(time.RFC3339Nano), c.Law, c.Basis)})
}

// Sweep deletes bodies that no record points to and that are older than a day:
// what transactions that did not commit have left. It returns how many. A body
// may be young by a clock that has not jumped, so nothing is swept while
// destruction is paused.
func (v *Vault) Sweep(ctx context.Context) (int, error) {
	if p, err := v.Look(ctx); err != nil || p.Paused {
		return 0, err
	}
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

// Writable reports whether evidence can be written at the moment.
func (v *Vault) Writable() error {
	if err := v.blobs.Writable(); err != nil {
		return safety.Wrap(safety.Unavailable, err, "evidence store does not take writes")
	}
	return nil
}

// SetReserve sets how many bytes of the disk intake leaves free.
func (v *Vault) SetReserve(bytes int64) { v.reserve = uint64(max(bytes, 0)) }

// Room fails when the disk has less free space than the reserve. Intake asks
// before it takes anything in, so that what is left is there for the cases that
// are open: their evidence, views, reports and ledger rows.
func (v *Vault) Room() error {
	if v.reserve == 0 {
		return nil
	}
	free, known, err := v.blobs.Free()
	if err != nil {
		return safety.Wrap(safety.Unavailable, err, "the free space of the evidence store cannot be read")
	}
	if known && free < v.reserve {
		return safety.Errorf(safety.Unavailable, "the disk of the evidence store is nearly full (%d MiB free, %d MiB are kept for open cases); nothing new is taken in until an operator makes room",
			free>>20, v.reserve>>20)
	}
	return nil
}

// Free is the free space of the evidence store's disk, where the system tells.
func (v *Vault) Free() (bytes uint64, known bool, err error) { return v.blobs.Free() }

// Ready reports whether new evidence can be taken in: it can be written, and
// there is room.
func (v *Vault) Ready() error { return errors.Join(v.Writable(), v.Room()) }
