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

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/api"
	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/sample"
	"github.com/rowan-safety/rowan/internal/store"
)

func keysCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "API keys and sign-in links"}
	var role, name string
	var scopes []string
	create := &cobra.Command{Use: "create", Short: "Make an API key; the last line printed is the key", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				extra := make([]access.Scope, len(scopes))
				for i, s := range scopes {
					extra[i] = access.Scope(s)
				}
				id, key, err := a.Access.CreateKey(cmd.Context(), "cli", name, access.Role(role), extra...)
				if err != nil {
					return err
				}
				fmt.Printf("Key %s for the role %s. It is shown this once:\n%s\n", id, role, key)
				return nil
			})
		}}
	create.Flags().StringVar(&role, "role", "service", "service, reviewer, supervisor or admin")
	create.Flags().StringVar(&name, "name", "made on the command line", "what the key is for")
	create.Flags().StringSliceVar(&scopes, "scope", nil, "a scope beyond the role's, such as lists:match")
	link := &cobra.Command{Use: "link", Short: "A one-time sign-in link for the administrator", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				token, err := a.Access.FirstAdmin(cmd.Context())
				if err == nil {
					fmt.Println(api.SignInLink(a.Config.PublicURL, token))
				}
				return err
			})
		}}
	c.AddCommand(create, link)
	return c
}

func listsCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "lists", Short: "Lists of known material"}
	var kind, source, format string
	var skipBad bool
	create := &cobra.Command{Use: "create NAME", Short: "Make a list", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				return a.Lists.Create(cmd.Context(), "cli", match.List{Name: args[0], Kind: safety.ListKind(kind), Source: source, Threshold: -1})
			})
		}}
	create.Flags().StringVar(&kind, "kind", "illegal", "illegal, intimate_image, terrorism, harmful or allow")
	create.Flags().StringVar(&source, "source", "", "where it comes from")
	imp := &cobra.Command{Use: "import NAME FILE", Short: "Import a file into a list, all or nothing", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[1])
			if err != nil {
				return err
			}
			err = o.with(cmd.Context(), func(a *app.App) error {
				got, err := a.Lists.Import(cmd.Context(), "cli", args[0], match.Format(format), f, skipBad)
				if rows, ok := errors.AsType[*match.ImportError](err); ok {
					for _, r := range rows.Rows {
						fmt.Fprintf(os.Stderr, "line %d: %s\n", r.Line, r.Problem)
					}
				}
				if err != nil {
					return err
				}
				for _, r := range got.Skipped {
					fmt.Fprintf(os.Stderr, "line %d skipped: %s\n", r.Line, r.Problem)
				}
				fmt.Printf("%d added, %d already there, version %d\n", got.Added, got.Already, got.Version)
				return nil
			})
			return errors.Join(err, f.Close())
		}}
	imp.Flags().StringVar(&format, "format", "csv", "csv, hashes, vpdq or vics")
	imp.Flags().BoolVar(&skipBad, "skip-bad", false, "leave malformed rows out instead of refusing the file")
	show := &cobra.Command{Use: "show", Short: "All lists", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return o.with(cmd.Context(), func(a *app.App) error { return showLists(cmd.Context(), a) })
	}}
	c.AddCommand(create, imp, show)
	return c
}

func showLists(ctx context.Context, a *app.App) error {
	all, err := a.Lists.All(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tKIND\tENABLED\tVERSION\tSHA-256\tSHA-1\tMD5\tPDQ")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%t\t%d\t%d\t%d\t%d\t%d\n", l.Name, l.Kind, l.Enabled, l.Version,
			l.Signals[safety.SHA256], l.Signals[safety.SHA1], l.Signals[safety.MD5], l.Signals[safety.PDQ])
	}
	return w.Flush()
}

// checked is one line of rowan check.
type checked struct {
	File     string           `json:"file"`
	Verdict  safety.Verdict   `json:"verdict,omitempty"`
	Scan     safety.ScanState `json:"scan"`
	Reason   string           `json:"scan_reason,omitempty"`
	Findings []string         `json:"findings"`
}

func checkCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "check FILE…", Short: "Look files up in the lists, without opening cases", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.with(cmd.Context(), func(a *app.App) error { return checkFiles(cmd.Context(), a, args) })
		}}
}

