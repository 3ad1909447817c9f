package pdq

import "math/bits"

// maxScans is the most scans that are read: encoders write about ten.
const maxScans = 100

// jpegScan is one scan under way.
type jpegScan struct {
	bitReader
	d              *jpegDecoder
	parts          []scanPart
	ss, se, ah, al int
	run            int // blocks to come that the code for the end of a band left empty
	rows           [4]jpegRow

	at    [64]uint8 // the coefficients of a block: their zigzag places
	value [64]int32
}

type scanPart struct {
	comp   int
	dc, ac *huffman
	last   int32 // DC
}

// jpegStore keeps the luma coefficients of a progressive file.
type jpegStore struct {
	across, down int // blocks
	blocks       [][64]int16
	present      []uint64 // by block: which are not 0
}

// scan reads a scan's header and then the scan.
func (d *jpegDecoder) scan(s []byte) error {
	if d.comps == nil {
		return damaged("scan before the frame")
	}
	if len(s) < 1 || s[0] < 1 || int(s[0]) > len(d.comps) || len(s) != 4+2*int(s[0]) {
		return damaged("scan header of %d bytes", len(s))
	}
	if d.scans++; d.scans > maxScans {
		return variety("more than %d scans", maxScans)
	}
	n := int(s[0])
	c := jpegScan{
		bitReader: bitReader{data: d.data, pos: d.pos}, d: d,
		ss: int(s[1+2*n]), se: int(s[2+2*n]), ah: int(s[3+2*n] >> 4), al: int(s[3+2*n] & 15),
	}
	if !d.progressive {
		c.ss, c.se, c.ah, c.al = 0, 63, 0, 0 // what stands there has no meaning
	} else if c.se > 63 || c.ss > c.se || c.al > 13 || c.ss == 0 && c.se != 0 || c.ss > 0 && n > 1 || c.ah > 0 && c.al != c.ah-1 {
		return damaged("scan of coefficients %d to %d, bits %d to %d", c.ss, c.se, c.ah, c.al)
	}
	luma := false
	for i := range n {
		id, tables := s[1+2*i], s[2+2*i]
		at := -1
		for j := range d.comps {
			if d.comps[j].id == id {
				at = j
			}
		}
		if at < 0 || i > 0 && at <= c.parts[i-1].comp || tables>>4 > 3 || tables&15 > 3 {
			return damaged("scan of unknown components or tables")
		}
		p := scanPart{comp: at, dc: d.dc[tables>>4], ac: d.ac[tables&15]}
		if c.ss == 0 && c.ah == 0 && p.dc == nil || c.se > 0 && p.ac == nil {
			return damaged("scan without its Huffman tables")
		}
		luma = luma || at == 0
		c.parts = append(c.parts, p)
	}
	if !luma {
		if d.rgb() {
			return variety("RGB")
		}
		// What is not luma need not be read. The search for the next marker must
		// only pass over restarts, as it does.
		return nil
	}
	if err := d.begin(&c); err != nil {
		return err
	}
	return c.decode()
}

// begin gets ready for a scan of luma.
func (d *jpegDecoder) begin(c *jpegScan) error {
	lumas := &d.comps[0]
	if !d.lumaed {
		if c.ss != 0 || c.ah != 0 {
			return damaged("a refinement before what it refines")
		}
		if d.rgb() { // not before: the marker that says so may follow the frame
			return variety("RGB")
		}
		q := d.quant[lumas.table]
		if q == nil {
			return damaged("no quantisation table")
		}
		d.lumaed, d.steps = true, *q
		across, down := d.across*lumas.h, d.down*lumas.v
		d.fold = newJPEGFold(d.width, d.height, across)
		if d.progressive {
			d.store = &jpegStore{across: across, down: down, blocks: make([][64]int16, across*down), present: make([]uint64, across*down)}
		}
	} else if !d.progressive {
		return damaged("luma twice")
	}
	return nil
}

