package franking

import (
	"strings"
	"testing"
)

// fuzzDecoder: what a decoder accepts, it encodes to the same bytes; everything else
// is one of this package's errors.
func fuzzDecoder(f *testing.F, kind string, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := decode(kind, b); strings.HasPrefix(got, "?") || strings.HasPrefix(got, "encoded") {
			t.Fatal(got)
		}
	})
}

func seeds(f *testing.F, kind string) (out [][]byte) {
	f.Helper()
	content, context := base()
	c, err := content.Encode()
	must(f, err)
	x, err := context.Encode()
	must(f, err)
	s := Stamp{Context: x}
	r := Report{Reporter: "acct:bob", Messages: []Evidence{{Content: c, Stamp: s, Attachments: []AttachmentKey{{Key: []byte{1}, Locator: "l"}}}}, Note: "n"}
	b, err := r.Encode()
	must(f, err)
	return map[string][][]byte{"content": {c}, "context": {x}, "stamp": {s.Encode()}, "report": {b}}[kind]
}

func FuzzContent(f *testing.F) { fuzzDecoder(f, "content", seeds(f, "content")...) }
func FuzzContext(f *testing.F) { fuzzDecoder(f, "context", seeds(f, "context")...) }
func FuzzStamp(f *testing.F)   { fuzzDecoder(f, "stamp", seeds(f, "stamp")...) }
func FuzzReport(f *testing.F)  { fuzzDecoder(f, "report", seeds(f, "report")...) }

func FuzzKeyRing(f *testing.F) {
	r := NewKeyRing(0)
	_, err := r.Prepare(strings.NewReader(strings.Repeat("k", 64)), vectorNow)
	must(f, err)
	living := r.Encode()
	r.Destroy(vectorNow.AddDate(2, 0, 0))
	fuzzDecoder(f, "keyring", living, r.Encode())
}

func FuzzSequence(f *testing.F) {
	var s Sequence
	empty := s.Encode()
	_, err := s.Accept(Context{Seq: 300, AcceptedAt: vectorNow})
	must(f, err)
	fuzzDecoder(f, "sequence", empty, s.Encode())
}

// FuzzOpen: a sealed report from outside never panics and is never opened by chance.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("\x00\x01\x00\x20\x01t12345678"))
	m := Moderator{Team: "t"}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := m.Open(b, "acct:bob"); err == nil || strings.HasPrefix(nameOf(err), "?") {
			t.Fatal(err)
		}
	})
}

// Destroyed keys are overwritten where they stood.
func TestDestroyOverwrites(t *testing.T) {
	r := NewKeyRing(0)
	_, err := r.Prepare(strings.NewReader(strings.Repeat("k", 64)), vectorNow)
	must(t, err)
	secret := r.keys[0].secret
	r.Destroy(vectorNow.AddDate(2, 0, 0))
	if *secret != [32]byte{} {
		t.Error("the key is still in memory")
	}
}
