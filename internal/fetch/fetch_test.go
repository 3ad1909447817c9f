package fetch

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/safety"
)

func TestReachable(t *testing.T) {
	open, next := New(Config{}), New(Config{AllowPrivate: true})
	for _, tt := range []struct {
		addr         string
		public, near bool // with and without AllowPrivate
	}{
		{"93.184.216.34", true, true},
		{"2606:4700::1111", true, true},
		{"127.0.0.1", false, true},
		{"127.255.0.3", false, true},
		{"::1", false, true},
		{"::ffff:127.0.0.1", false, true},
		{"10.1.2.3", false, true},
		{"192.168.0.9", false, true},
		{"172.31.255.255", false, true},
		{"172.32.0.1", true, true},
		{"100.64.1.1", false, true},
		{"fc00::1", false, true},
		{"0.0.0.0", false, false},
		{"169.254.169.254", false, false},
		{"::ffff:169.254.169.254", false, false},
		{"100.100.100.200", false, false},
		{"fd00:ec2::254", false, false},
		{"fe80::1", false, false},
		{"64:ff9b::7f00:1", false, false},
		{"2002:7f00:1::", false, false},
		{"224.0.0.1", false, false},
		{"255.255.255.255", false, false},
		{"::", false, false},
	} {
		a := netip.MustParseAddr(tt.addr)
		if got := open.reachable(a); got != tt.public {
			t.Errorf("%s: reachable %t, want %t", tt.addr, got, tt.public)
		}
		if got := next.reachable(a); got != tt.near {
			t.Errorf("%s with private addresses: reachable %t, want %t", tt.addr, got, tt.near)
		}
	}
}

func TestPermitted(t *testing.T) {
	f := New(Config{Hosts: []string{"cdn.example.test", ".media.example.test"}})
	for target, want := range map[string]bool{
		"https://cdn.example.test/a.jpg":         true,
		"https://CDN.example.test/a.jpg":         true,
		"https://x.media.example.test/a.jpg":     true,
		"https://media.example.test/a.jpg":       false,
		"https://evilmedia.example.test/":        false,
		"https://cdn.example.test.evil.test/":    false,
		"http://cdn.example.test/a.jpg":          false,
		"https://cdn.example.test:8443/a.jpg":    false,
		"https://user@cdn.example.test/":         false,
		"https://cdn.example.test@127.0.0.1/":    false,
		"file:///etc/passwd":                     false,
		"https://127.1/":                         false,
		"https://2130706433/":                    false,
		"https://0x7f.1/":                        false,
		"https://localhost./":                    false,
		"gopher://cdn.example.test/":             false,
		"https://cdn.example.test\uff0eevil.com": false,
	} {
		u, err := url.Parse(target)
		if got := err == nil && f.permitted(u); got != want {
			t.Errorf("%s: permitted %t, want %t", target, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	var other *httptest.Server
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("picture")) })
	mux.HandleFunc("/big", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) })
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/ok", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/gone", http.NotFound)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	reached := false
	other = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	other.URL = strings.Replace(other.URL, "127.0.0.1", "localhost", 1) // a host that is not on the list

	near := Config{Hosts: []string{"127.0.0.1"}, AllowHTTP: true, AllowPrivate: true, MaxBytes: 1000}
	public := near
	public.AllowPrivate = false
	off := Config{MaxBytes: 1000}
	for _, tt := range []struct {
		name, path string
		cfg        Config
		want       string
		kind       safety.Kind
	}{
		{"a file", "/ok", near, "picture", 0},
		{"too large", "/big", near, "", safety.TooLarge},
		{"not there", "/gone", near, "", safety.Unavailable},
		{"redirect to another host", "/away", near, "", safety.Invalid},
		{"redirects without end", "/loop", near, "", safety.Invalid},
		{"private address", "/ok", public, "", safety.Invalid},
		{"off", "/ok", off, "", safety.Forbidden},
	} {
		got, err := New(tt.cfg).Get(t.Context(), srv.URL+tt.path)
		if string(got) != tt.want || (err != nil) != (tt.want == "") || (err != nil && safety.KindOf(err) != tt.kind) {
			t.Errorf("%s: got %q, %v (%v)", tt.name, got, err, safety.KindOf(err))
		}
		if err != nil && strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: the error repeats the address", tt.name)
		}
	}
	if reached {
		t.Error("a redirect reached a host that is not on the list")
	}
}
