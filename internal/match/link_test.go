package match_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/match"
)

// TestReadLink: every spelling that a browser takes for a listed page is found,
// and what is no link is not ok.
func TestReadLink(t *testing.T) {
	t.Parallel()
	listed, err := match.URLSignal("example.test/folder/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"https://example.test/folder/a", "HTTPS://EXAMPLE.test/folder/", "https:/example.test/folder/a", "https:example.test/folder/a",
		`http:\\example.test\folder\a`, "//example.test/folder/a", "example.test/folder/a?x=y", "example.test:8080/folder/a", "http://user:word@example.test/folder/a",
		"user:word@example.test/folder/a", " \x00https://example.test/folder/a \n", "ht\ttps://example.test/fol\nder/a", "https:////example.test/folder/a",
		"https://example.test/folder/a b", "https://example.test/%66older/a", "ftp://example.test/folder/a", "https://example.test./folder/ä", "https://example。test/folder/a"} {
		l, ok := match.ReadLink(text)
		if !ok || !slices.Contains(l.Hashes, listed) {
			t.Errorf("%q is not found (%t)", text, ok)
		}
		if !strings.HasPrefix(strings.ToLower(l.Text), "http") || strings.ContainsFunc(l.Text, func(r rune) bool { return r <= ' ' || r >= 127 }) {
			t.Errorf("%q is told as %q", text, l.Text)
		}
	}
	for _, text := range []string{"", " ", "words", "two words", "hello:8080", "javascript:alert(1)", "data:text/html,example.test", "mailto:somebody", "tel:123456", "http://", "https:", "//", "?", "#",
		"https://exa mple.test/", "https://" + strings.Repeat("a", 9000) + ".test/", "http://a\x01b.test/"} {
		if l, ok := match.ReadLink(text); ok {
			t.Errorf("%q is a link: %+v", text, l)
		}
	}
	if l, ok := match.ReadLink("https://example.test/" + strings.Repeat("a", 5000)); !ok || len(l.Text) != 2083 {
		t.Errorf("a long link: %t, %d characters", ok, len(l.Text))
	}
}

// TestReadLink_Property: what is read has signals, and a text that reports take.
func TestReadLink_Property(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l, ok := match.ReadLink(rapid.OneOf(rapid.String(), rapid.StringMatching(`(https?:[/\\]{0,3})?[a-z@:.%#é]{0,20}(/[ -~]{0,30})?`)).Draw(t, "text"))
		if !ok {
			return
		}
		if len(l.Hashes) == 0 || l.Text == "" || len(l.Text) > 2083 || strings.ContainsFunc(l.Text, func(r rune) bool { return r <= ' ' || r >= 127 }) {
			t.Fatalf("%d hashes, %q", len(l.Hashes), l.Text)
		}
	})
}

func FuzzReadLink(f *testing.F) {
	for _, text := range []string{"https://example.test/a?b#c", `http:\\x.test`, "//[::1]/", "a:b@c.test:1/%25%32"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if l, ok := match.ReadLink(text); ok && (len(l.Hashes) == 0 || len(l.Text) > 2083) {
			t.Fatalf("%d hashes, %q", len(l.Hashes), l.Text)
		}
	})
}
