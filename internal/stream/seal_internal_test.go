package stream

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
)

func testKeys(t testing.TB, b byte) *keyring {
	t.Helper()
	k, err := newKeyring(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestLetter: what is sealed comes back, for its key and with its label only.
func TestLetter(t *testing.T) {
	t.Parallel()
	k, other := testKeys(t, 1), testKeys(t, 2)
	rapid.Check(t, func(t *rapid.T) {
		l := letter{rapid.String().Draw(t, "source"), rapid.String().Draw(t, "id"), time.UnixMicro(rapid.Int64().Draw(t, "at")).UTC(), rapid.SliceOf(rapid.Byte()).Draw(t, "body")}
		key, sealed := k.seal(l)
		got, err := k.open(key, sealed)
		if err != nil || !cmp.Equal(l, got, cmp.Transformer("text", func(b []byte) string { return string(b) })) {
			t.Fatalf("%+v came back as %+v, %v", l, got, err)
		}
		if _, err := other.open(key, sealed); safety.KindOf(err) != safety.Invalid {
			t.Fatalf("with another key: %v", err)
		}
		if _, err := k.open(key+"x", sealed); safety.KindOf(err) != safety.Invalid {
			t.Fatalf("under another label: %v", err)
		}
		i := rapid.IntRange(0, len(sealed)-1).Draw(t, "changed")
		sealed[i] ^= 1
		if _, err := k.open(key, sealed); safety.KindOf(err) != safety.Invalid {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
	})
}

// TestEventKey: source and id are not run together, and the key fits into a subject.
func TestEventKey(t *testing.T) {
	t.Parallel()
	k := testKeys(t, 1)
	if k.eventKey("ab", "c") == k.eventKey("a", "bc") {
		t.Error("two events have one key")
	}
	if k.eventKey("a", "b") == testKeys(t, 2).eventKey("a", "b") {
		t.Error("the key does not depend on the secret")
	}
	if key := k.eventKey("a.b", "c *>"); len(key) != 43 || strings.ContainsAny(key, ".*> ") {
		t.Errorf("key %q", key)
	}
}

// TestPartitionOf: every partition gets its share.
func TestPartitionOf(t *testing.T) {
	t.Parallel()
	k := testKeys(t, 1)
	n := make([]int, 16)
	for i := range 16000 {
		n[k.partitionOf(strings.Repeat("x", i%50)+string(rune('a'+i/50)), 16)]++
	}
	for p, c := range n {
		if c < 800 || c > 1200 {
			t.Errorf("partition %d has %d of 16000", p, c)
		}
	}
}

// FuzzDecodeLetter: whatever decodes, encodes to the same bytes or to fewer.
func FuzzDecodeLetter(f *testing.F) {
	f.Add(letter{"s", "i", time.UnixMicro(1), []byte("b")}.encode())
	f.Add(letter{}.encode())
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := decodeLetter(b)
		if err != nil {
			if safety.KindOf(err) != safety.Invalid {
				t.Fatalf("kind of %v", err)
			}
			return
		}
		again, err := decodeLetter(l.encode())
		if err != nil || !cmp.Equal(l, again) {
			t.Fatalf("%+v became %+v, %v", l, again, err)
		}
	})
}

// FuzzOpen: nothing that was not sealed opens.
func FuzzOpen(f *testing.F) {
	k := testKeys(f, 1)
	key, sealed := k.seal(letter{"s", "i", time.UnixMicro(1), []byte("b")})
	f.Add(key, sealed[:10])
	f.Add("", []byte{1})
	f.Add(key, bytes.Repeat([]byte{1}, 60))
	f.Fuzz(func(t *testing.T, label string, b []byte) {
		if _, err := k.open(label, b); safety.KindOf(err) != safety.Invalid {
			t.Fatalf("opened: %v", err)
		}
	})
}
