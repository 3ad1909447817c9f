package objects_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rowan-safety/rowan/internal/objects"
	"github.com/rowan-safety/rowan/internal/objects/objectstest"
)

func list(t *testing.T, c *objects.Client, bucket, prefix string) (out []objects.Object) {
	t.Helper()
	if err := c.List(t.Context(), bucket, prefix, func(o objects.Object) error { out = append(out, o); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestBucket is against a real server.
func TestBucket(t *testing.T) {
	t.Parallel()
	s := objectstest.Start(t)
	c := s.Client()
	if got := list(t, c, s.Bucket, ""); got != nil {
		t.Errorf("an empty bucket holds %v", got)
	}
	const n = 1203 // more than a page
	var want []string
	for i := range n {
		key := fmt.Sprintf("a/%d/%04d ü&%%+.txt", i%3, i)
		want = append(want, key)
		s.Put(key, strings.Repeat("x", i))
	}
	s.Put("b/other", "other")
	slices.Sort(want)
	all := list(t, c, s.Bucket, "a/")
	var keys []string
	for _, o := range all {
		keys = append(keys, o.Key)
	}
	if !slices.Equal(keys, want) {
		t.Fatalf("%d keys of %d", len(keys), n)
	}
	if got := len(list(t, c, s.Bucket, "")); got != n+1 {
		t.Errorf("%d objects in all", got)
	}
	for _, o := range []objects.Object{all[0], all[n/2], all[n-1]} {
		body, err := c.Open(t.Context(), s.Bucket, o)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if err != nil || int64(len(text)) != o.Size || body.Close() != nil {
			t.Errorf("%s: %d bytes of %d, %v", o.Key, len(text), o.Size, err)
		}
	}
	// What has changed since the listing is not read as what was listed.
	changed, gone := all[3], all[4]
	s.Put(changed.Key, strings.Repeat("y", int(changed.Size))) // as long as before
	s.Remove(gone.Key)
	for _, o := range []objects.Object{changed, gone} {
		if _, err := c.Open(t.Context(), s.Bucket, o); !errors.Is(err, objects.ErrChanged) {
			t.Errorf("%s: %v", o.Key, err)
		}
	}
	// An error is none of these.
	config := s.Config
	config.SecretKey = "another"
	wrong, err := objects.New(config)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"another bucket": c.List(t.Context(), "none", "", func(objects.Object) error { return nil }),
		"a wrong key":    wrong.List(t.Context(), s.Bucket, "", func(objects.Object) error { return nil }),
	} {
		if err == nil || errors.Is(err, objects.ErrChanged) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	stop := errors.New("enough")
	calls := 0
	if err := c.List(t.Context(), s.Bucket, "", func(objects.Object) error { calls++; return stop }); !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.List(ctx, s.Bucket, "", func(objects.Object) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a listing that was broken off ends with %v", err)
	}
}

// TestBroken puts a proxy before the real server that breaks what passes.
func TestBroken(t *testing.T) {
	t.Parallel()
	s := objectstest.Start(t)
	const n = 1001
	for i := range n {
		s.Put(fmt.Sprintf("%04d", i), "text of an object")
	}
	target, err := url.Parse(s.Config.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var lists atomic.Int64
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // the signature covers the host
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Query().Get("list-type") == "" {
				r.Body = io.NopCloser(io.LimitReader(r.Body, 3))
			} else if lists.Add(1) > 1 {
				r.StatusCode = http.StatusForbidden
			}
			return nil
		}}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	through := s.Config
	through.Endpoint = server.URL
	c, err := objects.New(through)
	if err != nil {
		t.Fatal(err)
	}
	var first objects.Object
	seen := 0
	err = c.List(t.Context(), s.Bucket, "", func(o objects.Object) error { first = o; seen++; return nil })
	if err == nil || seen != 1000 {
		t.Errorf("a listing without its second page: %d objects, %v", seen, err)
	}
	body, err := c.Open(t.Context(), s.Bucket, first)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err == nil {
		t.Errorf("a body that was cut is whole: %q", text)
	}
	_ = body.Close()
}

// TestNoIfMatch: a service that answers with another object than was asked for is
// not believed.
func TestNoIfMatch(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"other"`)
		w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 09:00:00 GMT")
		_, _ = io.WriteString(w, "text")
	}))
	t.Cleanup(server.Close)
	c, err := objects.New(objects.Config{Endpoint: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []objects.Object{{Key: "k", Size: 4, ETag: "one"}, {Key: "k", Size: 5, ETag: "other"}} {
		if _, err := c.Open(t.Context(), "bucket", o); !errors.Is(err, objects.ErrChanged) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	body, err := c.Open(t.Context(), "bucket", objects.Object{Key: "k", Size: 4, ETag: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err != nil || string(text) != "text" || body.Close() != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestParseURL(t *testing.T) {
	for text, want := range map[string][2]string{"s3://b": {"b", ""}, "s3://b/": {"b", ""}, "s3://b/c/d e": {"b", "c/d e"}} {
		if bucket, prefix, err := objects.ParseURL(text); err != nil || bucket != want[0] || prefix != want[1] {
			t.Errorf("%s: %q, %q, %v", text, bucket, prefix, err)
		}
	}
	for _, text := range []string{"", "s3:/b", "s3://", "s3:///k", "http://b/c"} {
		if _, _, err := objects.ParseURL(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	for _, bad := range []objects.Config{{Endpoint: "ftp://h"}, {Endpoint: "https://h/path"}, {Endpoint: "h:1"}, {AccessKey: "a"}} {
		if _, err := objects.New(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
