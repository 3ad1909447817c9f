package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/measures"
	"github.com/rowan-safety/rowan/internal/transparency"
)

func measuresCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "measures", Short: "Which legal measures may apply, and what Rowan can show on each"}
	var regime string
	show := &cobra.Command{Use: "show", Short: "The register as a table", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return o.with(cmd.Context(), func(a *app.App) error {
			r, err := a.Measures.View(cmd.Context())
			if err != nil {
				return err
			}
			return showMeasures(r, regime)
		})
	}}
	show.Flags().StringVar(&regime, "regime", "", "only icu, pcu, uk-csea, uk-intimate-image, eu-dsa or us")
	var form, out string
	export := &cobra.Command{Use: "export", Short: "The register as a record to hand over", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		return o.with(cmd.Context(), func(a *app.App) error {
			r, err := a.Measures.View(cmd.Context())
			if err != nil {
				return err
			}
			body, err := r.Export(measures.Form(form))
			if err != nil {
				return err
			}
			return writeOut(out, body)
		})
	}}
	export.Flags().StringVar(&form, "format", "pdf", "pdf, json, md or csv")
	export.Flags().StringVarP(&out, "out", "o", "-", "file; - for standard output")
	c.AddCommand(show, export)
	return c
}

func writeOut(name string, body []byte) error {
	if name == "-" {
		_, err := os.Stdout.Write(body)
		return err
	}
	return os.WriteFile(name, body, 0o600)
}

func showMeasures(r *measures.Register, regime string) error {
	w := tabwriter.NewWriter(os.Stdout, 2, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CODE\tANSWER\tROWAN HOLDS\tOPERATOR\tMEASURE")
	for _, e := range r.Measures {
		if regime != "" && e.Regime != regime {
			continue
		}
		status := "-"
		if e.Record != nil {
			status = string(e.Record.Status)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Code, e.Answer, e.Holding, status, e.Title)
	}
	return w.Flush()
}

func transparencyCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "transparency", Short: "Counts for public reports"}
	var from, to, out string
	var k int64
	export := &cobra.Command{Use: "export", Short: "Tables to publish (ZIP of CSV), small counts withheld", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		a, b, err := transparency.Days(from, to)
		if err != nil {
			return err
		}
		return o.with(cmd.Context(), func(r *app.App) error {
			counts, err := r.Transparency.Count(cmd.Context(), a, b)
			if err != nil {
				return err
			}
			body, err := counts.Export(k)
			if err != nil {
				return err
			}
			return writeOut(out, body)
		})
	}}
	now := time.Now().UTC()
	export.Flags().StringVar(&from, "from", now.AddDate(0, -6, 0).Format(time.DateOnly), "first day")
	export.Flags().StringVar(&to, "to", now.Format(time.DateOnly), "last day")
	export.Flags().Int64Var(&k, "k", transparency.DefaultK, "counts under this are withheld")
	export.Flags().StringVarP(&out, "out", "o", "transparency.zip", "file; - for standard output")
	c.AddCommand(export)
	return c
}
