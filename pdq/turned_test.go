package pdq_test

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/pdq"
)

// TestOrientationsOfHash holds what a hash alone says of the turned picture
// against what its frequencies say.
func TestOrientationsOfHash(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	worst, sum, n := 0, 0, 0
	for range 60 {
		res, err := pdq.FromImage(colourful(64+r.IntN(300), 64+r.IntN(300)))
		if err != nil {
			t.Fatal(err)
		}
		got, want := res.Hash.Orientations(), res.Dihedral()
		if got[0] != res.Hash {
			t.Fatal("the first is not the hash itself")
		}
		for v := range got {
			d := got[v].Distance(want[v])
			worst, sum, n = max(worst, d), sum+d, n+1
		}
	}
	t.Logf("%d orientations: %.1f bits from the exact hash on average, %d at worst", n, float64(sum)/float64(n), worst)
	if worst > pdq.MatchThreshold || sum > 10*n {
		t.Errorf("an orientation is %d bits off, and %d on average: docs say 26 and 7", worst, sum/n)
	}
}

// TestOrientationsAreAGroup: two half turns, and a mirror twice, are nothing;
// a quarter turn back undoes a quarter turn.
func TestOrientationsAreAGroup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHash().Draw(t, "hash")
		for v, turned := range h.Orientations() {
			back := map[int]int{1: 3, 3: 1}
			w, ok := back[v]
			if !ok {
				w = v
			}
			if turned.Orientations()[w] != h {
				t.Fatalf("%s and %s do not give the hash back", pdq.VariantNames()[v], pdq.VariantNames()[w])
			}
		}
	})
}
