package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/vault"
)

// operator is whoever sits at the command line. All that is done there counts as
// one person: a release still needs somebody in the console.
var operator = safety.Actor{ID: "cli", Name: "Command line", Person: true}

func evidenceCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "evidence", Short: "Holds on evidence, and whether destruction is paused"}
	holds := &cobra.Command{Use: "holds", Short: "The holds that run", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return o.with(cmd.Context(), func(a *app.App) error { return showHolds(cmd.Context(), a) })
	}}
	var h vault.NewHold
	hold := &cobra.Command{Use: "hold CASE", Short: "Hold a case: nothing of it is destroyed until two people release the hold", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.inTx(cmd.Context(), func(a *app.App, tx *store.Tx) error {
				placed, err := a.Vault.Hold(cmd.Context(), tx, operator, args[0], h)
				if err == nil {
					fmt.Println(placed.ID)
				}
				return err
			})
		}}
	hold.Flags().StringVar(&h.Kind, "kind", "legal_hold", "legal_hold, preservation_request, disclosure or other")
	hold.Flags().StringVar(&h.Reason, "reason", "", "why")
	hold.Flags().StringVar(&h.Authority, "authority", "", "who asked for it")
	hold.Flags().StringVar(&h.Reference, "reference", "", "their reference")
	var reason string
	release := &cobra.Command{Use: "release HOLD", Short: "Ask that a hold be released; somebody else confirms it in the console", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.inTx(cmd.Context(), func(a *app.App, tx *store.Tx) error {
				_, err := a.Vault.AskRelease(cmd.Context(), tx, operator, args[0], reason)
				return err
			})
		}}
	release.Flags().StringVar(&reason, "reason", "", "why")
	var clock string
	resume := &cobra.Command{Use: "resume", Short: "Say what time it is, so that a paused destruction goes on", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at, err := time.Parse(time.RFC3339, clock)
			if err != nil {
				return errors.New("--clock is the time by another clock than this machine's, as in 2026-11-27T10:00:00Z")
			}
			return o.with(cmd.Context(), func(a *app.App) error { return a.Vault.Resume(cmd.Context(), operator, at, reason) })
		}}
	resume.Flags().StringVar(&clock, "clock", "", "what time it is, by a clock that is not this machine's (RFC 3339)")
	resume.Flags().StringVar(&reason, "reason", "", "what had happened")
	c.AddCommand(holds, hold, release, resume)
	return c
}

// inTx runs fn in a transaction of an opened Rowan.
func (o *options) inTx(ctx context.Context, fn func(*app.App, *store.Tx) error) error {
	return o.with(ctx, func(a *app.App) error {
		return a.Store.Tx(ctx, func(tx *store.Tx) error { return fn(a, tx) })
	})
}

func showHolds(ctx context.Context, a *app.App) error {
	rows, err := a.Store.Read().HoldsRunning(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "HOLD\tCASE\tKIND\tPLACED\tBY\tRELEASE ASKED BY\tREASON")
	for _, h := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.CaseID, h.Kind, store.Time(h.PlacedAt).Format(time.DateTime), h.PlacedName, h.AskedName, h.Reason)
	}
	return w.Flush()
}

func verifyEvidenceCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "evidence", Short: "Open everything that is kept, and show that nothing was destroyed before its time", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load("")
			if err != nil {
				return err
			}
			return verifyEvidence(cmd.Context(), cfg)
		}}
}

// verifyEvidence opens the database, the key and the folder, and makes none of
// them: what is not there is a finding.
func verifyEvidence(ctx context.Context, cfg app.Config) (err error) {
	master, err := vault.ReadMaster(cfg.Evidence.KeyFile)
	if err != nil {
		return err
	}
	dir := filepath.Join(cfg.Data, "evidence")
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("evidence folder: %w", err)
	}
	blobs, err := vault.OpenFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blobs.Close()) }()
	s, err := store.Open(ctx, cfg.DatabaseURL, app.NewLogger(os.Stderr, "warn"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v, err := vault.New(s, master, blobs, time.Now).Verify(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d pieces open to what was sealed (%d bytes), %d cases are under a hold, %d cases were destroyed, %d bodies wait for deletion\n",
		v.Opened, v.Bytes, v.Held, v.Destroyed, v.Waiting)
	for _, p := range v.Problems {
		fmt.Println("PROBLEM:", p)
	}
	if n := len(v.Problems) + v.More; n > 0 {
		return fmt.Errorf("the evidence does not hold: %d problems", n)
	}
	fmt.Println("The evidence holds. What was destroyed is judged by the ledger: run rowan verify ledger too.")
	return nil
}
