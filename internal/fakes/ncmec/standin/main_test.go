package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRefusesOtherAddresses(t *testing.T) {
	for addr, ok := range map[string]bool{"127.0.0.1:0": true, "[::1]:0": true, ":8089": false,
		"0.0.0.0:8089": false, "192.0.2.1:80": false, "localhost:80": false, "example.test:80": false} {
		if err := loopback(addr); ok != (err == nil) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

func TestRun(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, []string{"--listen", "127.0.0.1:0", "--data", t.TempDir()}, w)
		_ = w.Close()
	}()
	buf := make([]byte, 512)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	said := string(buf[:n])
	if !strings.HasPrefix(said, "ROWAN STAND-IN, NOT NCMEC") {
		t.Errorf("said %q", said)
	}
	_, base, _ := strings.Cut(strings.TrimSpace(said), "listening on ")
	base = strings.TrimSuffix(base, "/ispws")
	for path, status := range map[string]int{"/standin/reports": 200, "/ispws/status": 401, "/": 404} {
		q, _ := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("%s: HTTP %d", path, res.StatusCode)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := run(t.Context(), []string{"--listen", ":1"}, io.Discard); err == nil {
		t.Error("listens on every address")
	}
}
