package franking

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("franking.update", false, "write testdata/frank_v1.json anew")

// vectors is testdata/frank_v1.json. All bytes are hexadecimal; "61*3" stands for
// three times 61.
type vectors struct {
	Origin   string        `json:"origin"`
	SignSeed string        `json:"sign_seed"`
	Public   string        `json:"public"`
	Now      int64         `json:"now_ms"`
	Window   int64         `json:"window_ms"`
	HubKeys  []vectorKey   `json:"hub_keys"`
	Messages []vector      `json:"messages"`
	Decode   []badEncoding `json:"decode"`
}

type vectorKey struct {
	ID  string `json:"id"`
	Key string `json:"key"` // empty: destroyed
}

type vector struct {
	Name         string  `json:"name"`
	Key          string  `json:"key"`
	Content      string  `json:"content"`
	Commitment   string  `json:"commitment"` // as received
	Tag          string  `json:"tag"`
	Signature    string  `json:"signature"`
	Context      string  `json:"context"`
	Sender       string  `json:"peer_sender"`
	Conversation string  `json:"peer_conversation"`
	Receive      string  `json:"receive"` // "" or the name of the error
	Outcome      Outcome `json:"outcome"`
}

type badEncoding struct {
	Name  string `json:"name"`
	Type  string `json:"type"` // content, context, stamp, report
	Bytes string `json:"bytes"`
	Error string `json:"error"` // "" means that it is accepted and encoded to the same bytes
}

var (
	vectorNow  = time.UnixMilli(0x19ab697e87b)
	vectorSign = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
)

// TestPublished is the vector of the specification, made by another program.
func TestPublished(t *testing.T) {
	v := makeVectors(t).Messages[0]
	want := vector{
		Content:    "00010a616363743a616c69636507636f6e763a3432303132333435363738396162636465660000019ab697e8000a746578742f706c61696e0000001268656c6c6f2c207465737420766563746f720000",
		Context:    "000132303235773438310c636861742e6578616d706c650a616363743a616c69636507636f6e763a343200000000000000110000019ab697e87b01",
		Commitment: "0f970bdedf95f437b2be5bb806eca95a9a7d0cf1dd5bc19fd86716642e7a802a",
		Tag:        "af4ddb99337478e80cdd172f6ce6ff534756e40b8a462a02e2854508cbba77dc",
		Signature:  "0286bd80b2007645eecccac42fcb85ba8b2c1fab7dca4ef8eb65f085ad2304b76947e8dd064bc52d6d066f1b8e27d9bacf6a88c288457478d56e275253a26b0e",
	}
	got := vector{Content: v.Content, Context: v.Context, Commitment: v.Commitment, Tag: v.Tag, Signature: v.Signature}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := hex.EncodeToString(vectorSign.Public().(ed25519.PublicKey)); got != "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c" {
		t.Errorf("public key %s", got)
	}
}

// TestVectors runs the file, so that what Go and TypeScript agree on is what is stored.
func TestVectors(t *testing.T) {
	made, err := json.MarshalIndent(makeVectors(t), "", "  ")
	must(t, err)
	if *update {
		must(t, os.WriteFile("testdata/frank_v1.json", append(made, '\n'), 0o644))
	}
	text, err := os.ReadFile("testdata/frank_v1.json")
	must(t, err)
	if string(text) != string(made)+"\n" {
		t.Fatal("testdata/frank_v1.json is not what this package makes; look at the difference, then run with -franking.update")
	}
	var v vectors
	must(t, json.Unmarshal(text, &v))
	if n := len(v.Messages) + len(v.Decode); n < 40 {
		t.Errorf("only %d vectors", n)
	}
	for _, m := range v.Messages {
		t.Run(m.Name, func(t *testing.T) { runMessage(t, &v, m) })
	}
	for _, d := range v.Decode {
		t.Run(d.Name, func(t *testing.T) {
			if got := decode(d.Type, unrun(t, d.Bytes)); got != d.Error {
				t.Errorf("%q, want %q", got, d.Error)
			}
		})
	}
}

func runMessage(t *testing.T, v *vectors, m vector) {
	keys := []VerifyKey{{Public: unrun(t, v.Public)}}
	s := Stamp{Context: unrun(t, m.Context)}
	copy(s.Tag[:], unrun(t, m.Tag))
	copy(s.Signature[:], unrun(t, m.Signature))
	r := Receiver{Origin: v.Origin, Keys: keys}
	payload := append(unrun(t, m.Key), unrun(t, m.Content)...)
	_, err := r.Verify(payload, Commitment(unrun(t, m.Commitment)), s, Peer{Sender: m.Sender, Conversation: m.Conversation})
	if got := nameOf(err); got != m.Receive {
		t.Errorf("received with %q (%v), want %q", got, err, m.Receive)
	}
	mod := Moderator{Origin: v.Origin, Signed: keys, Ring: vectorRing(t, v)}
	e, err := Broken(payload, s)
	must(t, err)
	if f := mod.Prove(e, time.UnixMilli(v.Now)); f.Outcome != m.Outcome {
		t.Errorf("outcome %q (%v), want %q", f.Outcome, f.Cause, m.Outcome)
	}
}

func vectorRing(t *testing.T, v *vectors) *KeyRing {
	r := NewKeyRing(time.Duration(v.Window) * time.Millisecond)
	for _, k := range v.HubKeys {
		h := &hubKey{id: KeyID([]byte(k.ID)), secret: new([32]byte), destroyed: k.Key == ""}
		copy(h.secret[:], unrun(t, k.Key))
		r.insert(h)
	}
	return r
}

func nameOf(err error) string {
	for e := err; e != nil; {
		if n, ok := e.(Error); ok {
			return string(n)
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			return "?" + err.Error()
		}
		e = u.Unwrap()
	}
	return ""
}

// decode parses and encodes again.
func decode(kind string, b []byte) string {
	var again []byte
	var err error
	switch kind {
	case "content":
		var c Content
		if c, err = ParseContent(b); err == nil {
			again, err = c.Encode()
		}
	case "context":
		var c Context
		if c, err = ParseContext(b); err == nil {
			again, err = c.Encode()
		}
	case "stamp":
		var s Stamp
		if s, err = ParseStamp(b); err == nil {
			again = s.Encode()
		}
	case "report":
		var r *Report
		if r, err = ParseReport(b); err == nil {
			again, err = r.Encode()
		}
	case "keyring":
		var r *KeyRing
		if r, err = ParseKeyRing(b); err == nil {
			again = r.Encode()
		}
	case "sequence":
		var s Sequence
		if s, err = ParseSequence(b); err == nil {
			again = s.Encode()
		}
	}
	if err == nil && !bytes.Equal(again, b) {
		return "encoded to other bytes"
	}
	return nameOf(err)
}

// unrun reads hexadecimal with runs.
func unrun(t testing.TB, s string) []byte {
	var out []byte
	for part := range strings.FieldsSeq(s) {
		h, count, run := strings.Cut(part, "*")
		n := 1
		if run {
			must(t, json.Unmarshal([]byte(count), &n))
		}
		b, err := hex.DecodeString(h)
		must(t, err)
		out = append(out, slices.Repeat(b, n)...)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
