// Package objectstest starts a real S3 server (versitygw) for tests.
package objectstest

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/rowan-safety/rowan/internal/objects"
)

// Server is an S3 server of one test, with a bucket.
type Server struct {
	Config objects.Config
	Bucket string

	t      testing.TB
	client *minio.Client
}

// program is where scripts/setup puts the server.
func program(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		name := filepath.Join(dir, ".tools", "versitygw")
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	const absent = "versitygw is not in .tools: run scripts/setup"
	if os.Getenv("ROWAN_TEST_REQUIRE") != "" {
		t.Fatal(absent)
	}
	t.Skip(absent)
	return ""
}

// Start starts a server, which ends with the test. Without the program the test
// is skipped, or fails if ROWAN_TEST_REQUIRE is set.
func Start(t testing.TB) *Server {
	t.Helper()
	gateway := program(t)
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	root, sidecar := t.TempDir(), t.TempDir()
	s := &Server{t: t, Bucket: "test", Config: objects.Config{Endpoint: "http://" + addr, AccessKey: "access", SecretKey: "secret-of-a-test"}}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), gateway, "--port", addr, "posix", "--sidecar", sidecar, root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+s.Config.AccessKey, "ROOT_SECRET_KEY="+s.Config.SecretKey)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("versitygw:\n%s", log.String())
		}
	})
	if s.client, err = minio.New(addr, &minio.Options{Creds: credentials.NewStaticV4(s.Config.AccessKey, s.Config.SecretKey, ""), Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := s.client.MakeBucket(ctx, s.Bucket, minio.MakeBucketOptions{})
		if err == nil {
			return s
		}
		if ctx.Err() != nil {
			t.Fatalf("versitygw does not answer: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Put writes an object.
func (s *Server) Put(key, text string) {
	s.t.Helper()
	_, err := s.client.PutObject(context.Background(), s.Bucket, key, strings.NewReader(text), int64(len(text)), minio.PutObjectOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
}

// Remove removes an object.
func (s *Server) Remove(key string) {
	s.t.Helper()
	if err := s.client.RemoveObject(context.Background(), s.Bucket, key, minio.RemoveObjectOptions{}); err != nil {
		s.t.Fatal(err)
	}
}

// Client is a client of the server.
func (s *Server) Client() *objects.Client {
	s.t.Helper()
	c, err := objects.New(s.Config)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}
