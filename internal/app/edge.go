package app

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/edge"
	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/objects"
)

// EdgeConfig is about replicas that take the lists from a bucket and see no
// database.
type EdgeConfig struct {
	Bucket    string        `yaml:"bucket" env:"ROWAN_EDGE_BUCKET"`         // s3://BUCKET/PREFIX; none: there are no replicas
	KeyFile   string        `yaml:"key_file" env:"ROWAN_EDGE_KEY_FILE"`     // 64 hexadecimal digits, the same everywhere
	Publish   bool          `yaml:"publish" env:"ROWAN_EDGE_PUBLISH"`       // serve writes the lists to the bucket; in one process only
	Oldest    time.Duration `yaml:"oldest" env:"ROWAN_EDGE_OLDEST"`         // a replica answers nothing after so long without news; default 30s
	TokenFile string        `yaml:"token_file" env:"ROWAN_EDGE_TOKEN_FILE"` // whom a replica answers

	key, token string
}

func (e *EdgeConfig) complete() []error {
	fillDuration(&e.Oldest, 30*time.Second)
	if e.Bucket == "" {
		return nil
	}
	problems := append(secretFile("edge.key_file", e.KeyFile, &e.key), secretFile("edge.token_file", e.TokenFile, &e.token)...)
	if raw, err := hex.DecodeString(e.key); err != nil || len(raw) != edge.KeySize {
		problems = append(problems, errors.New("edge.key_file: must hold 64 hexadecimal digits"))
	}
	if _, _, err := objects.ParseURL(e.Bucket); err != nil {
		problems = append(problems, errors.New("edge.bucket: must be s3://BUCKET or s3://BUCKET/PREFIX"))
	}
	if e.Oldest < 10*time.Second { // the publisher writes every five
		problems = append(problems, errors.New("edge.oldest: is 10s at least"))
	}
	return problems
}

func (c *Config) edgeBucket() (*objects.Bucket, []byte, error) {
	client, err := c.Objects.Client()
	if err != nil {
		return nil, nil, err
	}
	bucket, err := client.Bucket(c.Edge.Bucket)
	if err != nil {
		return nil, nil, err
	}
	key, err := hex.DecodeString(c.Edge.key)
	return bucket, key, err
}

// publisher writes the lists for edge replicas; nil where that is not asked for.
func (a *App) publisher() (*edge.Publisher, error) {
	if a.Config.Edge.Bucket == "" || !a.Config.Edge.Publish {
		return nil, nil //nolint:nilnil // the caller starts nothing then
	}
	bucket, key, err := a.Config.edgeBucket()
	if err != nil {
		return nil, err
	}
	return edge.NewPublisher(bucket, key, func() *match.Feed { return match.NewFeed(a.Store, time.Now) }, time.Now, a.Log)
}

// ServeEdge answers from the lists of the bucket until ctx ends. It opens no
// database.
func ServeEdge(ctx context.Context, c Config, log *slog.Logger, started func(addr string)) error {
	if c.Edge.Bucket == "" || c.Edge.token == "" {
		return errors.New("edge.bucket, edge.key_file and edge.token_file are needed")
	}
	bucket, key, err := c.edgeBucket()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return err
	}
	f, err := edge.NewFollower(bucket, edge.FollowerConfig{Key: key, Oldest: c.Edge.Oldest, Memory: filepath.Join(c.Data, "edge.beat"),
		Now: time.Now, Log: log, Index: func() *match.Index { return match.NewIndex(nil, time.Now, log) }})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	background, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(background) })
	server := &http.Server{Handler: f.Handler(c.Edge.token), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second, IdleTimeout: 2 * time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	started(listener.Addr().String())
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	done, end := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer end()
	err = errors.Join(err, ignoreClosed(server.Shutdown(done)))
	cancel()
	wg.Wait()
	return err
}
