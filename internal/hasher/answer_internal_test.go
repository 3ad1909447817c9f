package hasher

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
)

// FuzzParseAnswer: an answer is a fingerprint of the declared type and length, or
// declined, or a failure; and never two of them.
func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{`{"type":"x_a","hex":"00ff"}`, `{"type":"x_a","base64":"AP8="}`, `{"type":"x_a","declined":true}`, `[]`, `{`, `{"type":1}`, ``} {
		f.Add([]byte(s))
	}
	spec := Spec{Type: "x_a", Bytes: 2, Distance: Hamming}
	f.Fuzz(func(t *testing.T, text []byte) {
		h, ok, why := parseAnswer(&spec, text)
		switch {
		case why != "" && (ok || h != (safety.Hash{})):
			t.Errorf("a failure with a fingerprint")
		case ok && (h.Type != spec.Type || len(h.Bytes()) != spec.Bytes):
			t.Errorf("a fingerprint of %s with %d bytes", h.Type, len(h.Bytes()))
		case why == "" && !json.Valid(text):
			t.Errorf("%q is no JSON and was taken", text)
		case why == "" && !ok && !bytes.Contains(text, []byte("true")):
			t.Errorf("%q is declined", text)
		}
	})
}

// TestDistance: the four distances as their definitions have them, told in full
// whenever they are within the limit, and never below what the masses allow.
func TestDistance(t *testing.T) {
	for _, d := range Distances {
		t.Run(string(d), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := rapid.IntRange(1, 64).Draw(t, "n")
				a := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "a")
				b := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "b")
				if rapid.Bool().Draw(t, "alike") {
					copy(b, a[:n/2])
				}
				want := 0
				for i := range a {
					apart := max(int(a[i])-int(b[i]), int(b[i])-int(a[i]))
					switch d {
					case Hamming:
						want += strings.Count(bitsOf(a[i]^b[i]), "1")
					case L1:
						want += apart
					case L2Squared:
						want += apart * apart
					case Equality:
						want = max(want, min(apart, 1))
					}
				}
				s := Spec{Bytes: n, Distance: d}
				if got := d.Between(a, b, s.Most()); got != want {
					t.Errorf("%d, want %d", got, want)
				}
				limit := rapid.IntRange(0, s.Most()).Draw(t, "limit")
				if got := d.Between(a, b, limit); got != want && (got <= limit || want <= limit) {
					t.Errorf("with the limit %d: %d, want %d", limit, got, want)
				}
				if least := d.Least(d.Mass(a)-d.Mass(b), n); least > want {
					t.Errorf("at least %d, and is %d", least, want)
				}
			})
		})
	}
}

func bitsOf(b byte) (s string) {
	for i := range 8 {
		s += string('0' + b>>i&1)
	}
	return s
}
