package pdq

// The row filters as the reference writes them, one row at a time: the oracle
// for those of filter.go and row.go.

func downsamplePlainly(width, height int, row func(y int, luma []float32), samples *[grid * grid]float32) {
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
		plainBoxAt(out, win, &cols, &picks)
		last.add(picks[:])
	})
	for y := range height {
		row(y, luma)
		plainBox(luma, first, win)
		middle.add(first)
	}
	middle.finish()
	last.finish()
}

// plainBox writes to out the mean of in under a window of win elements around each
// place; at both ends the window is cut short. The sum is carried along.
func plainBox(in, out []float32, win int) {
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

// plainBoxAt is [plainBox] for the 64 places of at only, in ascending order.
func plainBoxAt(in []float32, win int, at *[grid]int, out *[grid]float32) {
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
