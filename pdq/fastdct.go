package pdq

// transformFolded is [transform] in another order of additions. The waves are
// mirror images of themselves about the middle, up to the sign, so each line
// is folded to 32 sums and 32 differences first: half the multiplications.
// Index 0 is frequency 1, so an even index is an odd wave.
func transformFolded(a *[grid * grid]float32) block {
	const half = grid / 2
	d := cosines()
	var folded [2][half][grid]float32
	for k := range half {
		top, bottom := a[k*grid:][:grid], a[(grid-1-k)*grid:][:grid]
		diff, sum := &folded[0][k], &folded[1][k]
		for j, v := range top {
			diff[j] = v - bottom[j]
			sum[j] = v + bottom[j]
		}
	}
	var b block
	for i := range freqs {
		var t [grid]float32
		for k := range half {
			addScaled(t[:], folded[i%2][k][:], d[i][k])
		}
		var lines [2][half]float32
		for k := range half {
			lines[0][k] = t[k] - t[grid-1-k]
			lines[1][k] = t[k] + t[grid-1-k]
		}
		for j := range freqs {
			b[i*freqs+j] = dot(lines[j%2][:], d[j][:half])
		}
	}
	return b
}
