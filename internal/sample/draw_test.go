package sample

import (
	"bytes"
	"testing"

	"github.com/rowan-safety/rowan/pdq"
)

// TestLandscape: pictures are the same for the same seed, hashable, and far
// from each other, so that sample matches mean something.
func TestLandscape(t *testing.T) {
	if !bytes.Equal(Landscape(7, 320, 200).Pix, Landscape(7, 320, 200).Pix) {
		t.Error("the same seed drew two pictures")
	}
	var all []pdq.Hash
	for seed := range uint64(12) {
		r, err := pdq.FromImage(Landscape(seed, 512, 341))
		if err != nil || r.Quality < pdq.MinQuality {
			t.Fatalf("seed %d: quality %d, %v", seed, r.Quality, err)
		}
		for i, h := range all {
			if d := h.Distance(r.Hash); d <= 2*pdq.MatchThreshold {
				t.Errorf("seeds %d and %d are %d bits apart", i, seed, d)
			}
		}
		all = append(all, r.Hash)
	}
}
