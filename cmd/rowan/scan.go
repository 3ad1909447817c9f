package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/scan"
)

// exitError ends the program with a status of its own.
type exitError struct {
	status int
	words  string
}

func (e exitError) Error() string { return e.words }

// The statuses of rowan scan besides 0 and 1.
const (
	statusMatched = 3 // something was found
	statusNotSeen = 4 // nothing was found, but not everything could be looked at
)

func scanCommand(o *options) *cobra.Command {
	var out, surface, jurisdiction string
	var workers int
	c := &cobra.Command{Use: "scan PATH…", Args: cobra.MinimumNArgs(1),
		Short: "Look all files below folders or in buckets up in the lists, as JSON Lines, without opening cases",
		Long: `Looks every regular file below the given folders, and every object of a bucket
given as s3://BUCKET or s3://BUCKET/PREFIX, up in the lists and writes one
line of JSON for each to the output file. A scan that was broken off goes on
where it was when it is started again with the same output; files that could
not be looked at are tried again. Use a new output when lists have changed: what
is in it is not looked up again. Symbolic links are not followed. Of a file in no
known format, such as a text, the digests are looked up and nothing else.

Where a bucket is, and with which keys it is read, is set as objects in the
configuration or as ROWAN_OBJECTS_ENDPOINT, ROWAN_OBJECTS_REGION,
ROWAN_OBJECTS_ACCESS_KEY and ROWAN_OBJECTS_SECRET_KEY. An object that is written
again between its listing and its reading has the scan_reason "changed".

The exit status is 0 if everything was looked at and nothing was found, 3 if
something was found, 4 if nothing was found but not everything could be looked
at, and 1 if the scan ended early.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			content := intake.Content{Surface: safety.Surface(surface), Jurisdiction: safety.Jurisdiction(jurisdiction)}
			if !content.Surface.Valid() || !content.Jurisdiction.Valid() {
				return errors.New("surface is public, private or encrypted, and jurisdiction two upper-case letters")
			}
			return o.with(cmd.Context(), func(a *app.App) error {
				return scanFiles(cmd.Context(), a, out, args, scan.Config{Content: content, Workers: workers})
			})
		}}
	c.Flags().StringVarP(&out, "output", "o", "scan.jsonl", "where the lines go, and what an earlier run has done is read from")
	c.Flags().StringVar(&surface, "surface", "public", "public, private or encrypted: a detector looks only where it may")
	c.Flags().StringVar(&jurisdiction, "jurisdiction", "", "two upper-case letters, such as GB")
	c.Flags().IntVar(&workers, "workers", 0, "files at a time; default one a core")
	return c
}

func scanFiles(ctx context.Context, a *app.App, output string, roots []string, c scan.Config) error {
	desk, closeDesk, err := looker(ctx, a)
	if err != nil {
		return err
	}
	defer closeDesk()
	file, err := os.OpenFile(output, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if c.Objects, err = a.Config.Objects.Client(); err != nil {
		return errors.Join(err, file.Close())
	}
	began := time.Now()
	c.Look, c.MaxFile = desk.Look, a.Config.Media.MaxFileBytes
	c.Progress = func(t scan.Totals) { fmt.Fprintf(os.Stderr, "\r\033[K%s", progress(t, time.Since(began))) }
	totals, err := scan.Run(ctx, file, roots, c)
	fmt.Fprintln(os.Stderr)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("the scan ended early; start it again with the same output to go on: %w", err)
	}
	switch {
	case totals.Matched > 0:
		return exitError{statusMatched, fmt.Sprintf("%d files match; see %s", totals.Matched, output)}
	case totals.NotSeen > 0:
		return exitError{statusNotSeen, fmt.Sprintf("%d files could not be looked at; see %s", totals.NotSeen, output)}
	}
	return nil
}

func progress(t scan.Totals, took time.Duration) string {
	of := fmt.Sprintf("of %d or more", t.Files)
	if t.Complete {
		of = fmt.Sprintf("of %d", t.Files)
	}
	s := took.Seconds()
	return fmt.Sprintf("%d %s files, %.0f a second, %.1f MB a second; %d match, %d not seen whole", t.Done+t.Skipped, of,
		float64(t.Done)/s, float64(t.Bytes)/1e6/s, t.Matched, t.NotSeen)
}
