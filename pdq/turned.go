package pdq

// Orientations are the hashes that the picture would have in the eight
// orientations, in the order of [VariantNames], worked out from its hash alone;
// entry 0 is h.
//
// They are not exact. Turning a picture negates some of its frequencies, and a
// bit says that a frequency is above the median: with the median at zero, negating
// turns the bit over. The true median is near zero, not at it, so that some bits
// differ from [Result.Dihedral]: 7 on average and 26 at worst in our tests. They are
// for where there is nothing but a hash.
func (h Hash) Orientations() [8]Hash {
	var out [8]Hash
	out[0], out[6] = h.turned(0)
	out[4], out[3] = h.turned(4)
	out[5], out[1] = h.turned(5)
	out[2], out[7] = h.turned(2)
	return out
}

// turned is the counterpart of block.hashes for a hash.
func (h Hash) turned(v int) (hash, transposed Hash) {
	for i := range freqs {
		for j := range freqs {
			k, t := i*freqs+j, j*freqs+i
			bit := h[len(h)-1-k/8]>>(k%8)&1 ^ byte(negative(v, i, j)>>31)
			hash[len(h)-1-k/8] |= bit << (k % 8)
			transposed[len(h)-1-t/8] |= bit << (t % 8)
		}
	}
	return hash, transposed
}