func checkFiles(ctx context.Context, a *app.App, files []string) error {
	desk, closeDesk, err := looker(ctx, a)
	if err != nil {
		return err
	}
	defer closeDesk()
	out := json.NewEncoder(os.Stdout)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		got, _, err := desk.Look(ctx, intake.Content{Surface: safety.SurfacePublic, File: data})
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		c := checked{File: file, Scan: got.Scan, Reason: got.ScanReason, Verdict: got.Verdict, Findings: []string{}}
		for _, f := range got.Findings {
			text := fmt.Sprintf("%s %s on %s (%s)", f.Match, f.Detector, f.List, f.Variant)
			if f.To > 0 {
				text += fmt.Sprintf(" from %v to %v", f.From, f.To)
			}
			c.Findings = append(c.Findings, text)
		}
		if err := out.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

// looker is a desk for commands that look files up by themselves.
func looker(ctx context.Context, a *app.App) (*intake.Desk, func(), error) {
	if err := a.Index.Refresh(ctx); err != nil {
		return nil, nil, err
	}
	pool, err := a.NewPool(ctx)
	if err != nil {
		return nil, nil, err
	}
	return a.NewIntake(pool), pool.Close, nil
}

func verifyCommand(o *options) *cobra.Command {
	var check checkFlags
	c := &cobra.Command{Use: "verify [BUNDLE.zip]", Short: "Check what Rowan has recorded, without a server", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return verifyBundle(cmd.OutOrStdout(), args[0], &check)
		}}
	check.add(c)
	c.Flags().StringVar(&check.tsaCA, "tsa-ca", "", "PEM file with the root of the timestamp authority")
	c.AddCommand(verifyBundleCommand(new(checkFlags)))
	c.AddCommand(verifyLedgerCommand(o), verifyEvidenceCommand(o))
	return c
}

func verifyLedger(ctx context.Context, cfg app.Config) error {
	verifier, err := app.LedgerVerifier(cfg.Data)
	if err != nil {
		return err
	}
	kept, err := app.KeptCheckpoint(cfg.Data)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, cfg.DatabaseURL, app.NewLogger(os.Stderr, "warn"))
	if err != nil {
		return err
	}
	v, err := ledger.Verify(ctx, s, verifier, kept)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	fmt.Printf("%d entries, %d checkpoints, root %s, %d entries not sealed yet\n", v.Size, v.Checkpoints, v.Root, v.Pending)
	for _, p := range v.Problems {
		fmt.Println("PROBLEM:", p)
	}
	if len(v.Problems) > 0 {
		return fmt.Errorf("the ledger does not hold: %d problems", len(v.Problems))
	}
	fmt.Println("The ledger holds.")
	return nil
}

func doctorCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Check that Rowan can do its work here", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				bad := 0
				for _, f := range a.Examine(cmd.Context()) {
					state := "ok  "
					if !f.OK {
						state = "FAIL"
						bad++
					}
					fmt.Printf("%s  %-15s %s\n", state, f.Name, f.Note)
				}
				if bad > 0 {
					return fmt.Errorf("%d checks failed", bad)
				}
				return nil
			})
		}}
}

func canaryCommand() *cobra.Command {
	return &cobra.Command{Use: "canary", Short: "Write the canary picture to standard output", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := os.Stdout.Write(match.Canary)
			return err
		}}
}

func openapiCommand() *cobra.Command {
	return &cobra.Command{Use: "openapi", Short: "Print the OpenAPI document", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		text, err := api.New(api.Deps{Version: "1"}).OpenAPI()
		if err != nil {
			return err
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, text, "", "  "); err != nil {
			return err
		}
		_, err = fmt.Fprintln(os.Stdout, pretty.String())
		return err
	}}
}

func sampleCommand(o *options) *cobra.Command {
	var url string
	c := &cobra.Command{Use: "sample", Short: "Play harmless sample data to a Rowan that is being served; the last line printed is an API key", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.with(cmd.Context(), func(a *app.App) error {
				id, admin, err := a.Access.CreateKey(cmd.Context(), "cli", "sample loader", access.Admin)
				if err != nil {
					return err
				}
				err = sample.Play(cmd.Context(), client.New(url, admin), time.Now())
				if err = errors.Join(err, a.Access.RevokeKey(cmd.Context(), "cli", id)); err != nil {
					return err
				}
				_, key, err := a.Access.CreateKey(cmd.Context(), "cli", "try it", access.Service)
				if err == nil {
					fmt.Println(key)
				}
				return err
			})
		}}
	c.Flags().StringVar(&url, "url", "http://127.0.0.1:8080", "the served Rowan")
	return c
}
