package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/api"
	"github.com/rowan-safety/rowan/internal/app"
)

func serveCommand(o *options) *cobra.Command {
	var listen string
	c := &cobra.Command{Use: "serve", Short: "Serve the API and the console, and work on jobs", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := o.load(listen)
			if err != nil {
				return err
			}
			a, err := app.Open(cmd.Context(), cfg, app.NewLogger(os.Stderr, cfg.LogLevel))
			if err != nil {
				return err
			}
			err = a.Serve(cmd.Context(), version, func(addr string) {
				fmt.Printf("Rowan %s listens on %s\nConsole: %s/console/\n", version, addr, cfg.PublicURL)
				token, err := a.Access.FirstAdmin(cmd.Context())
				if err != nil {
					fmt.Fprintln(os.Stderr, "rowan: no sign-in link:", err)
					return
				}
				fmt.Printf("Sign-in link for the administrator, good once and for a day:\n%s\n", api.SignInLink(cfg.PublicURL, token))
			})
			return errors.Join(err, a.Close())
		}}
	c.Flags().StringVar(&listen, "listen", "", "address to listen on (default 127.0.0.1:8080)")
	return c
}
