package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/eval"
	"github.com/rowan-safety/rowan/internal/talk"
)

func talkCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "talk", Short: "Conversations: what the detectors believe (docs/talk.md)"}
	c.AddCommand(talkFitCommand(), talkOutcomesCommand(o))
	return c
}

// talkOutcomesCommand writes what people have decided about conversations, without
// text, one JSON object a line, for `rowan talk fit`.
func talkOutcomesCommand(o *options) *cobra.Command {
	var file string
	c := &cobra.Command{Use: "outcomes", Short: "Write the conversations that people have decided about, without text", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				n := 0
				err := create(file, func(w io.Writer) error {
					enc := json.NewEncoder(w)
					return a.Conversations.Outcomes(cmd.Context(), func(h *talk.History) error { n++; return enc.Encode(h) })
				})
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%d conversations written to %s.\n", n, file)
				}
				return err
			})
		}}
	c.Flags().StringVar(&file, "out", "", "file to write")
	_ = c.MarkFlagRequired("out")
	return c
}

// fitting are the flags of `rowan talk fit`.
type fitting struct {
	outcomes, weights, out, html, version string
	keep                                  int
	adopt                                 bool
}

func talkFitCommand() *cobra.Command {
	f := &fitting{}
	c := &cobra.Command{Use: "fit", Short: "Learn weights from outcomes, show what would change, and write them if told to", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd.OutOrStdout(), time.Now().UTC()) }}
	c.Flags().StringVar(&f.outcomes, "outcomes", "", "judged conversations, one JSON object a line, without text")
	c.Flags().StringVar(&f.weights, "weights", "", "the present weights; the built-in ones without it")
	c.Flags().StringVar(&f.out, "out", "", "file for the new weights, with --adopt")
	c.Flags().StringVar(&f.html, "html", "", "file for what would change, as a page")
	c.Flags().StringVar(&f.version, "version", "", "name of the new weights, one word (default: the date, and \"fit\")")
	c.Flags().IntVar(&f.keep, "keep-back", 30, "per cent of conversations that a first fit does not learn from, to test it on")
	c.Flags().BoolVar(&f.adopt, "adopt", false, "write the new weights")
	_ = c.MarkFlagRequired("outcomes")
	return c
}

func (f *fitting) run(out io.Writer, now time.Time) error {
	if f.adopt && f.out == "" {
		return errors.New("--adopt needs --out, a file for the new weights")
	}
	if f.keep < 0 || f.keep > 90 {
		return errors.New("--keep-back is 0 to 90 per cent")
	}
	if f.version == "" {
		f.version = now.Format("2006.01.02") + "-fit"
	}
	page, err := f.learn(now)
	if err != nil {
		return err
	}
	if err := sayFit(out, page); err != nil {
		return err
	}
	if f.html != "" {
		if err := create(f.html, page.WriteHTML); err != nil {
			return err
		}
	}
	if !f.adopt {
		fmt.Fprintln(out, "\nNothing was written. Look at what would change; --adopt --out FILE writes the new weights.")
		return nil
	}
	if err := create(f.out, func(w io.Writer) error { _, err := io.WriteString(w, page.Fitted.Text); return err }); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nWeights %s written to %s.\n", page.Fitted.Weights.Version, f.out)
	return nil
}

// histories reads the outcomes from the beginning, once for every use.
func (f *fitting) histories() iter.Seq2[*talk.History, error] {
	return func(yield func(*talk.History, error) bool) {
		file, err := os.Open(f.outcomes)
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() { _ = file.Close() }()
		talk.Histories(file)(yield)
	}
}

// learn fits twice: once without the conversations that are kept back, to see what
// such a fit is worth, and once with all.
func (f *fitting) learn(now time.Time) (*eval.Fit, error) {
	present, err := readWeights(f.weights)
	if err != nil {
		return nil, err
	}
	fitted, err := talk.Fit(present, f.version, f.histories())
	if err != nil {
		return nil, err
	}
	page := &eval.Fit{Made: now, Fitted: fitted, Diff: talk.Diff(present, fitted.Weights), HeldOut: &talk.Backtested{}, Percent: f.keep, Adopted: f.adopt}
	trial, err := talk.Fit(present, f.version, talk.HeldOut(f.histories(), f.keep, false))
	if err == nil {
		page.HeldOut, err = talk.Backtest(present, trial.Weights, talk.HeldOut(f.histories(), f.keep, true))
	} else if errors.Is(err, talk.ErrFit) {
		fitted.Warnings = append(fitted.Warnings, "without the conversations that are kept back there is no fit, so it was not tested: "+err.Error())
		err = nil
	}
	if err != nil {
		return nil, err
	}
	page.All, err = talk.Backtest(present, fitted.Weights, f.histories())
	return page, err
}

func sayFit(out io.Writer, f *eval.Fit) error {
	for _, x := range f.Fitted.Warnings {
		fmt.Fprintf(out, "! %s\n", x)
	}
	if n := f.All.HarmLess; n > 0 {
		fmt.Fprintf(out, "! %d conversations with harm would come to less than before; they are listed first\n", n)
	}
	w := tabwriter.NewWriter(out, 2, 4, 2, ' ', 0)
	fmt.Fprintf(w, "\nLEARNED FROM\tCONVERSATIONS\tAS GOOD AS\tOF AN AUDIT\tMESSAGES\n")
	for _, l := range []struct {
		name string
		of   talk.Learned
	}{{"harm", f.Fitted.Harm}, {"no harm", f.Fitted.Benign}} {
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%d\t%d\n", l.name, l.of.Conversations, l.of.Effective, l.of.Audited, l.of.Messages)
	}
	fmt.Fprintf(w, "\nSIGN\tN1 %s\t%s\tN0\tNOW\tADDS\tNOW\n", f.Diff.Old, f.Diff.New)
	for _, c := range f.Diff.Indicators {
		fmt.Fprintf(w, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\n", c.Indicator, c.N1[0], c.N1[1], c.N0[0], c.N0[1], c.Adds[0], c.Adds[1])
	}
	fmt.Fprintf(w, "an ordinary message\t\t\t\t\t%.4f\t%.4f\n", f.Diff.Drift[0], f.Diff.Drift[1])
	for _, b := range f.Kinds() {
		fmt.Fprintf(w, "\n%s\nCONVERSATIONS\tREACH\tN\tBEFORE\tNOW\tSHARE\tNOW\n", b.Name)
		for _, r := range b.Rows() {
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", r.Kind, r.Tier, r.Conversations, r.Old, r.New, figure(r.OldShare), figure(r.NewShare))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d conversations come to another tier", len(f.All.Crossed)+f.All.More)
	if f.All.More > 0 {
		fmt.Fprintf(out, "; the first %d", len(f.All.Crossed))
	}
	fmt.Fprintln(out)
	for _, c := range f.All.Crossed {
		fmt.Fprintf(out, "  %s  %s → %s  %s, at message %d\n", c.ID, c.Old, c.New, map[bool]string{true: "harm", false: "no harm"}[c.Harm], c.After)
	}
	return nil
}
