package media_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// TestModules: the Wasm modules are those that wasm/README.md speaks of.
func TestModules(t *testing.T) {
	list, err := os.ReadFile("wasm/modules.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line)
		listed[f[0]] = f[1]
	}
	files, err := filepath.Glob("wasm/*.wasm.gz")
	if err != nil || len(files) != len(listed) {
		t.Fatalf("%d modules, %d listed, error %v", len(files), len(listed), err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:]); got != listed[filepath.Base(name)] {
			t.Errorf("%s has SHA-256 %s, which is not listed", name, got)
		}
	}
}

// TestWasmOutcomes: what the decoders of HEIC, AVIF and JPEG XL are given goes
// wrong in the ways that reports have words for.
func TestWasmOutcomes(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	for _, c := range []struct {
		name   string
		data   []byte
		scan   safety.ScanState
		reason string
	}{
		{"HEIC, sizes of a bomb", lieISO(t, "scene.heic", 60000, 60000), safety.ScanFailed, media.ReasonSideTooLong},
		{"HEIC, many pixels", lieISO(t, "scene.heic", 16000, 16000), safety.ScanFailed, media.ReasonTooManyPixels},
		{"HEIC, larger than coded", lieISO(t, "scene.heic", 2000, 2000), safety.ScanFailed, media.ReasonCorrupt},
		{"HEIC, smaller than coded", lieISO(t, "scene.heic", 64, 64), safety.ScanFailed, media.ReasonCorrupt},
		{"AVIF, sizes of a bomb", lieISO(t, "scene.avif", 60000, 60000), safety.ScanFailed, media.ReasonSideTooLong},
		{"AVIF, larger than coded: scaled, as browsers do", lieISO(t, "scene.avif", 2000, 2000), safety.ScanScanned, ""},
		{"JPEG XL, sizes of a bomb", bigJXL(1 << 29), safety.ScanFailed, media.ReasonSideTooLong},
		{"JPEG XL, many pixels", bigJXL(16000), safety.ScanFailed, media.ReasonTooManyPixels},
		{"JPEG XL, nothing behind", bigJXL(500), safety.ScanFailed, media.ReasonCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := look(t, p, c.data)
			sane(t, c.name, r)
			if r.Scan != c.scan || r.Reason != c.reason {
				t.Errorf("%s %s, want %s %s", r.Scan, r.Reason, c.scan, c.reason)
			}
		})
	}
	if d := p.Stats().Died; d != 0 {
		t.Errorf("%d children died", d)
	}
}

// lieISO changes the sizes in all ispe properties of a fixture.
func lieISO(t testing.TB, name string, w, h uint32) []byte {
	t.Helper()
	b := bytes.Clone(fixture(t, name))
	at := 0
	for {
		i := bytes.Index(b[at:], []byte("ispe"))
		if i < 0 {
			break
		}
		at += i + 8
		copy(b[at:], be32(w, h))
	}
	if at == 0 {
		t.Fatal("no ispe")
	}
	return b
}

// bigJXL is a JPEG XL codestream of a square picture that ends after its sizes.
func bigJXL(side uint64) []byte {
	bits := uint64(0) | 3<<1 | (side-1)<<3 | 1<<33 // not small, 30 bits, the same width
	b := []byte{0xff, 0x0a}
	for range 10 {
		b = append(b, byte(bits))
		bits >>= 8
	}
	return b
}

// TestWasmMemory: what does not fit into a child's memory is answered by the
// child, which lives on.
func TestWasmMemory(t *testing.T) {
	if media.RaceDetector {
		t.Log("memory is NOT limited under the race detector: nothing to show")
		return
	}
	p := newPool(t, media.Config{Children: 1, Limits: media.Limits{ChildData: 240 << 20, WasmData: 240 << 20}})
	r := look(t, p, fixture(t, "large.avif"))
	if r.Scan != safety.ScanFailed || (r.Reason != media.ReasonOutOfMemory && r.Reason != media.ReasonTooMuchMemory) {
		t.Errorf("%s %s", r.Scan, r.Reason)
	}
	if d := p.Stats().Died; d != 0 {
		t.Errorf("%d children died", d)
	}
	if r := look(t, p, fixture(t, "scene.avif")); r.Scan != safety.ScanScanned {
		t.Errorf("afterwards: %s %s", r.Scan, r.Reason)
	}
	roomy := newPool(t, media.Config{Children: 1})
	if r := look(t, roomy, fixture(t, "large.avif")); r.Scan != safety.ScanScanned || r.Hashes[0].PDQ.Distance(sceneHash(t)) > pdq.MatchThreshold {
		t.Errorf("with the default: %s %s", r.Scan, r.Reason)
	}
}
