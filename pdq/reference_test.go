package pdq_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rowan-safety/rowan/pdq"
)

func readVectors[V any](t *testing.T, name string) []V {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []V }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) == 0 {
		t.Fatalf("%s holds no vectors", name)
	}
	return file.Vectors
}

// TestReferenceLuma demands distance 0 and equal quality from the reference
// arithmetic on the same luma, in all eight orientations.
func TestReferenceLuma(t *testing.T) {
	type outcome struct {
		Quality  int
		Dihedral [8]string
	}
	type vector struct {
		picture
		outcome
	}
	vectors := readVectors[vector](t, "reference.json")
	for _, v := range vectors {
		name := fmt.Sprintf("%s-%d-%dx%d", v.Kind, v.Seed, v.Width, v.Height)
		t.Run(name, func(t *testing.T) {
			r, err := v.plane().hash()
			if err != nil {
				t.Fatal(err)
			}
			got := outcome{Quality: r.Quality}
			for i, h := range r.Dihedral() {
				got.Dihedral[i] = h.String()
			}
			if diff := cmp.Diff(v.outcome, got); diff != "" {
				t.Errorf("differs from the reference (-want +got):\n%s", diff)
			}
			if got.Dihedral[0] != r.Hash.String() {
				t.Errorf("Dihedral()[0] = %s, Hash = %s", got.Dihedral[0], r.Hash)
			}
		})
	}
	t.Logf("%d procedural pictures, 8 orientations each, all at distance 0 from the reference C++", len(vectors))
}

// maxDecoderDistance is the bound that the reference's own README sets between
// implementations that decode the same file differently.
const maxDecoderDistance = 10

// TestReferenceDecoded hashes the Go toolchain's own test pictures and
// compares with the reference arithmetic over another decoder's pixels.
func TestReferenceDecoded(t *testing.T) {
	type vector struct {
		File, Hash string
		Quality    int
	}
	dir := filepath.Join(runtime.GOROOT(), "src", "image", "testdata") //nolint:staticcheck // the only way to the toolchain's files
	worst := 0
	vectors := readVectors[vector](t, "decoded.json")
	for _, v := range vectors {
		d, ok := distanceToFile(t, filepath.Join(dir, v.File), v.Hash)
		if !ok {
			t.Logf("absent from the toolchain: %s", v.File)
			continue
		}
		worst = max(worst, d)
		if v.Quality >= pdq.MinQuality && d > maxDecoderDistance {
			t.Errorf("%s: distance %d from the reference over another decoder, want ≤ %d", v.File, d, maxDecoderDistance)
		}
	}
	t.Logf("%d files of the Go toolchain, largest distance %d", len(vectors), worst)
}

// TestReferencePublished compares with the hashes that the ThreatExchange
// project publishes or that were made from its pictures by its own code. The
// pictures are too large to carry; point ROWAN_PDQ_DATA at a folder with
// bridge-mods/, dihedral/ and pen-and-coaster.png to run it.
func TestReferencePublished(t *testing.T) {
	dir := os.Getenv("ROWAN_PDQ_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data", "pdq")
	}
	type vector struct{ File, Hash string }
	read, worst := 0, 0
	for _, v := range readVectors[vector](t, "published.json") {
		d, ok := distanceToFile(t, filepath.Join(dir, filepath.FromSlash(v.File)), v.Hash)
		if !ok {
			continue
		}
		read++
		worst = max(worst, d)
		if d > maxDecoderDistance {
			t.Errorf("%s: distance %d, want ≤ %d", v.File, d, maxDecoderDistance)
		}
	}
	if read == 0 {
		t.Log("the ThreatExchange pictures are ABSENT: nothing was compared with the published hashes (set ROWAN_PDQ_DATA)")
		return
	}
	t.Logf("%d ThreatExchange pictures, largest distance %d", read, worst)
}

// distanceToFile hashes a picture file; it reports false if there is none.
func distanceToFile(t *testing.T, path, want string) (int, bool) {
	t.Helper()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(path), err)
	}
	r, err := pdq.FromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	h, err := pdq.ParseHash(want)
	if err != nil {
		t.Fatal(err)
	}
	return r.Hash.Distance(h), true
}
