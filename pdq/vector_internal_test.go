//go:build amd64

package pdq

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestReciprocals compares the quotient by reciprocals with the division: for
// each count with significands all over, those next to a quotient's middle
// among them.
func TestReciprocals(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for n := 1; n <= 1024; n++ {
		high, low := reciprocals(n)
		check := func(s float32) {
			// float64 holds s·high exactly; the sum may round, far below what counts.
			product := float64(float32(s * low))
			if got, want := float32(math.FMA(float64(s), float64(high), product)), s/float32(n); got != want {
				t.Fatalf("%g / %d = %g, want %g", s, n, got, want)
			}
		}
		for range 2000 {
			check(float32(math.Ldexp(1+r.Float64(), r.IntN(30)-12)))
			// Next to the middle between two quotients.
			q := float32(1 + r.Float64())
			middle := (float64(q) + float64(math.Nextafter32(q, 2))) / 2 * float64(n)
			s := float32(middle)
			check(s)
			check(math.Nextafter32(s, 0))
			check(math.Nextafter32(s, math.MaxFloat32))
		}
	}
}
