package vault

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
)

// Destruction cannot be taken back, and what decides it is the clock of a
// machine. So the destroyer believes the clock only as far as it has seen it go:
//
//   - while a process runs, the wall clock must go along with the monotonic
//     clock, within [Trust.Jump], counted from when this process first believed
//     it (and not from round to round, or many small jumps would add up);
//   - when a process starts, the wall clock must be no further than [Trust.Gap]
//     beyond the last time that any process has believed, which is in the database;
//   - it must never be before that time, by more than Jump.
//
// Otherwise everything that destroys is paused until a person says that the clock
// is right. A pause costs disk space; the other mistake costs evidence. What this
// does not do is to tell a right clock from a wrong one on the first start of all,
// or to stop somebody who owns the machine.

// Trust bounds how far the clock is believed.
type Trust struct {
	Jump time.Duration // between wall and monotonic clock; default an hour
	Gap  time.Duration // between two processes; default three days, a choice: a weekend without Rowan is usual, a longer time is worth a look
	// Elapsed is the time since some moment in this process, by a clock that
	// nobody sets. Default: the monotonic clock.
	Elapsed func() time.Duration
}

// The defaults of [Trust].
const (
	DefaultJump = time.Hour
	DefaultGap  = 72 * time.Hour
)

func (t *Trust) complete() {
	if t.Jump <= 0 {
		t.Jump = DefaultJump
	}
	if t.Gap <= 0 {
		t.Gap = DefaultGap
	}
	if t.Elapsed == nil {
		began := time.Now()
		t.Elapsed = func() time.Duration { return time.Since(began) }
	}
}

// anchor is when this process first believed the clock.
type anchor struct {
	epoch   int64 // of the destroyer's row; a person's word makes a new one
	wall    time.Time
	elapsed time.Duration
}

// watch holds the anchor.
type watch struct {
	Trust
	mu sync.Mutex
	at *anchor // guarded by mu
}

// SetTrust sets how far the clock is believed. Call it before anything else.
func (v *Vault) SetTrust(t Trust) {
	t.complete()
	v.watch.Trust = t
}

// doubt says why now is not to be believed, or nothing.
func (w *watch) doubt(row db.Destroyer, now time.Time) string {
	trusted := store.Time(row.TrustedAt)
	if trusted.IsZero() {
		return "" // the first start of all: there is nothing to compare with
	}
	if now.Before(trusted.Add(-w.Jump)) {
		return fmt.Sprintf("the clock says %s, and it has been %s before", minute(now), minute(trusted))
	}
	w.mu.Lock()
	at := w.at
	w.mu.Unlock()
	if at == nil || at.epoch != row.Epoch {
		if gap := now.Sub(trusted); gap > w.Gap {
			return fmt.Sprintf("the clock says %s, which is %s after the last time that was trusted; more than %s is for a person to look at",
				minute(now), rough(gap), rough(w.Gap))
		}
		return ""
	}
	passed := w.Elapsed() - at.elapsed
	if jump := now.Sub(at.wall.Add(passed)); jump.Abs() > w.Jump {
		way := "forward"
		if jump < 0 {
			way = "back"
		}
		return fmt.Sprintf("the clock went %s by %s in %s of running time, and says %s now", way, rough(jump.Abs()), rough(passed), minute(now))
	}
	return ""
}

// believe takes now as right, if nothing was believed in this epoch yet.
func (w *watch) believe(row db.Destroyer, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.at == nil || w.at.epoch != row.Epoch {
		w.at = &anchor{epoch: row.Epoch, wall: now, elapsed: w.Elapsed()}
	}
}

func minute(t time.Time) string    { return t.UTC().Format("2006-01-02 15:04 UTC") }
func rough(d time.Duration) string { return d.Round(time.Minute).String() }
func pausedError(reason string) error {
	return safety.Errorf(safety.Conflict, "destruction is paused: %s", reason)
}

// Pause says whether destruction is paused.
type Pause struct {
	Paused  bool
	At      time.Time // when it was paused
	Reason  string
	Trusted time.Time // the last time of the clock that was believed
}

