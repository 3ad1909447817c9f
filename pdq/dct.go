package pdq

import (
	"math"
	"sync"
)

// cosines returns the rows 1 to 16 of the 64-point cosine transform, scaled.
// The product is formed in float64 and rounded once, as in the reference; the
// tests compare all 1024 values with the reference's.
var cosines = sync.OnceValue(func() *[freqs][grid]float32 {
	var d [freqs][grid]float32
	scale := float64(float32(math.Sqrt(2.0 / grid)))
	for i := range d {
		for j := range d[i] {
			d[i][j] = float32(scale * math.Cos(math.Pi/2/grid*float64(i+1)*float64(2*j+1)))
		}
	}
	return &d
})

// transform computes D·A·Dᵀ for the samples A and the cosine matrix D. Each
// sum runs from the first term to the last, and each product is rounded to
// float32 before it is added: the explicit conversion forbids the compiler to
// fuse the two, which would change bits.
func transform(a *[grid * grid]float32) block {
	d := cosines()
	var t [freqs][grid]float32
	for i := range freqs {
		for k := range grid {
			// All columns advance together: each one's sum keeps its order.
			c := d[i][k]
			in := a[k*grid : (k+1)*grid]
			for j := range grid {
				t[i][j] += float32(c * in[j])
			}
		}
	}
	var b block
	for i := range freqs {
		for j := range freqs {
			var sum float32
			for k := range grid {
				sum += float32(t[i][k] * d[j][k])
			}
			b[i*freqs+j] = sum
		}
	}
	return b
}
