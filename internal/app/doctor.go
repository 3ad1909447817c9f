package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rowan-safety/rowan/internal/reporting"
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	Name string
	OK   bool
	Note string
}

// Examine checks the running environment: what would keep Rowan from doing its
// work, and what an operator should know.
func (a *App) Examine(ctx context.Context) []Finding {
	var out []Finding
	add := func(name string, err error, note string) {
		f := Finding{Name: name, OK: err == nil, Note: note}
		if err != nil {
			f.Note = err.Error()
		}
		out = append(out, f)
	}
	add("database", a.Store.Ping(ctx), string(a.Store.Engine()))
	add("evidence store", a.Vault.Ready(), "takes writes")
	add("destruction", a.destruction(ctx), "not paused")
	add("vault key", private(a.Config.Evidence.KeyFile), "readable by its owner only")
	add("lists", a.Index.Refresh(ctx), fmt.Sprintf("%d signals", a.Index.Signals()))
	add("exchanges", a.exchanges(ctx), "no alarm")
	add("policy", nil, a.Policy.Version())
	pool, err := a.NewPool(ctx)
	note, videos := "", "the decoders do not start"
	if err == nil {
		note = pool.Sandbox()
		var ok bool
		if videos, ok = pool.Video(ctx); !ok {
			videos = "answered unsupported: " + videos
		}
		pool.Close()
	}
	add("decoders", err, note)
	add("videos", nil, videos)
	for _, h := range a.Hashers {
		add("hasher "+string(h.Type), a.tryHasher(ctx, h), "gives a fingerprint of a test picture")
	}
	n, err := a.Ledger.Seal(ctx)
	add("ledger", err, fmt.Sprintf("%d entries sealed now", n))
	if c := a.Config.Ledger; len(c.Witnesses) > 0 {
		note, err := a.witnessed(ctx)
		add("witnesses", err, note)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = a.Reports.Ping(ctx)
	where := string(a.Config.Reporting.Environment)
	if a.Config.Reporting.Environment == reporting.Standin {
		where += " (nothing leaves this machine)"
	}
	add("authority", err, where)
	return out
}

// witnessed asks the witnesses and tells how many have cosigned; fewer than the
// quorum is an error.
func (a *App) witnessed(ctx context.Context) (string, error) {
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := a.Witnesses.AskNow(ask); err != nil {
		return "", err
	}
	states, err := a.Witnesses.States(ctx)
	if err != nil {
		return "", err
	}
	good := 0
	var failures []error
	for _, s := range states {
		if s.Failures == 0 && !s.At.IsZero() {
			good++
		} else {
			failures = append(failures, fmt.Errorf("%s: %s", s.Name, s.LastError))
		}
	}
	note := fmt.Sprintf("%d of %d cosign, %d are expected", good, len(states), a.Config.Ledger.Quorum)
	if good < a.Config.Ledger.Quorum {
		return "", errors.Join(append([]error{errors.New(note)}, failures...)...)
	}
	return note, nil
}

// exchanges names those that an operator should look at.
func (a *App) exchanges(ctx context.Context) error {
	all, err := a.Exchanges.All(ctx)
	if err != nil {
		return err
	}
	var bad []error
	for _, e := range all {
		switch {
		case e.Held > 0:
			bad = append(bad, fmt.Errorf("%s: %d removals wait for a person", e.Name, e.Held))
		case e.Stale:
			bad = append(bad, fmt.Errorf("%s: no success for too long: %s", e.Name, e.LastError))
		}
	}
	return errors.Join(bad...)
}

// destruction says when it is paused, and what a person does then.
func (a *App) destruction(ctx context.Context) error {
	p, err := a.Vault.Paused(ctx)
	if err != nil {
		return err
	}
	if p.Paused {
		return fmt.Errorf("paused, because %s. Nothing is destroyed. Set the clock right, then: rowan evidence resume", p.Reason)
	}
	return nil
}

func private(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("others may read it (mode %o); make it 0600", info.Mode().Perm())
	}
	return nil
}
