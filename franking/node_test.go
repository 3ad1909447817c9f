package franking_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/rowan-safety/rowan/franking"
)

// sealedReport is an entry of testdata/sealed_v1.json, made by web/client.
type sealedReport struct{ Name, KEM, Public, Entropy, Plain, Sealed string }

func nodeModerator(tb testing.TB) (*franking.Moderator, map[string]string) {
	w := newWorld(tb)
	x, d := reportKey(tb), x25519Key(tb)
	x.ID, d.ID = [8]byte([]byte("key-0001")), [8]byte([]byte("key-0001"))
	w.moderator.Keys = []franking.ReportKey{x, d}
	return &w.moderator, map[string]string{"xwing": hex.EncodeToString(x.Key.PublicKey().Bytes()), "x25519": hex.EncodeToString(d.Key.PublicKey().Bytes())}
}

func openAll(t *testing.T, text []byte) {
	t.Helper()
	m, _ := nodeModerator(t)
	var all []sealedReport
	check(t, json.Unmarshal(text, &all))
	if len(all) != 2 {
		t.Fatalf("%d sealed reports", len(all))
	}
	for _, s := range all {
		r, err := m.Open(unhex(t, s.Sealed), "acct:bob")
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if plain, err := r.Encode(); err != nil || hex.EncodeToString(plain) != s.Plain || r.Note != "please help" || !r.ChildAtRisk {
			t.Errorf("%s: another report: %v", s.Name, err)
		}
	}
}

// TestSealedVectors opens what TypeScript sealed with fixed randomness.
func TestSealedVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/sealed_v1.json")
	check(t, err)
	openAll(t, text)
}

// TestNode opens what TypeScript seals now, and compares the stored vectors with
// what it makes. scripts/test builds the client first.
func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat("../web/client/build/test/seal.js")
	}
	if err != nil {
		if os.Getenv("ROWAN_TEST_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip("needs node and a built web/client: ", err)
	}
	run := func(args ...string) []byte {
		_, keys := nodeModerator(t)
		in, err := json.Marshal(keys)
		check(t, err)
		cmd := exec.Command(node, append([]string{"../web/client/build/test/seal.js"}, args...)...)
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
		out, err := cmd.Output()
		check(t, err)
		return out
	}
	openAll(t, run())
	vectors := run("vectors")
	if os.Getenv("FRANKING_UPDATE_SEALED") != "" {
		check(t, os.WriteFile("testdata/sealed_v1.json", vectors, 0o644))
	}
	stored, err := os.ReadFile("testdata/sealed_v1.json")
	check(t, err)
	if !bytes.Equal(stored, vectors) {
		t.Error("testdata/sealed_v1.json is not what web/client makes; FRANKING_UPDATE_SEALED=1 writes it")
	}
}
