package pdq

import "math"

// How far the fast path may be from the reference is mostly the reference's own
// rounding: its filters carry sums over whole rows and columns. Each of the
// about 4 (width+height) additions that lead to a sample is off by at most
// half a unit in the last place, u = 2⁻²⁴ of the sum, thus by 255 u of the mean.
//
// Proven is only the sum of these. A pass over n pixels makes 2n additions to a
// sum of at most 255 (window+1), which is then divided by the window: an error
// of at most 2n · 255 u (window+1)/window ≤ 4n · 255 u; four passes, 8 · 255 u
// (width+height). A row of the transform has length 1, so 4096 such errors move
// a frequency by at most 64 times as much. With the fast path's sums of under
// 4 (window+1) terms and both transforms' own rounding that is below
// 64 · 9 · 255 u (width+height+50). No picture comes near it, and a guard that
// wide would never let the fast path answer.
//
// The guard used here takes the errors of successive additions for independent:
// they then grow as a random walk, with the unit 255 u √(width+height), and with
// the spectrum of one, most of it in the lowest frequencies. The factors below
// were measured (see TestFastIsExact) on pictures chosen to break that
// assumption, such as checkerboards and rows that are all alike: in 19 500 of
// them the largest error was 0.7 of what is tolerated; in pictures like
// photographs it was 0.3. So the guard is an estimate with a margin, not a
// proof; whoever needs the proof calls [Compute].

// tolerance is how far numbers of the fast path may be from the reference's.
type tolerance struct {
	unit     float32 // times shape: of a frequency
	gradient float32 // of a difference of samples, in percent of 255
}

func toleranceFor(width, height int) tolerance {
	unit := roundingUnit(width, height)
	return tolerance{unit: float32(unit * repetition(width, height)), gradient: float32(gradientUnits * unit)}
}

const (
	edgeUnits     = 64 // of the lowest frequency in either direction
	innerUnits    = 38 // of all others
	gradientUnits = 6
)

// shape is the tolerance of each frequency in units.
func shape() *[freqs * freqs]float32 {
	var s [freqs * freqs]float32
	var root [freqs]float32
	for i := range root {
		root[i] = float32(1 / math.Sqrt(float64(i+1)))
	}
	for k := range s {
		i, j := k/freqs, k%freqs
		s[k] = innerUnits * root[i] * root[j]
		if i == 0 || j == 0 {
			s[k] = edgeUnits * root[i] * root[j]
		}
	}
	return &s
}

// roundingUnit is 255 u √(width+height), where u = 2⁻²⁴.
func roundingUnit(width, height int) float64 {
	return 255. / (1 << 24) * math.Sqrt(float64(width)+float64(height))
}

// repetition is how much errors add up because one sampled row or column of a
// side under 64 pixels stands for several samples.
func repetition(width, height int) float64 {
	short := func(n int) float64 { return max(1, grid/float64(n)) }
	return math.Sqrt(short(width) * short(height))
}

// settle hashes samples of the fast path; it reports false if the result could
// differ from the reference's within the tolerance.
func settle(s *[grid * grid]float32, tol tolerance) (Result, bool) {
	q, ok := qualityWithin(s, tol.gradient)
	if !ok {
		return Result{}, false
	}
	b := transformFolded(s)
	if !b.settled(tol.unit) {
		return Result{}, false
	}
	return Result{Hash: b.hash(), Quality: q, dct: b}, true
}

// settled reports whether, in each of the eight orientations, every frequency
// but the median is further from the median than the tolerances of the two
// together. Then none of them has another rank, relative to the median, than
// its exact value has: the one in the middle is the exact median, and all bits
// are right.
//
// The orientations differ by four patterns of signs: transposing moves no
// value past another.
func (b *block) settled(unit float32) bool {
	s := shape()
	for _, v := range [4]int{0, 4, 5, 2} {
		keys := b.keys(v)
		median := middle(keys)
		at := 0
		for k, key := range keys {
			if key == median {
				at = k
			}
		}
		m := fromKey(median)
		for k, key := range keys {
			// Written so that a NaN is not settled.
			gap := float32(math.Abs(float64(fromKey(key) - m)))
			if k != at && !(gap > unit*(s[k]+s[at])) {
				return false
			}
		}
	}
	return true
}

// keys are the frequencies in orientation v, not transposed, as integers in
// the same order.
func (b *block) keys(v int) [freqs * freqs]uint32 {
	var out [freqs * freqs]uint32
	for k, x := range b {
		u := math.Float32bits(x)
		if negates(v, k/freqs, k%freqs) {
			u ^= 1 << 31
		}
		out[k] = u ^ (uint32(int32(u)>>31) | 1<<31)
	}
	return out
}

func fromKey(k uint32) float32 {
	return math.Float32frombits(k ^ (uint32(int32(^k)>>31) | 1<<31))
}

// middle returns the lower median (Hoare's selection, on a copy).
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

// qualityWithin is [quality] for samples whose differences, in percent, are
// within tol of the exact ones; it reports false if that leaves more than one
// possibility. Where nothing is near a step the two sums are equal.
func qualityWithin(s *[grid * grid]float32, tol float32) (int, bool) {
	least, most := 0, 0
	for i := range grid {
		line := s[i*grid : (i+1)*grid]
		below := s[min(i+1, grid-1)*grid:][:grid] // itself for the last: differences of 0
		for j, u := range line {
			a, b := percents(u-below[j], tol)
			c, d := percents(u-line[min(j+1, grid-1)], tol)
			least += a + c
			most += b + d
		}
		if least >= 90*100 {
			return 100, true
		}
	}
	least, most = min(least/90, 100), min(most/90, 100)
	return least, least == most
}

func percents(d, tol float32) (least, most int) {
	p := float32(math.Abs(float64(d))) * (100. / 255)
	return int(max(0, p-tol)), int(p + tol)
}
