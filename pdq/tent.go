package pdq

// tent holds the weights with which the pixels of one side enter one sample:
// the reference's box filter applied twice. They are zero outside first to
// end()-1 and sum to 1.
type tent struct {
	first   int
	weights []float32
	lo, hi  int // the samples it stands for: several in sides under 64 pixels
}

func (t *tent) end() int { return t.first + len(t.weights) }

// tents computes the distinct tents of a side of n pixels, in ascending order,
// from the windows of the reference's filter, which are cut short at both ends
// of the side and there divided by what is left of them. The sums are float64,
// so each weight is the exact one rounded to float32.
//
// The work is 64 × window(n) additions: every place under the window of the
// second pass spreads its share over its own window of the first, noted as a
// step up and a step down.
func tents(n int) []tent {
	var (
		out   = make([]tent, 0, grid)
		at    = sampleAt(n)
		win   = window(n)
		steps = make([]float64, 2*win+1)
		store = make([]float32, 0, grid*2*win)
	)
	for i, p := range at {
		if i > 0 && at[i-1] == p { //nolint:gosec // i > 0 was asked just before
			out[len(out)-1].hi++
			continue
		}
		lo, hi := reach(p, n, win)
		first, _ := reach(lo, n, win)
		_, end := reach(hi-1, n, win)
		clear(steps)
		for q := lo; q < hi; q++ {
			a, b := reach(q, n, win)
			share := 1 / float64((hi-lo)*(b-a))
			steps[a-first] += share
			steps[b-first] -= share
		}
		from, sum := len(store), 0.0
		for _, s := range steps[:end-first] {
			sum += s
			store = append(store, float32(sum))
		}
		out = append(out, tent{first: first, weights: store[from:len(store):len(store)], lo: i, hi: i + 1})
	}
	return out
}

// reach is the window of [box] around place p of a side of n: lo ≤ x < hi.
func reach(p, n, win int) (lo, hi int) {
	half := (win + 2) / 2
	return max(0, p+half-win), min(n, p+half)
}