// decode reads the scan's blocks.
func (c *jpegScan) decode() error {
	d := c.d
	across, down, h, v := d.across, d.down, d.comps[0].h, d.comps[0].v
	if len(c.parts) == 1 {
		// The blocks of a lone component come in its own order, without those
		// that only fill a group.
		across, down, h, v = (d.width+7)/8, (d.height+7)/8, 1, 1
	}
	left, intervals := d.restart, 0
	for y := range down {
		if !d.progressive {
			for i := range v {
				d.fold.row(&c.rows[i], 8*(y*v+i), &d.steps)
			}
		}
		for x := range across {
			if d.restart > 0 {
				if left == 0 {
					if err := c.nextInterval(intervals); err != nil {
						return err
					}
					intervals++
					left, c.run = d.restart, 0
					for i := range c.parts {
						c.parts[i].last = 0
					}
				}
				left--
			}
			for i := range c.parts {
				p := &c.parts[i]
				ph, pv := h, v
				if p.comp != 0 {
					ph, pv = d.comps[p.comp].h, d.comps[p.comp].v
				}
				for j := range ph * pv {
					if !c.block(p, x*ph+j%ph, y*pv+j/ph, j/ph) {
						return damaged("no such code, or too many coefficients")
					}
				}
			}
			if c.overrun() {
				return damaged("cut in a scan")
			}
		}
		if !d.progressive {
			d.fold.close(8 * v * (y + 1))
		}
	}
	if !d.progressive {
		d.fold.close(1 << 30)
	}
	// The next marker is where reading stopped, or after stray bytes.
	d.pos = min(c.pos, len(d.data))
	return nil
}

// block reads block (x, y) of a component, which is in row i of its group. It
// reports whether it is valid.
func (c *jpegScan) block(p *scanPart, x, y, i int) bool {
	switch {
	case !c.d.progressive && p.comp == 0:
		n, ok := c.sequential(p)
		c.rows[i].add(x, &c.at, &c.value, n)
		return ok
	case !c.d.progressive:
		return c.skip(p)
	case c.ss == 0:
		return c.progressiveDC(p, x, y)
	}
	s := c.d.store
	at := y*s.across + x
	if c.ah == 0 {
		return c.firstAC(p.ac, &s.blocks[at], &s.present[at])
	}
	return c.refineAC(p.ac, &s.blocks[at], &s.present[at])
}

// difference reads a DC coefficient's difference from the one before.
func (c *jpegScan) difference(h *huffman) (int32, bool) {
	e := c.symbol(h)
	size := e >> 5 & 15
	if e == 0 || e>>9 != 0 {
		return 0, false
	}
	if size == 0 {
		return 0, true
	}
	return extend(c.bits(int(size)), size), true
}

// sequential reads a whole block into at and value and returns their number.
func (c *jpegScan) sequential(p *scanPart) (int, bool) {
	diff, ok := c.difference(p.dc)
	if !ok {
		return 0, false
	}
	p.last += diff
	c.at[0], c.value[0] = 0, p.last
	n := 1
	acc, left, h := c.acc, c.n, p.ac
	for k := 0; ; {
		if left < 32 {
			c.acc, c.n = acc, left
			c.fill()
			acc, left = c.acc, c.n
		}
		if e := h.coef[acc>>(64-lookBits)]; e != 0 {
			acc <<= e & 31
			left -= int(e & 31)
			if k += int(e >> 8 & 255); k > 63 {
				if k < blockEnd {
					return 0, false
				}
				break
			}
			c.at[n&63], c.value[n&63] = uint8(k), int32(e)>>16
		} else {
			e := h.symbolAt(acc)
			length, size, run := int(e&31), int(e>>5&15), int(e>>9)
			acc <<= length & 63
			left -= length
			if k += run + 1; size == 0 {
				if e == 0 {
					return 0, false
				}
				if run != 15 || k > 62 {
					break
				}
				continue
			}
			if k > 63 {
				return 0, false
			}
			c.at[n&63], c.value[n&63] = uint8(k), extend(int32(acc>>((64-size)&63)), uint16(size))
			acc <<= size & 63
			left -= size
		}
		if n++; k == 63 {
			break
		}
	}
	c.acc, c.n = acc, left
	return n, true
}

// skip reads a block and forgets it.
func (c *jpegScan) skip(p *scanPart) bool {
	if _, ok := c.difference(p.dc); !ok {
		return false
	}
	acc, left, h := c.acc, c.n, p.ac
	for k := 0; k < 63; {
		if left < 32 {
			c.acc, c.n = acc, left
			c.fill()
			acc, left = c.acc, c.n
		}
		if e := h.coef[acc>>(64-lookBits)]; e != 0 {
			acc <<= e & 31
			left -= int(e & 31)
			if k += int(e >> 8 & 255); k > 63 && k < blockEnd {
				return false
			}
			continue
		}
		e := h.symbolAt(acc)
		total, empty, run := int(e&31+e>>5&15), e>>5&15 == 0, int(e>>9)
		acc <<= total & 63
		left -= total
		if k += run + 1; e == 0 || k > 63 && !empty {
			return false
		}
		if empty && run != 15 {
			break
		}
	}
	c.acc, c.n = acc, left
	return true
}

