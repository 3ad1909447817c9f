package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/proof"
)

func verifyLedgerCommand(o *options) *cobra.Command {
	var flags checkFlags
	var from, state, apiKeyFile string
	c := &cobra.Command{Use: "ledger", Short: "Recompute the ledger and compare it with every signed checkpoint", Args: cobra.NoArgs,
		Long: "Recompute the ledger and compare it with every signed checkpoint: of this machine's data folder, or with\n" +
			"--from as an outsider, over HTTP, without a data folder or a configuration (docs/ledger.md).\n" +
			"With --state the checkpoint is kept, and the next time the ledger must have grown from it.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				if flags.key != "" || len(flags.witnesses) > 0 || state != "" || apiKeyFile != "" {
					return errors.New("--key, --witness, --state and --api-key-file go with --from")
				}
				cfg, err := o.load("")
				if err != nil {
					return err
				}
				return verifyLedger(cmd.Context(), cfg)
			}
			return verifyFrom(cmd.Context(), cmd.OutOrStdout(), from, state, apiKeyFile, &flags)
		}}
	flags.add(c)
	c.Flags().StringVar(&from, "from", "", "address of a ledger, such as https://rowan.example/ledger")
	c.Flags().StringVar(&state, "state", "", "file that keeps the last checkpoint seen; made at the first time")
	c.Flags().StringVar(&apiKeyFile, "api-key-file", "", "file with an API key of the scope ledger:read, where the ledger is not open to all")
	return c
}

func verifyFrom(ctx context.Context, w io.Writer, from, state, apiKeyFile string, flags *checkFlags) error {
	key, witnesses, err := flags.keys()
	if err != nil {
		return err
	}
	if key == nil {
		return errors.New("give the ledger's public key (--key): without it anybody could answer")
	}
	l := &proof.Log{URL: from, Key: *key, Witnesses: witnesses}
	if apiKeyFile != "" {
		text, err := os.ReadFile(filepath.Clean(apiKeyFile))
		if err != nil {
			return err
		}
		l.APIKey = strings.TrimSpace(string(text))
	}
	last := ""
	if state != "" {
		text, err := os.ReadFile(filepath.Clean(state))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		last = string(text)
		if err == nil && last == "" {
			return fmt.Errorf("%s is empty: what was seen before is lost; remove it to begin anew", state)
		}
	}
	seen, err := l.Check(ctx, last)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d entries, root %s\n", seen.Size, seen.Root)
	switch {
	case seen.Entries >= seen.Size:
		fmt.Fprintln(w, "Recomputed from all entries.")
	default:
		fmt.Fprintln(w, "Recomputed from the hashes of all entries.")
	}
	switch {
	case seen.Grown >= 0:
		fmt.Fprintf(w, "It has grown by %d entries since the last time, and what was there is unchanged.\n", seen.Grown)
	case state != "":
		fmt.Fprintln(w, "First look: nothing to compare with yet.")
	}
	for _, n := range seen.Notes {
		fmt.Fprintln(w, "note:", n)
	}
	if state != "" {
		if err := keepState(state, seen.Checkpoint); err != nil {
			return fmt.Errorf("keeping the checkpoint: %w", err)
		}
	}
	fmt.Fprintln(w, "The ledger holds.")
	return nil
}

// keepState replaces the file so that it has either the old or the new content.
func keepState(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
