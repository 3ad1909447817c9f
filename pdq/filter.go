package pdq

// downsample blurs the picture and takes 64×64 samples of the result: a box
// filter along the rows, along the columns, along the rows and along the
// columns again, so that each sample is a weighted mean under a tent.
//
// It works on one row at a time. Each output of a filter is the quotient of a
// running sum, and for bit-exactness every column's sum takes the same
// additions and subtractions in the same order as in the reference, which
// walks whole columns. Of the last two filters only the sampled columns are
// ever read, so only those are computed.
func downsample(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32) {
	var (
		win   = window(width)
		luma  = make([]float32, width)
		first = make([]float32, width) // luma after the first filter along rows
		cols  = sampleAt(width)
		rows  = sampleAt(height)
		picks [grid]float32 // one row of the last row filter at the sampled columns
		next  int           // the first of rows that is still to come
	)
	last := newColumnFilter(grid, height, func(y int, out []float32) {
		// Several samples fall on one row when the picture is under 64 high.
		for ; next < grid && rows[next] == y; next++ {
			copy(samples[next*grid:], out)
		}
	})
	middle := newColumnFilter(width, height, func(_ int, out []float32) {
		boxAt(out, win, &cols, &picks)
		last.add(picks[:])
	})
	for y := range height {
		row(y, luma)
		box(luma, first, win)
		middle.add(first)
	}
	middle.finish()
	last.finish()
}

// window is the width of the box filter for a side of n pixels, such that two
// passes cover about one of 64 cells: ceil(n/128).
func window(n int) int { return (n + 2*grid - 1) / (2 * grid) }

// sampleAt lists where a side of n pixels is sampled: the middle of each of 64
// equal cells, rounded down.
func sampleAt(n int) [grid]int {
	var at [grid]int
	for i := range at {
		at[i] = int((float64(i) + 0.5) * float64(n) / grid)
	}
	return at
}

// box writes to out the mean of in under a window of win elements around each
// place; at both ends the window is cut short. The sum is carried along.
func box(in, out []float32, win int) {
	half := (win + 2) / 2
	var sum float32
	for _, v := range in[:half-1] {
		sum += v
	}
	count := half - 1
	o := 0
	for _, v := range in[half-1 : win] {
		sum += v
		count++
		out[o] = sum / float32(count)
		o++
	}
	full := float32(win)
	leaving := in[:len(in)-win]
	outs := out[o : o+len(leaving)]
	for i, v := range in[win:] {
		sum += v
		sum -= leaving[i]
		outs[i] = sum / full
	}
	o += len(leaving)
	for _, v := range in[len(in)-win : len(in)-win+half-1] {
		sum -= v
		count--
		out[o] = sum / float32(count)
		o++
	}
}

// boxAt is [box] for the 64 places of at only, in ascending order.
func boxAt(in []float32, win int, at *[grid]int, out *[grid]float32) {
	half := (win + 2) / 2
	var sum float32
	for _, v := range in[:half-1] {
		sum += v
	}
	var (
		n     = len(in)
		o     = 0
		place = 0 // of the output that the sum stands for
	)
	emit := func(count int) {
		for ; o < grid && at[o] == place; o++ {
			out[o] = sum / float32(count)
		}
		place++
	}
	for r := half - 1; r < win; r++ {
		sum += in[r]
		emit(r + 1)
	}
	for r := win; r < n; {
		// Run to the next sampled place without asking at each step.
		stop := n
		if o < grid {
			stop = min(n, at[o]+half)
		}
		leaving := in[r-win : stop-win]
		for i, v := range in[r:stop] {
			sum += v
			sum -= leaving[i]
		}
		place += stop - r - 1
		emit(win)
		r = stop
	}
	for count := win - 1; count > win-half; count-- {
		sum -= in[n-count-1]
		emit(count)
	}
}

// columnFilter is the box filter along columns for rows that arrive one by
// one. Rows leave it in order, half a window late.
type columnFilter struct {
	win    int
	seen   int       // rows added
	out    int       // rows handed to emit
	ring   []float32 // the last win rows, row y at slot y % win
	sum    []float32 // of the rows under the window, by column
	row    []float32 // scratch handed to emit
	emit   func(y int, row []float32)
	height int
}

func newColumnFilter(width, height int, emit func(y int, row []float32)) *columnFilter {
	win := window(height)
	return &columnFilter{
		win: win, height: height, emit: emit,
		ring: make([]float32, win*width),
		sum:  make([]float32, width),
		row:  make([]float32, width),
	}
}

func (f *columnFilter) slot(y int) []float32 {
	w := len(f.sum)
	at := y % f.win * w
	return f.ring[at : at+w]
}

// add takes the next row. It copies it.
func (f *columnFilter) add(row []float32) {
	slot := f.slot(f.seen)
	f.seen++
	half := (f.win + 2) / 2
	switch {
	case f.seen < half:
		f.enter(row, slot)
	case f.seen <= f.win:
		f.enter(row, slot)
		f.write(f.seen)
	default:
		f.slide(row, slot)
	}
}

// enter adds a row to the sums while the window still grows.
func (f *columnFilter) enter(row, slot []float32) {
	sum := f.sum
	for j, v := range row {
		sum[j] += v
	}
	copy(slot, row)
}

// slide moves the full window by one row: the slot's old row leaves it.
func (f *columnFilter) slide(row, slot []float32) {
	full := float32(f.win)
	sum, out := f.sum[:len(row)], f.row[:len(row)]
	slot = slot[:len(row)]
	for j, v := range row {
		s := sum[j] + v
		s -= slot[j]
		sum[j] = s
		slot[j] = v
		out[j] = s / full
	}
	f.emit(f.out, f.row)
	f.out++
}

// finish lets the window run out at the lower edge.
func (f *columnFilter) finish() {
	half := (f.win + 2) / 2
	for i := range half - 1 {
		leaving := f.slot(f.height - f.win + i)
		for j, v := range leaving {
			f.sum[j] -= v
		}
		f.write(f.win - 1 - i)
	}
}

// write emits the means of count rows.
func (f *columnFilter) write(count int) {
	n := float32(count)
	for j, s := range f.sum {
		f.row[j] = s / n
	}
	f.emit(f.out, f.row)
	f.out++
}
