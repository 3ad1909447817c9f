package match_test

import (
	"slices"
	"testing"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

// TestURLs: an entry of a list and the links that it covers, and does not.
func TestURLs(t *testing.T) {
	for _, tt := range []struct {
		entry   string
		covers  []string
		spares  []string
		refused bool
	}{
		{entry: "http://Example.test/a/b.png", covers: []string{"https://example.test/a/b.png", "example.test:8443/a/b.png#x", "http://user:pw@EXAMPLE.test./a//b.png",
			"http://example.test/a/%62.png", "http://example.test/a/%2562.png", "http://example.test/x/../a/b.png", "http://example.test/a/b.png?utm=1", "http://example.test\\a\\b.png"},
			spares: []string{"http://example.test/a/b.png/", "http://example.test/a/B.png", "http://www.example.test/a/b.png", "http://example.test/", "http://example.test/a"}},
		{entry: "example.test/a?id=1", covers: []string{"http://example.test/a?id=1"}, spares: []string{"http://example.test/a", "http://example.test/a?id=2"}},
		{entry: "example.test/a/*", covers: []string{"http://example.test/a/", "http://example.test/a/b/c?d"}, spares: []string{"http://example.test/a", "http://example.test/ab", "http://w.example.test/a/b"}},
		{entry: "example.test/*", covers: []string{"http://example.test", "http://example.test/?q", "http://example.test/a"}, spares: []string{"http://www.example.test/"}},
		{entry: "*.example.test/*", covers: []string{"http://example.test/", "http://a.b.example.test/c", "http://www.example.test"}, spares: []string{"http://badexample.test/", "http://example.test.other/"}},
		{entry: "*.example.test/a/*", covers: []string{"http://w.example.test/a/b"}, spares: []string{"http://w.example.test/b/a/"}},
		{entry: "http://bücher.test/", covers: []string{"http://xn--bcher-kva.test", "http://BÜCHER.test/"}},
		{entry: "http://192.0.2.1/a", covers: []string{"http://0xc0000201/a", "http://3221225985/a", "http://192.0.513/a", "http://0300.0.02.1/a"}, spares: []string{"http://192.0.2.2/a"}},
		{entry: "http://[2001:db8::1]/a", covers: []string{"http://[2001:DB8:0::1]:80/a"}},
		{entry: "*.test", refused: true},
		{entry: "*", refused: true},
		{entry: "example.test*", refused: true},
		{entry: "*.exa*mple.test/*", refused: true},
		{entry: "example.test/a?b*", refused: true},
		{entry: "", refused: true},
		{entry: "http:///a", refused: true},
	} {
		h, err := match.URLSignal(tt.entry)
		if (err != nil) != tt.refused {
			t.Errorf("%q: %v", tt.entry, err)
			continue
		}
		if again, err := match.URLSignal(h.Value); !tt.refused && (err != nil || again != h) {
			t.Errorf("%q: its digest is not taken: %v", tt.entry, err)
		}
		for _, l := range tt.covers {
			if !slices.Contains(match.URLHashes(l), h) {
				t.Errorf("%q does not cover %q", tt.entry, l)
			}
		}
		for _, l := range tt.spares {
			if slices.Contains(match.URLHashes(l), h) {
				t.Errorf("%q covers %q", tt.entry, l)
			}
		}
	}
}

func FuzzURL(f *testing.F) {
	for _, s := range []string{"http://a.test/%25%41?b#c", "*.a.test/*", "//x", "%", "http://0x7f.1/", "a@b:1/..", "\x00", "http://é.test/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, h := range match.URLHashes(text) {
			if _, err := safety.ParseSignal(h.Type, h.Value); err != nil {
				t.Error(err)
			}
		}
		if h, err := match.URLSignal(text); err == nil && h.Type != safety.URL {
			t.Error("not a URL signal")
		}
	})
}
