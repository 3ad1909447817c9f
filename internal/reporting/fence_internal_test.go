package reporting

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/vault"
)

// TestWithdrawFencesAWorker: a worker that has claimed an approved report, and
// not yet stored the intent to open it, must not bring it back to life after a
// person has withdrawn it.
func TestWithdrawFencesAWorker(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "rowan.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	d := NewDesk(s, vault.New(s, nil, nil, clock), clock, Config{Environment: Standin}, Hooks{})
	err = s.Tx(ctx, func(tx *store.Tx) error {
		return errors.Join(
			tx.CreateCase(ctx, db.CreateCaseParams{ID: "cas_1", State: "decided", Priority: "P2"}),
			tx.CreateReport(ctx, db.CreateReportParams{ID: "rep_1", CaseID: "cas_1", DecisionID: "dec_1", Authority: string(NCMEC),
				Environment: string(Standin), State: string(Approved), Draft: "{}", Receipt: []byte{}}))
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := s.Read().ClaimReport(ctx, db.ClaimReportParams{ID: "rep_1", UpdatedAt: store.Micros(now), LeaseUntil: store.Micros(now.Add(lease))})
	if err != nil {
		t.Fatal(err)
	}
	f := &filing{d: d, r: r, epoch: r.Epoch}
	if err := d.WithdrawReport(ctx, safety.Actor{ID: "user:usr_anna", Person: true}, "rep_1", "slip"); err != nil {
		t.Fatal(err)
	}
	if err := f.to(context.WithoutCancel(ctx), Opening, nil, nil); !errors.Is(err, errLost) {
		t.Errorf("the worker went on: %v", err)
	}
	if r, err = s.Read().Report(ctx, "rep_1"); err != nil || r.State != string(Withdrawn) {
		t.Errorf("report is %s (%v), want withdrawn", r.State, err)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for n := range int64(100) {
		p := backoff(n, nil)
		if p < last || p < time.Second || p > 10*time.Minute {
			t.Fatalf("attempt %d waits %v after %v", n, p, last)
		}
		last = p
	}
	if last != 10*time.Minute {
		t.Errorf("the longest wait is %v, want 10 minutes", last)
	}
}

// TestMachineRefusesWhatTheTableLacks checks each pair of states.
func TestMachineRefusesWhatTheTableLacks(t *testing.T) {
	t.Parallel()
	all := []State{Draft, Approved, Opening, Opened, Sealed, Filed, Withdrawn}
	n := 0
	for _, from := range all {
		for _, to := range all {
			if allowed(from, to) {
				n++
				continue
			}
			f := &filing{r: db.Report{State: string(from)}} // without a desk: touching the database would panic
			if err := f.to(t.Context(), to, nil, nil); err == nil {
				t.Errorf("%s may become %s", from, to)
			}
		}
	}
	if n != len(Transitions) {
		t.Errorf("%d pairs are allowed, the table has %d rows", n, len(Transitions))
	}
	for _, end := range []State{Filed, Withdrawn} {
		for _, to := range all {
			if allowed(end, to) {
				t.Errorf("%s is not the end: it may become %s", end, to)
			}
		}
	}
}
