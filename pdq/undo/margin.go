package undo

// trim finds the part of the plane within its plain margins: rows and columns
// at the edge which are all but one shade. It returns the whole if there are
// none or if next to nothing would be left.
func (p Plane) trim() box {
	b := p.whole()
	for {
		before := b
		for b.h() > 1 && p.plainRow(b, b.y0, p.rowShade(before, before.y0)) {
			b.y0++
		}
		for b.h() > 1 && p.plainRow(b, b.y1-1, p.rowShade(before, before.y1-1)) {
			b.y1--
		}
		before.y0, before.y1 = b.y0, b.y1
		for b.w() > 1 && p.plainColumn(b, b.x0, p.columnShade(before, before.x0)) {
			b.x0++
		}
		for b.w() > 1 && p.plainColumn(b, b.x1-1, p.columnShade(before, before.x1-1)) {
			b.x1--
		}
		if b == before {
			break
		}
	}
	return p.orWhole(b)
}

// orWhole is b unless next to nothing would be left.
func (p Plane) orWhole(b box) box {
	if b.w() < p.W/5 || b.h() < p.H/5 {
		return p.whole()
	}
	return b
}

// even makes margins on opposite sides, of which the picture's own plain edge
// may have become a part on one, as wide as the narrower.
func (p Plane) even(b box) box {
	mx, my := min(b.x0, p.W-b.x1), min(b.y0, p.H-b.y1)
	return box{mx, my, p.W - mx, p.H - my}
}

// panel finds a picture that stands on a plain page with other things beside
// it, as on a screenshot: the longest run of rows, and in it of columns, which
// are not mostly the shade of the page.
func (p Plane) panel() box {
	b := p.whole()
	page := p.page()
	b.y0, b.y1 = longest(p.H, func(y int) bool { return mostly(p.Pix[y*p.W:], 1, p.W, page) })
	b.x0, b.x1 = longest(p.W, func(x int) bool { return mostly(p.Pix[b.y0*p.W+x:], p.W, b.h(), page) })
	if b.h() == 0 || b.w() == 0 {
		return p.whole()
	}
	return p.orWhole(b)
}

// page is the most frequent shade along the edge of the plane.
func (p Plane) page() int {
	var count [256]int
	for x := range p.W {
		count[p.Pix[x]]++
		count[p.Pix[(p.H-1)*p.W+x]]++
	}
	for y := range p.H {
		count[p.Pix[y*p.W]]++
		count[p.Pix[y*p.W+p.W-1]]++
	}
	best := 0
	for v, n := range count {
		if n > count[best] {
			best = v
		}
	}
	return best
}

// longest is the longest run of indices below n that are not page.
func longest(n int, page func(int) bool) (from, to int) {
	start := 0
	for i := 0; i <= n; i++ {
		if i < n && !page(i) {
			continue
		}
		if i-start > to-from {
			from, to = start, i
		}
		start = i + 1
	}
	return from, to
}

// mostly reports whether half of the values are within pageStep of shade.
func mostly(pix []uint8, step, n, shade int) bool {
	same := 0
	for i := range n {
		if d := int(pix[i*step]) - shade; d <= pageStep && d >= -pageStep {
			same++
		}
	}
	return 2*same >= n
}

const (
	pageStep  = 4  // shades that a page may be off
	plainStep = 12 // shades that a pixel of a margin may be off, after lossy coding
	plainPart = 50 // one pixel in so many of a margin may be off by more
)

func (p Plane) rowShade(b box, y int) int    { return middle(p.Pix[y*p.W+b.x0:], 1, b.w()) }
func (p Plane) columnShade(b box, x int) int { return middle(p.Pix[b.y0*p.W+x:], p.W, b.h()) }

// middle is the median of n values a step apart.
func middle(pix []uint8, step, n int) int {
	var count [256]int
	for i := range n {
		count[pix[i*step]]++
	}
	sum, v := 0, 0
	for ; v < 255; v++ {
		if sum += count[v]; 2*sum >= n {
			break
		}
	}
	return v
}

func (p Plane) plainRow(b box, y, shade int) bool {
	return plain(p.Pix[y*p.W+b.x0:], 1, b.w(), shade)
}

func (p Plane) plainColumn(b box, x, shade int) bool {
	return plain(p.Pix[b.y0*p.W+x:], p.W, b.h(), shade)
}

func plain(pix []uint8, stride, n, shade int) bool {
	off := 0
	for i := range n {
		if d := int(pix[i*stride]) - shade; d > plainStep || d < -plainStep {
			off++
		}
	}
	return off*plainPart <= n
}
