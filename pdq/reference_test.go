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

// carried is where pictures of ThreatExchange are, with their licence.
const carried = "testdata/threatexchange"

// TestReferencePublished compares with the hashes that the ThreatExchange
// project publishes or that were made from its pictures by its own code. The
// others of them are too large to carry: point ROWAN_PDQ_DATA at a folder with
// dihedral/ and pen-and-coaster.png to test those, too.
func TestReferencePublished(t *testing.T) {
	type vector struct{ File, Hash string }
	here, worst := 0, 0
	for _, v := range readVectors[vector](t, "published.json") {
		d, ok := distanceToFile(t, filepath.Join(carried, filepath.FromSlash(v.File)), v.Hash)
		if ok {
			here++
		} else if dir := os.Getenv("ROWAN_PDQ_DATA"); dir != "" {
			d, ok = distanceToFile(t, filepath.Join(dir, filepath.FromSlash(v.File)), v.Hash)
		}
		if !ok {
			t.Logf("%s: ABSENT, not compared (set ROWAN_PDQ_DATA)", v.File)
			continue
		}
		t.Logf("%-35s %d bits", v.File, d)
		worst = max(worst, d)
		if d > maxDecoderDistance {
			t.Errorf("%s: distance %d, want ≤ %d", v.File, d, maxDecoderDistance)
		}
	}
	if here != 13 {
		t.Errorf("%d pictures in %s, want 13", here, carried)
	}
	t.Logf("largest distance %d", worst)
}

// TestScreenPublished screens the same files: the published hash must be within
// the margin.
func TestScreenPublished(t *testing.T) {
	type vector struct{ File, Hash string }
	screened := 0
	for _, v := range readVectors[vector](t, "published.json") {
		data, err := os.ReadFile(filepath.Join(carried, filepath.FromSlash(v.File)))
		if err != nil {
			continue
		}
		r, err := pdq.ScreenJPEG(data, 1<<26)
		if errors.Is(err, pdq.ErrJPEGUnfit) {
			t.Logf("%-35s %v", v.File, err)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		h, err := pdq.ParseHash(v.Hash)
		if err != nil {
			t.Fatal(err)
		}
		screened++
		d := r.Hash.Distance(h)
		t.Logf("%-35s %d bits", v.File, d)
		if d > pdq.ScreenMargin {
			t.Errorf("%s: distance %d", v.File, d)
		}
	}
	if screened != 11 {
		t.Errorf("screened %d pictures, want 11", screened)
	}
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
