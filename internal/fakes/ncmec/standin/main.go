// Command standin runs the stand-in of NCMEC's CyberTipline service: see package
// ncmec. Nothing that is sent to it is reported to anyone.
//
//	go run ./internal/fakes/ncmec/standin --listen 127.0.0.1:8089 --data DIR
//
// The base URL is then http://127.0.0.1:8089/ispws, user and password are
// "standin". GET /standin/reports shows, to this machine only, what it holds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(out)
	listen := flags.String("listen", "127.0.0.1:8089", "loopback `address` to listen on")
	data := flags.String("data", "", "`directory` to keep the state in; none: in memory")
	user := flags.String("username", "standin", "user `name`")
	pass := flags.String("password", "standin", "`password`")
	xsd := flags.String("xsd", "", "`file` to serve as GET /xsd")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := loopback(*listen); err != nil {
		return err
	}
	cfg := ncmec.Config{Username: *user, Password: *pass, Dir: *data}
	if *xsd != "" {
		b, err := os.ReadFile(*xsd)
		if err != nil {
			return err
		}
		cfg.XSD = b
	}
	s, err := ncmec.New(cfg)
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, s, *listen, out), s.Close())
}

func serve(ctx context.Context, s *ncmec.Server, listen string, out io.Writer) error {
	mux := http.NewServeMux()
	mux.Handle("/", s)
	mux.Handle("GET /standin/reports", s.Inspect())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "ROWAN STAND-IN, NOT NCMEC: nothing sent here is reported to anyone\nlistening on http://%s/ispws\n", l.Addr())
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// loopback refuses any address that another machine could reach. A name is
// refused too: what it means may change.
func loopback(listen string) error {
	a, err := netip.ParseAddrPort(listen)
	if err != nil || !a.Addr().IsLoopback() {
		return errors.New("--listen must be a loopback address and a port, as in 127.0.0.1:8089")
	}
	return nil
}
