package pdq

// downsample blurs the picture and takes 64×64 samples of the result: a box
// filter along the rows, along the columns, along the rows and along the
// columns again, so that each sample is a weighted mean under a tent.
//
// It works on a few rows at a time. Each output of a filter is the quotient of
// a running sum, and for bit-exactness every sum takes the same additions and
// subtractions in the same order as in the reference, which walks whole rows
// and columns. Of the last two filters only the sampled columns are ever read,
// so only those are computed.
func downsample(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32) {
	var (
		win   = window(width)
		luma  = newLanes(width)
		first = newLanes(width) // luma after the first filter along rows
		blur  = newLanes(width) // and after the one along columns
		cols  = sampleAt(width)
		rows  = sampleAt(height)
		picks [lanes][grid]float32 // after the last row filter, at the sampled columns
		ready int                  // rows in blur
		next  int                  // the first of rows that is still to come
	)
	last := newColumnFilter(grid, height, func(y int, out []float32) {
		// Several samples fall on one row when the picture is under 64 high.
		for ; next < grid && rows[next] == y; next++ {
			copy(samples[next*grid:], out)
		}
	})
	flush := func() {
		boxAt(&blur, win, &cols, &picks)
		for i := range ready {
			last.add(picks[i][:])
		}
		ready = 0
	}
	middle := newColumnFilter(width, height, func(_ int, out []float32) {
		copy(blur[ready], out)
		if ready++; ready == lanes {
			flush()
		}
	})
	for y := 0; y < height; y += lanes {
		n := min(lanes, height-y)
		for i := range n {
			row(y+i, luma[i])
		}
		box(&luma, &first, win)
		for i := range n {
			middle.add(first[i])
		}
	}
	middle.finish()
	flush()
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
	sum, out := f.sum[:len(row)], f.row[:len(row)]
	slot = slot[:len(row)]
	for j, v := range row {
		s := sum[j] + v
		s -= slot[j]
		sum[j] = s
		slot[j] = v
		out[j] = s
	}
	divide(out, f.win)
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