// Look believes the clock for another round, or pauses destruction. The pause and
// its ledger row are written once.
func (v *Vault) Look(ctx context.Context) (p Pause, err error) {
	var row db.Destroyer
	var now time.Time
	err = v.store.Tx(ctx, func(tx *store.Tx) error {
		if row, err = tx.LockDestroyer(ctx); err != nil {
			return fmt.Errorf("reading the destroyer's state: %w", err)
		}
		now = v.now()
		p = pauseOf(row)
		if p.Paused {
			return nil
		}
		why := v.watch.doubt(row, now)
		if why == "" {
			p.Trusted = now
			return tx.TrustTime(ctx, store.Micros(now))
		}
		p.Paused, p.At, p.Reason = true, now, why
		if _, err := tx.PauseDestroyer(ctx, store.Micros(now), why); err != nil {
			return fmt.Errorf("pausing destruction: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: safety.System.ID, Action: "evidence.pause", Subject: "evidence", Detail: why})
	})
	if err == nil && !p.Paused {
		v.watch.believe(row, now)
	}
	return p, err
}

func pauseOf(row db.Destroyer) Pause {
	return Pause{Paused: row.PausedAt != 0, At: store.Time(row.PausedAt), Reason: row.Reason, Trusted: store.Time(row.TrustedAt)}
}

// Paused tells the state without changing it. A doubt that the next round would
// write down counts already.
func (v *Vault) Paused(ctx context.Context) (Pause, error) {
	row, err := v.store.Read().Destroyer(ctx)
	if err != nil {
		return Pause{}, fmt.Errorf("reading the destroyer's state: %w", err)
	}
	p, now := pauseOf(row), v.now()
	if !p.Paused {
		if why := v.watch.doubt(row, now); why != "" {
			p.Paused, p.At, p.Reason = true, now, why
		}
	}
	return p, nil
}

// mayDestroy fails while destruction is paused, or the clock is in doubt.
func (v *Vault) mayDestroy(ctx context.Context, tx *store.Tx) error {
	row, err := tx.LockDestroyer(ctx)
	if err != nil {
		return fmt.Errorf("reading the destroyer's state: %w", err)
	}
	if row.PausedAt != 0 {
		return pausedError(row.Reason)
	}
	if why := v.watch.doubt(row, v.now()); why != "" {
		return pausedError(why)
	}
	return nil
}

// Resume lets destruction go on. A person says what time it is, by a clock of
// their own, so that nobody confirms a wrong clock by habit.
func (v *Vault) Resume(ctx context.Context, who safety.Actor, clock time.Time, reason string) error {
	if !who.Person {
		return safety.Errorf(safety.Forbidden, "only a person lets destruction go on")
	}
	if reason == "" {
		return safety.Errorf(safety.Invalid, "going on needs a reason")
	}
	return v.store.Tx(ctx, func(tx *store.Tx) error {
		now := v.now()
		if off := now.Sub(clock); off.Abs() > v.watch.Jump {
			return safety.Errorf(safety.Conflict, "the clock of this machine says %s, which is not what you say; set it right first", minute(now))
		}
		row, err := tx.LockDestroyer(ctx)
		if err != nil {
			return fmt.Errorf("reading the destroyer's state: %w", err)
		}
		if row.PausedAt == 0 {
			if row.Reason = v.watch.doubt(row, now); row.Reason == "" {
				return safety.Errorf(safety.Conflict, "destruction is not paused")
			}
			if _, err := tx.PauseDestroyer(ctx, store.Micros(now), row.Reason); err != nil {
				return fmt.Errorf("pausing destruction: %w", err)
			}
		}
		if _, err := tx.ResumeDestroyer(ctx, store.Micros(now)); err != nil {
			return fmt.Errorf("resuming destruction: %w", err)
		}
		return ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: who.ID, Action: "evidence.resume", Subject: "evidence",
			Detail: fmt.Sprintf("%s (it was paused because %s)", reason, row.Reason)})
	})
}

// behind is by how much this machine's clock is behind the last time that was
// trusted, where that is more than clocks differ: a legal clock that starts now
// would run out too early by it.
func (v *Vault) behind(ctx context.Context, tx *store.Tx) (time.Duration, error) {
	row, err := tx.Destroyer(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the destroyer's state: %w", err)
	}
	if by := store.Time(row.TrustedAt).Sub(v.now()); row.TrustedAt != 0 && by > v.watch.Jump {
		return by, nil
	}
	return 0, nil
}
