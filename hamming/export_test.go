package hamming

// NewSmall makes an index that merges all the time, always uses its tables, and
// has these in several ranges.
func NewSmall() *Index {
	x := New()
	x.tuning = tuning{delta: 200, bits: 13}
	return x
}

// Kernels lists the names of what this machine can run.
func Kernels() []string {
	var names []string
	for _, k := range kernels() {
		names = append(names, k.name)
	}
	return names
}

// UseKernel changes the kernel of an index that nothing searches.
func (x *Index) UseKernel(name string) {
	for _, k := range kernels() {
		if k.name == name {
			x.kernel = k
		}
	}
}

// UseFlat has an index that nothing searches scan its segments.
func (x *Index) UseFlat() { x.tuning.flatPerProbe = 1 << 40 }

// UseTables undoes UseFlat.
func (x *Index) UseTables() { x.tuning.flatPerProbe = 16 }

// UseSmallRanges has new segments divide their positions in ranges.
func (x *Index) UseSmallRanges() { x.tuning.bits = 13 }

// Postings is how many keys the tables of the segments list.
func (x *Index) Postings() int {
	n := 0
	for _, s := range x.parts.Load().segments {
		n += s.shape.postings
	}
	return n
}
