package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/custody"
	"github.com/rowan-safety/rowan/internal/proof"
)

func casesCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "cases", Short: "Cases, for those who administer Rowan"}
	var out, passphraseFile string
	var req custody.Request
	export := &cobra.Command{Use: "export CASE", Short: "Make an evidence bundle of a case", Args: cobra.ExactArgs(1),
		Long: "Make an evidence bundle of a case: a ZIP file with the evidence files, the chain of custody and the\n" +
			"proofs of the ledger, which rowan verify bundle checks without a server (docs/evidence-bundle.md).\n" +
			"The export is in the ledger before the first byte is written. With a passphrase the bundle is locked\n" +
			"in an AES ZIP that 7-Zip opens; --plain writes the evidence in the clear, for a disk that is itself encrypted.",
		RunE: func(cmd *cobra.Command, args []string) error {
			req.CaseID = args[0]
			if passphraseFile != "" {
				text, err := os.ReadFile(passphraseFile)
				if err != nil {
					return err
				}
				req.Passphrase = strings.TrimRight(string(text), "\r\n")
			}
			return o.with(cmd.Context(), func(a *app.App) error { return exportCase(cmd.Context(), a, req, out) })
		}}
	f := export.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write; it must not exist (default CASE.zip)")
	f.StringVar(&req.Who.Name, "by", "", "your name, for the chain of custody (default: the system's user)")
	f.StringVar(&req.Reason, "reason", "", "why the bundle is made, such as the number of an order")
	f.StringVar(&passphraseFile, "passphrase-file", "", "file with a passphrase of at least 20 characters")
	f.BoolVar(&req.Plain, "plain", false, "write the evidence files without a passphrase")
	f.BoolVar(&req.WithoutContent, "without-content", false, "hashes and custody only, no evidence files")
	_ = export.MarkFlagRequired("reason")
	c.AddCommand(export)
	return c
}

func exportCase(ctx context.Context, a *app.App, req custody.Request, out string) (err error) {
	if req.Who.Name == "" {
		u, err := user.Current()
		if err != nil {
			return errors.New("say who you are (--by)")
		}
		req.Who.Name = u.Username
	}
	// Whoever has the data folder and its keys acts as the command line; the name
	// is their word and stands in the entry as that.
	req.Who.ID, req.Who.Person = "cli", true
	if out == "" {
		out = req.CaseID + ".zip"
	}
	f, err := os.OpenFile(filepath.Clean(out), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(out)) // half a bundle helps nobody
		}
	}()
	b, err := a.Custody.Export(ctx, req)
	if err != nil {
		return err
	}
	if err := b.WriteTo(ctx, f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	fmt.Printf("%s: the bundle of case %s, %s\nThe ledger's key, to be given to whoever checks it, by another way:\n%s\n", out, req.CaseID, b.Timestamp(), a.LedgerKey)
	return nil
}

// checkFlags are what the person who checks knows from elsewhere.
type checkFlags struct {
	key, tsaCA string
	witnesses  []string
}

func (c *checkFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.key, "key", "", "the ledger's public key (vkey), as the service gave it")
	cmd.Flags().StringArrayVar(&c.witnesses, "witness", nil, "public key (vkey) of a witness that must have cosigned; may be repeated")
}

func (c *checkFlags) keys() (*proof.Key, []proof.Key, error) {
	var key *proof.Key
	if c.key != "" {
		k, err := proof.ParseKey(c.key)
		if err != nil {
			return nil, nil, fmt.Errorf("--key: %w", err)
		}
		key = &k
	}
	var witnesses []proof.Key
	for _, w := range c.witnesses {
		k, err := proof.ParseKey(w)
		if err != nil || !k.Cosigns() {
			return nil, nil, errors.New("--witness: not the key of a witness")
		}
		witnesses = append(witnesses, k)
	}
	return key, witnesses, nil
}

func (c *checkFlags) options() (proof.Options, error) {
	key, witnesses, err := c.keys()
	o := proof.Options{Key: key, Witnesses: witnesses}
	if err != nil || c.tsaCA == "" {
		return o, err
	}
	o.Roots, err = certificates(c.tsaCA)
	return o, err
}

func certificates(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

func verifyBundleCommand(c *checkFlags) *cobra.Command {
	cmd := &cobra.Command{Use: "bundle FILE", Short: "Check an evidence bundle: needs no server, no configuration and no data folder", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return verifyBundle(cmd.OutOrStdout(), args[0], c) }}
	c.add(cmd)
	cmd.Flags().StringVar(&c.tsaCA, "tsa-ca", "", "PEM file with the root of the timestamp authority")
	return cmd
}

func verifyBundle(w io.Writer, file string, flags *checkFlags) error {
	o, err := flags.options()
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r, err := proof.Bundle(f, info.Size(), o)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if r.Case != "" {
		fmt.Fprintf(w, "Case %s, made %s by %q: %q\n%d members, %d rows of custody, %d entries of the ledger (of %d)\n",
			r.Case, r.Made.Format(time.RFC3339), r.By, r.Reason, r.Members, r.Rows, r.Entries, r.Size)
	}
	if r.Stamp != nil {
		fmt.Fprintf(w, "Timestamp: %s by %s\n", r.Stamp.At.Format(time.RFC3339), r.Stamp.By)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %q\n", n)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "PROBLEM: %q: %s\n", p.Member, p.What)
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf("the bundle does not hold: %d problems", len(r.Problems))
	}
	fmt.Fprintln(w, "The bundle holds.")
	return nil
}
