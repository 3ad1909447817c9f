package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
)

func edgeCommand(o *options) *cobra.Command {
	var listen string
	c := &cobra.Command{Use: "edge", Short: "Answer which lists know a hash, from a bucket and without a database", Args: cobra.NoArgs,
		Long: `Answers POST /v1/lookup about hashes of public content from the lists that a Rowan
with edge.publish writes to a bucket. It gives no verdict and opens no case: ask the main
Rowan about what is found. Until all lists are loaded and known to be new, and when they
have become too old, every answer is an error.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load(listen)
			if err != nil {
				return err
			}
			return app.ServeEdge(cmd.Context(), cfg, app.NewLogger(os.Stderr, cfg.LogLevel), func(addr string) {
				fmt.Printf("Rowan %s, edge replica, listens on %s\n", version, addr)
			})
		}}
	c.Flags().StringVar(&listen, "listen", "", "address to listen on (default 127.0.0.1:8080)")
	return c
}
