package pdq

// The inner loops of the fast path. No product is fused with an addition, so
// that every architecture and every kernel gives the same bits.

// scale writes w × row to acc.
func scale(acc, row []float32, w float32) {
	acc = acc[:len(row)]
	for len(row) >= 4 && len(acc) >= 4 {
		acc[0] = w * row[0]
		acc[1] = w * row[1]
		acc[2] = w * row[2]
		acc[3] = w * row[3]
		acc, row = acc[4:], row[4:]
	}
	for i, v := range row {
		if i < len(acc) {
			acc[i] = w * v
		}
	}
}

// addScaled adds w × row to acc.
func addScaled(acc, row []float32, w float32) {
	acc = acc[:len(row)]
	for len(row) >= 8 && len(acc) >= 8 {
		acc[0] += float32(w * row[0])
		acc[1] += float32(w * row[1])
		acc[2] += float32(w * row[2])
		acc[3] += float32(w * row[3])
		acc[4] += float32(w * row[4])
		acc[5] += float32(w * row[5])
		acc[6] += float32(w * row[6])
		acc[7] += float32(w * row[7])
		acc, row = acc[8:], row[8:]
	}
	for i, v := range row {
		if i < len(acc) {
			acc[i] += float32(w * v)
		}
	}
}

// dot is the inner product in four interleaved sums.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += float32(a[0] * b[0])
		s1 += float32(a[1] * b[1])
		s2 += float32(a[2] * b[2])
		s3 += float32(a[3] * b[3])
		a, b = a[4:], b[4:]
	}
	for i, v := range a {
		if i < len(b) {
			s0 += float32(v * b[i])
		}
	}
	return (s0 + s1) + (s2 + s3)
}
