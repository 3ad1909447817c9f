package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/match/exchange"
	"github.com/rowan-safety/rowan/internal/safety"
)

func exchangesCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "exchanges", Short: "Where lists come from: NCMEC, StopNCII, files and others"}
	list := &cobra.Command{Use: "list", Short: "All exchanges", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return o.with(cmd.Context(), func(a *app.App) error { return showExchanges(cmd.Context(), a) })
	}}
	status := &cobra.Command{Use: "status NAME", Short: "How one exchange is", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
		return o.with(cmd.Context(), func(a *app.App) error { return showExchange(cmd.Context(), a, args[0]) })
	}}
	c.AddCommand(list, addExchangeCommand(o), syncExchangeCommand(o), status, allowRemovalsCommand(o))
	return c
}

func addExchangeCommand(o *options) *cobra.Command {
	var kind, list, listKind, settings, credentials string
	var every time.Duration
	var feedback bool
	c := &cobra.Command{Use: "add NAME", Short: "Feed a list from elsewhere", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s exchange.Settings
			if err := strictJSON([]byte(settings), &s); err != nil {
				return fmt.Errorf("--settings: %w", err)
			}
			cfg := exchange.Config{Settings: &s, Interval: &every, Feedback: &feedback}
			if credentials != "" {
				text, err := os.ReadFile(credentials)
				if err != nil {
					return fmt.Errorf("--credentials: %w", err)
				}
				var k exchange.Credentials
				if strictJSON(text, &k) != nil {
					return errors.New("--credentials: the file is not the JSON that docs/exchanges.md describes")
				}
				cfg.Credentials = &k
			}
			return o.with(cmd.Context(), func(a *app.App) error {
				if listKind != "" {
					err := a.Lists.Create(cmd.Context(), "cli", match.List{Name: list, Kind: safety.ListKind(listKind), Source: "exchange " + args[0], Threshold: -1})
					if err != nil {
						return err
					}
				}
				return a.Exchanges.Create(cmd.Context(), "cli", args[0], exchange.Kind(kind), list, cfg)
			})
		}}
	c.Flags().StringVar(&kind, "kind", "list", "ncmec, stopncii, threatexchange, tat, arachnid or list")
	c.Flags().StringVar(&list, "list", "", "the list that it feeds: empty, and fed by nothing else")
	c.Flags().StringVar(&listKind, "list-kind", "", "make the list, of this kind: illegal, intimate_image, terrorism, harmful or allow")
	c.Flags().StringVar(&settings, "settings", "{}", "settings as JSON; see docs/exchanges.md")
	c.Flags().StringVar(&credentials, "credentials", "", "file with the credentials as JSON")
	c.Flags().DurationVar(&every, "every", time.Hour, "how often to sync: 10m to 168h")
	c.Flags().BoolVar(&feedback, "feedback", false, "send reviewers' votes")
	_ = c.MarkFlagRequired("list")
	return c
}

func strictJSON(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

func syncExchangeCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "sync NAME", Short: "Sync an exchange here and now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				if err := a.Exchanges.SyncNamed(cmd.Context(), args[0]); err != nil {
					return err
				}
				e, err := a.Exchanges.Get(cmd.Context(), args[0])
				switch {
				case err != nil:
					return err
				case e.Running:
					return errors.New("another process is syncing this exchange")
				case e.LastError != "":
					return errors.New(e.LastError)
				}
				fmt.Printf("%d entries\n", e.Entries)
				return nil
			})
		}}
}

func allowRemovalsCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "allow-removals NAME", Short: "Consent to the removals that the last sync held back", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(a *app.App) error { return a.Exchanges.Allow(cmd.Context(), "cli", args[0]) })
		}}
}

func showExchanges(ctx context.Context, a *app.App) error {
	all, err := a.Exchanges.All(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tLIST\tENABLED\tENTRIES\tLAST SUCCESS\tPROBLEM")
	for _, e := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%t\t%d\t%s\t%s\n", e.Name, e.Kind, e.List, e.Enabled, e.Entries, when(e.LastSuccess), e.LastError)
	}
	return w.Flush()
}

func showExchange(ctx context.Context, a *app.App, name string) error {
	e, err := a.Exchanges.Get(ctx, name)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	for _, row := range [][2]any{{"kind", e.Kind}, {"feeds", e.List}, {"enabled", e.Enabled}, {"every", e.Interval}, {"entries", e.Entries},
		{"last success", when(e.LastSuccess)}, {"last start", when(e.LastStarted)}, {"next", when(e.NextAt)}, {"failures since", e.Failures},
		{"problem", e.LastError}, {"stale", e.Stale}, {"removals held back", e.Held}, {"changes", e.Changes}, {"removals", e.Removals},
		{"malformed", e.Malformed}, {"unknown types", e.Unknown}, {"outdated", e.Outdated}, {"uploads asked about", e.Asked}, {"uploads not asked about", e.Skipped},
		{"votes", fmt.Sprintf("%d waiting, %d sent, %d refused (feedback %t)", e.VotesWaiting, e.VotesSent, e.VotesRefused, e.Feedback)}} {
		fmt.Fprintf(w, "%v\t%v\n", row[0], row[1])
	}
	return w.Flush()
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format(time.RFC3339)
}