// progressiveDC reads one block of a scan of DC coefficients.
func (c *jpegScan) progressiveDC(p *scanPart, x, y int) bool {
	if c.ah > 0 {
		if bit := c.bits(1); p.comp == 0 {
			s := c.d.store
			at := y*s.across + x
			s.blocks[at][0] |= int16(bit << c.al)
			s.present[at] |= 1
		}
		return true
	}
	diff, ok := c.difference(p.dc)
	p.last += diff
	if p.comp == 0 {
		s := c.d.store
		at := y*s.across + x
		s.blocks[at][0] = int16(p.last << c.al)
		s.present[at] |= 1
	}
	return ok
}

// endOfBand reads the number of blocks that a code with this run ends, this one
// included.
func (c *jpegScan) endOfBand(run int) int {
	n := 1 << run
	if run > 0 {
		n += int(c.bits(run))
	}
	return n
}

// firstAC reads the first bits of coefficients ss to se.
func (c *jpegScan) firstAC(h *huffman, block *[64]int16, present *uint64) bool {
	if c.run > 0 {
		c.run--
		return true
	}
	for k := c.ss; k <= c.se; k++ {
		e := c.symbol(h)
		if e == 0 {
			return false
		}
		size, run := e>>5&15, int(e>>9)
		if size == 0 {
			if run != 15 {
				c.run = c.endOfBand(run) - 1
				return true
			}
			k += 15
			continue
		}
		if k += run; k > c.se {
			return false
		}
		block[k&63] = int16(extend(c.bits(int(size)), size) << c.al)
		*present |= 1 << k
	}
	return true
}

// refineAC reads one more bit of coefficients ss to se (ITU-T T.81, G.1.2.3).
func (c *jpegScan) refineAC(h *huffman, block *[64]int16, present *uint64) bool {
	k := c.ss
	for c.run == 0 && k <= c.se {
		e := c.symbol(h)
		if e == 0 {
			return false
		}
		size, run, fresh := e>>5&15, int(e>>9), int16(0)
		switch {
		case size > 1:
			return false
		case size == 1:
			fresh = int16(-1 << c.al)
			if c.bits(1) == 1 {
				fresh = 1 << c.al
			}
		case run != 15:
			c.run = c.endOfBand(run)
			continue
		}
		// Pass run coefficients that are still 0, refining the others.
		k = c.refine(block, *present, k, run)
		if fresh != 0 {
			if k > c.se {
				return false
			}
			block[k&63] = fresh
			*present |= 1 << k
		}
		k++
	}
	if c.run > 0 {
		c.run--
		c.refine(block, *present, k, -1)
	}
	return true
}

// refine refines the coefficients from k on that are not 0, up to the zero
// after the first zeros zeros, or the end of the band if there are fewer or
// zeros is negative. It returns where it stopped.
func (c *jpegScan) refine(block *[64]int16, present uint64, k, zeros int) int {
	from, stop := ^uint64(0)<<(k&63), c.se+1
	if k > c.se {
		return k
	}
	if zeros >= 0 {
		free := ^present & from
		for range zeros {
			free &= free - 1
		}
		stop = min(stop, bits.TrailingZeros64(free))
	}
	step := int16(1) << c.al
	acc, left := c.acc, c.n
	for m := present & from & (1<<stop - 1); m != 0; m &= m - 1 {
		if left == 0 {
			c.acc, c.n = acc, left
			c.fill()
			acc, left = c.acc, c.n
		}
		if int64(acc) < 0 {
			v := &block[bits.TrailingZeros64(m)&63]
			if *v&step == 0 {
				if *v >= 0 {
					*v += step
				} else {
					*v -= step
				}
			}
		}
		acc <<= 1
		left--
	}
	c.acc, c.n = acc, left
	return stop
}

// foldStore folds a progressive file once all its scans are read.
func (d *jpegDecoder) foldStore() {
	var (
		r     jpegRow
		at    [64]uint8
		value [64]int32
		s     = d.store
	)
	for y := range s.down {
		d.fold.row(&r, 8*y, &d.steps)
		for x := range s.across {
			n := 0
			for left := s.present[y*s.across+x]; left != 0; left &= left - 1 {
				k := bits.TrailingZeros64(left)
				at[n&63], value[n&63] = uint8(k), int32(s.blocks[y*s.across+x][k&63])
				n++
			}
			r.add(x, &at, &value, n)
		}
		d.fold.close(8 * (y + 1))
	}
	d.fold.close(1 << 30)
}
