package pdq

// lanes is how many rows are filtered together. Each row's sum is a chain of
// additions that wait for each other; four chains keep the processor busy.
// Filters of a last, shorter group run over what is left from the one before.
const lanes = 4

func newLanes(width int) [lanes][]float32 {
	var l [lanes][]float32
	for i := range l {
		l[i] = make([]float32, width)
	}
	return l
}

// box writes to out the mean of in under a window of win elements around each
// place, in each lane; at both ends the window is cut short. The sum is carried
// along.
func box(in, out *[lanes][]float32, win int) {
	half := (win + 2) / 2
	n := len(in[0])
	var sums [lanes]float32
	for l := range lanes {
		sums[l] = boxHead(in[l], out[l], win)
	}
	o := win - half + 1
	slide(in, out, &sums, win, o)
	for l := range lanes {
		divide(out[l][o:o+n-win], win)
		boxTail(in[l], out[l], win, sums[l])
	}
}

// boxHead lets the window grow to win elements.
func boxHead(in, out []float32, win int) float32 {
	half := (win + 2) / 2
	var sum float32
	for r, v := range in[:win] {
		sum += v
		if r >= half-1 {
			out[r-half+1] = sum / float32(r+1)
		}
	}
	return sum
}

// slide moves the full window along, writing the sums to out from place o on.
func slide(in, out *[lanes][]float32, sums *[lanes]float32, win, o int) {
	n := len(in[0]) - win
	s0, s1, s2, s3 := sums[0], sums[1], sums[2], sums[3]
	in0, in1, in2, in3 := in[0][win:][:n], in[1][win:][:n], in[2][win:][:n], in[3][win:][:n]
	go0, go1, go2, go3 := in[0][:n], in[1][:n], in[2][:n], in[3][:n]
	out0, out1, out2, out3 := out[0][o:][:n], out[1][o:][:n], out[2][o:][:n], out[3][o:][:n]
	for i := range n {
		s0 += in0[i]
		s1 += in1[i]
		s2 += in2[i]
		s3 += in3[i]
		s0 -= go0[i]
		s1 -= go1[i]
		s2 -= go2[i]
		s3 -= go3[i]
		out0[i], out1[i], out2[i], out3[i] = s0, s1, s2, s3
	}
	*sums = [lanes]float32{s0, s1, s2, s3}
}

// boxTail lets the window run out.
func boxTail(in, out []float32, win int, sum float32) {
	half := (win + 2) / 2
	n := len(in)
	for i := range half - 1 {
		sum -= in[n-win+i]
		out[n-half+1+i] = sum / float32(win-1-i)
	}
}

// divide replaces sums by means. The reciprocal of a power of two is exact, and
// so is the quotient that it gives.
func divide(row []float32, count int) {
	full := float32(count)
	switch {
	case count == 1:
	case count&(count-1) == 0:
		inverse := 1 / full
		for i := range row {
			row[i] *= inverse
		}
	default:
		for i := range row {
			row[i] /= full
		}
	}
}

// boxAt is [box] for the 64 places of at only, in ascending order.
func boxAt(in *[lanes][]float32, win int, at *[grid]int, out *[lanes][grid]float32) {
	var (
		half  = (win + 2) / 2
		n     = len(in[0])
		sums  [lanes]float32
		o     = 0
		place = 1 - half // of the output that the sums stand for, once win or fewer are in
	)
	emit := func(count int) {
		for ; o < grid && at[o] == place; o++ {
			for l, s := range sums {
				out[l][o] = s / float32(count)
			}
		}
		place++
	}
	for r := range win {
		for l := range sums {
			sums[l] += in[l][r]
		}
		emit(r + 1)
	}
	for r := win; r < n; {
		// Run to the next sampled place without asking at each step.
		stop := n
		if o < grid {
			stop = min(n, at[o]+half)
		}
		glide(in, &sums, win, r, stop)
		place += stop - r - 1
		emit(win)
		r = stop
	}
	for count := win - 1; count > win-half; count-- {
		for l := range sums {
			sums[l] -= in[l][n-count-1]
		}
		emit(count)
	}
}

// glide is [slide] without output, over elements from to stop-1.
func glide(in *[lanes][]float32, sums *[lanes]float32, win, from, stop int) {
	n := stop - from
	s0, s1, s2, s3 := sums[0], sums[1], sums[2], sums[3]
	in0, in1, in2, in3 := in[0][from:][:n], in[1][from:][:n], in[2][from:][:n], in[3][from:][:n]
	go0, go1, go2, go3 := in[0][from-win:][:n], in[1][from-win:][:n], in[2][from-win:][:n], in[3][from-win:][:n]
	for i := range n {
		s0 += in0[i]
		s1 += in1[i]
		s2 += in2[i]
		s3 += in3[i]
		s0 -= go0[i]
		s1 -= go1[i]
		s2 -= go2[i]
		s3 -= go3[i]
	}
	*sums = [lanes]float32{s0, s1, s2, s3}
}
