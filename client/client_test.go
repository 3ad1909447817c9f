package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/client"
)

// serve answers every request with one status and body.
func serve(t *testing.T, status int, kind, body string) *client.Client {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return client.New(srv.URL, "rowan_key")
}

// TestNeverAllow: nothing but a well-formed answer that says so is "allow".
func TestNeverAllow(t *testing.T) {
	for name, c := range map[string]*client.Client{
		"server error":     serve(t, 503, "application/problem+json", `{"title":"Service Unavailable","status":503}`),
		"not JSON":         serve(t, 200, "text/html", `<html>allow</html>`),
		"empty":            serve(t, 200, "application/json", ``),
		"no verdict":       serve(t, 200, "application/json", `{"scan":"scanned"}`),
		"unknown verdict":  serve(t, 200, "application/json", `{"verdict":"ALLOW"}`),
		"truncated":        serve(t, 200, "application/json", `{"verdict":"allow"`),
		"redirect":         serve(t, 302, "text/plain", ``),
		"refused":          serve(t, 401, "application/problem+json", `{"title":"Unauthorized","status":401}`),
		"nobody listening": client.New("http://127.0.0.1:1", "rowan_key"),
	} {
		got, err := c.CheckFile(context.Background(), client.Meta{ContentID: "c"}, []byte("x"))
		if err == nil || got.Verdict == client.Allow {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestProblem(t *testing.T) {
	c := serve(t, 422, "application/problem+json", `{"title":"Unprocessable Entity","status":422,"detail":"meta has invalid members","errors":[{"location":"meta.ip","message":"is not an IP address"}]}`)
	_, err := c.CheckHashes(context.Background(), client.Meta{ContentID: "c"})
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Temporary() || !strings.Contains(err.Error(), "meta.ip") {
		t.Errorf("got %v", err)
	}
}

func ExampleClient_CheckFile() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"chk_1","verdict":"allow","scan":"scanned","findings":[],"policy_version":"1"}`)
	}))
	defer srv.Close()
	c := client.New(srv.URL, "rowan_…")
	got, err := c.CheckFile(context.Background(), client.Meta{ContentID: "p_1", AccountID: "u_1"}, []byte("the picture"))
	if err != nil || got.Verdict != client.Allow {
		fmt.Println("hold the picture")
		return
	}
	fmt.Println("show it:", got.Scan)
	// Output: show it: scanned
}

// TestCheckLinks: an answer counts only if it answers for every link.
func TestCheckLinks(t *testing.T) {
	const one = `{"verdict":"allow","scan":"scanned","findings":[]}`
	for body, want := range map[string]bool{
		`{"verdict":"allow","results":[` + one + `,` + one + `]}`:        true,
		`{"verdict":"allow","results":[` + one + `]}`:                    false,
		`{"verdict":"allow"}`:                                            false,
		`{"verdict":"fine","results":[` + one + `,` + one + `]}`:         false,
		`{"verdict":"allow","results":[` + one + `,{"verdict":"fine"}]}`: false,
		`{}`: false,
	} {
		got, err := serve(t, 200, "application/json", body).CheckLinks(context.Background(), client.Meta{ContentID: "c"}, "https://a.test", "https://b.test")
		if (err == nil) != want || !want && got.Verdict != "" {
			t.Errorf("%s: %+v, %v", body, got, err)
		}
	}
	if _, err := serve(t, 503, "application/problem+json", `{"status":503}`).CheckLinks(context.Background(), client.Meta{ContentID: "c"}, "https://a.test"); err == nil {
		t.Error("an error is taken for an answer")
	}
}
