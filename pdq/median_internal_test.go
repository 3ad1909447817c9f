package pdq

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// orient returns the frequencies of the picture in orientation v.
func (b *block) orient(v int) block {
	var out block
	for i := range freqs {
		for j := range freqs {
			x := b[i*freqs+j]
			if negates(v, i, j) {
				x = -x
			}
			if v == 1 || v == 3 || v == 6 || v == 7 {
				out[j*freqs+i] = x
			} else {
				out[i*freqs+j] = x
			}
		}
	}
	return out
}

func negates(v, i, j int) bool {
	switch v {
	case 1, 5: // rotate90, flipY
		return j%2 == 0
	case 2, 7: // rotate180, flipMinus1
		return (i+j)%2 == 1
	case 3, 4: // rotate270, flipX
		return i%2 == 0
	}
	return false
}

func (b *block) plainHash() Hash {
	sorted := *b
	slices.Sort(sorted[:])
	var h Hash
	for k, v := range b {
		if v > sorted[len(sorted)/2-1] {
			h[len(h)-1-k/8] |= 1 << (k % 8)
		}
	}
	return h
}

// TestOrientations compares the hashes of all orientations with turning,
// sorting and comparing the numbers themselves, also with many equal ones and
// zeros of either sign.
func TestOrientations(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := range 2000 {
		var b block
		for k := range b {
			if n%2 == 0 {
				b[k] = float32(r.NormFloat64() * 100)
			} else {
				b[k] = float32(r.IntN(1+n%9)) * float32(1-2*r.IntN(2))
			}
		}
		result := Result{dct: b}
		for v, got := range result.Dihedral() {
			turned := b.orient(v)
			if want := turned.plainHash(); got != want {
				t.Fatalf("picture %d, %s: %v, want %v", n, VariantNames()[v], got, want)
			}
		}
	}
}
