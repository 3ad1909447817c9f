package match

import (
	"math/rand/v2"

	"github.com/rowan-safety/rowan/internal/hasher"
)

// BenchPrints returns a search among n fingerprints of chance.
func BenchPrints(s hasher.Spec, n int) func() {
	r := rand.New(rand.NewPCG(1, 2))
	value := func() []byte {
		v := make([]byte, s.Bytes)
		for i := range v {
			v[i] = byte(r.Uint32())
		}
		return v
	}
	p := &prints{spec: s, place: map[uint32]int{}}
	for i := range n {
		p.insert(uint32(i+1), value())
	}
	q := value()
	// About a tenth of the mean distance, as a threshold would be.
	limit := map[hasher.Distance]int{hasher.Hamming: 60, hasher.L1: 1200, hasher.L2Squared: 150_000}[s.Distance]
	return func() { p.search(q, limit, func(uint32, int) {}) }
}
