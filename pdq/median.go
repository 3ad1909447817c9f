package pdq

import "math"

// hashes sets the bits of the frequencies that are above the median, in
// orientation v (an index into [VariantNames], of those that do not transpose):
// turning and mirroring a picture only changes signs in its cosine transform
// and transposes it. The second hash is of the transposed picture, whose
// frequencies have the same median.
func (b *block) hashes(v int) (hash, transposed Hash) {
	keys := b.keys(v)
	median := middle(keys)
	for i := range freqs {
		for j := range freqs {
			// The borrow of the subtraction: 1 if the key is above the median.
			above := byte((uint64(median) - uint64(keys[i*freqs+j])) >> 63)
			k, t := i*freqs+j, j*freqs+i
			hash[len(hash)-1-k/8] |= above << (k % 8)
			transposed[len(hash)-1-t/8] |= above << (t % 8)
		}
	}
	return hash, transposed
}

// keys are the frequencies in orientation v as integers in the same order.
func (b *block) keys(v int) [freqs * freqs]uint32 {
	var out [freqs * freqs]uint32
	for k, x := range b {
		u := math.Float32bits(x + 0) // -0 becomes 0, which it equals
		if u != 0 {
			u ^= negative(v, k/freqs, k%freqs)
		}
		out[k] = u ^ (uint32(int32(u)>>31) | 1<<31)
	}
	return out
}

// negative is the sign bit where orientation v negates frequency (i, j). Index
// 0 is the first odd frequency, so an even index is an antisymmetric wave.
func negative(v, i, j int) uint32 {
	switch v {
	case 4: // flipX; rotate270 when transposed
		return uint32(i+1) << 31
	case 5: // flipY; rotate90
		return uint32(j+1) << 31
	case 2: // rotate180; flipMinus1
		return uint32(i+j) << 31
	}
	return 0
}

// middle is the lower median, the 128th smallest of the 256 values, which is
// what the reference's selection (Torben Mogensen's) returns. It is Hoare's.
func middle(keys [freqs * freqs]uint32) uint32 {
	const rank = freqs*freqs/2 - 1
	lo, hi := 0, len(keys)-1
	for lo < hi {
		pivot := keys[(lo+hi)/2]
		i, j := lo, hi
		for i <= j {
			for keys[i] < pivot {
				i++
			}
			for keys[j] > pivot {
				j--
			}
			if i <= j {
				keys[i], keys[j] = keys[j], keys[i]
				i++
				j--
			}
		}
		switch {
		case rank <= j:
			hi = j
		case rank >= i:
			lo = i
		default:
			lo = hi
		}
	}
	return keys[rank]
}
