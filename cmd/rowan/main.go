// Command rowan is the child-safety layer that an online service runs beside
// itself: one binary that serves, and the tools around it. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rowan-safety/rowan/internal/app"
	"github.com/rowan-safety/rowan/internal/media"
)

// version is stamped by the build.
var version = "dev"

func main() {
	media.ChildMain() // returns unless this process is a decoder
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "rowan:", err)
		if e, ok := errors.AsType[exitError](err); ok {
			os.Exit(e.status)
		}
		os.Exit(1)
	}
}

// options are the flags that most commands share.
type options struct {
	config, data string
}

func root() *cobra.Command {
	o := &options{}
	c := &cobra.Command{Use: "rowan", Short: "The child-safety layer that an online service runs beside itself",
		Version: version, SilenceUsage: true, SilenceErrors: true}
	c.PersistentFlags().StringVar(&o.config, "config", "", "configuration file (YAML)")
	c.PersistentFlags().StringVar(&o.data, "data", "", "data folder (default ./data)")
	c.AddCommand(serveCommand(o), keysCommand(o), listsCommand(o), exchangesCommand(o), casesCommand(o), checkCommand(o), scanCommand(o), benchCommand(),
		verifyCommand(o), evidenceCommand(o), doctorCommand(o),
		canaryCommand(), edgeCommand(o), openapiCommand(), sampleCommand(o), measuresCommand(o), transparencyCommand(o), evalCommand(), talkCommand(o))
	return c
}

// load reads the configuration with the command line over it.
func (o *options) load(listen string) (app.Config, error) {
	c, err := app.Load(o.config)
	if err != nil {
		return c, err
	}
	if o.data != "" {
		c.Data = o.data
	}
	if listen != "" {
		c.Listen = listen
	}
	return c, c.Complete()
}

// open opens Rowan for a command that ends by itself. Its log goes to standard
// error, warnings and worse only.
func (o *options) open(ctx context.Context) (*app.App, error) {
	c, err := o.load("")
	if err != nil {
		return nil, err
	}
	return app.Open(ctx, c, app.NewLogger(os.Stderr, "warn"))
}

// with runs fn on an opened Rowan and closes it.
func (o *options) with(ctx context.Context, fn func(*app.App) error) error {
	a, err := o.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(a), a.Close())
}
