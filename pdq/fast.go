package pdq

import "fmt"

// ComputeRows hashes like [Compute], to the same hashes and quality but several
// times faster, a picture whose rows can be read again: row must give the same
// luma for the same y each time, with values from 0 to 255.
//
// One pass finds the 64×64 samples with about one multiplication and addition a
// pixel. Their last digits differ from the reference's. When the quality or a
// bit of a hash in any of the eight orientations could depend on them, the rows
// are read once more by the reference's arithmetic. That decision rests on an
// estimate of rounding errors, which guard.go gives, not on a proof: no picture
// is known for which it errs. Smooth, dark and periodic pictures and large ones
// mostly need the second reading, and then cost more than with Compute. Only Hash, Quality and Dihedral are
// the same as from [Compute]: two Results need not be equal under ==.
//
// Memory is about 4 × width float32, besides what [Compute] may take.
func ComputeRows(width, height int, row func(y int, luma []float32)) (Result, error) {
	r, _, err := computeRows(width, height, row)
	return r, err
}

// computeRows also reports whether the fast path sufficed.
func computeRows(width, height int, row func(y int, luma []float32)) (r Result, fast bool, err error) {
	if width <= 0 || height <= 0 {
		return Result{}, false, fmt.Errorf("pdq: picture of %d by %d pixels", width, height)
	}
	// The reference takes a 64×64 picture as it is; so does Compute.
	if width >= minSide && height >= minSide && (width != grid || height != grid) {
		var samples [grid * grid]float32
		sampleTents(width, height, row, &samples)
		if r, ok := settle(&samples, toleranceFor(width, height)); ok {
			return r, true, nil
		}
	}
	r, err = Compute(width, height, row)
	return r, false, err
}

// sampleTents computes what [downsample] does, up to rounding. The two passes
// along rows and the two along columns commute, so each sample is a sum under a
// tent in both directions. Rows are gathered under the tents of the sampled
// rows, of which one or two are open at a time; a finished one is gathered
// under the tents of the sampled columns.
func sampleTents(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32) {
	var (
		across = tents(width)
		down   = tents(height)
		luma   = make([]float32, width)
		open   = overlap(down)
		accs   = make([]float32, open*width)
		from   = 0 // the first tent that is not finished
	)
	for y := range height {
		row(y, luma)
		for i := from; i < len(down) && down[i].first <= y; i++ {
			t := &down[i]
			acc := accs[i%open*width:][:width]
			if y == t.first {
				scale(acc, luma, t.weights[0])
			} else {
				addScaled(acc, luma, t.weights[y-t.first])
			}
		}
		for from < len(down) && down[from].end() == y+1 {
			t := &down[from]
			gather(accs[from%open*width:][:width], across, samples[t.lo*grid:(t.lo+1)*grid])
			for i := t.lo + 1; i < t.hi; i++ {
				copy(samples[i*grid:], samples[t.lo*grid:(t.lo+1)*grid])
			}
			from++
		}
	}
}

// gather takes the samples of one row.
func gather(acc []float32, across []tent, out []float32) {
	for i := range across {
		t := &across[i]
		v := dot(t.weights, acc[t.first:t.end()])
		for j := t.lo; j < t.hi; j++ {
			out[j] = v
		}
	}
}
