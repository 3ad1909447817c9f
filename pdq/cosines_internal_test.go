package pdq

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// TestReferenceCosines compares all 1024 factors with those of the reference
// (testdata/reference.cpp, mode cosines): another platform's cosine could
// round one of them differently, and hashes would drift unseen.
func TestReferenceCosines(t *testing.T) {
	sum := fnv.New64a()
	for _, row := range cosines() {
		for _, v := range row {
			_ = binary.Write(sum, binary.LittleEndian, math.Float32bits(v))
		}
	}
	if got, want := sum.Sum64(), uint64(0x4d9a13ea83b0b0c5); got != want {
		t.Errorf("FNV-1a of the cosines = %x, want %x", got, want)
	}
}
