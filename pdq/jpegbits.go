package pdq

import "encoding/binary"

// lookBits is the length of codes that one look in a table decodes.
const lookBits = 10

// huffman decodes one table's codes.
type huffman struct {
	// look holds for each start of a code its length, its symbol's low half (the
	// number of bits that follow) << 5 and its high half << 9; 0 for longer codes.
	look [1 << lookBits]uint16
	// coef holds for each start of a code of an AC coefficient that is whole
	// within it, with its bits: their number together, how far to advance << 8
	// (beyond the block at its end) and the value << 16; 0 for all others.
	coef [1 << lookBits]uint32
	// For longer codes, by length: the least code, left-aligned in 16 bits, that
	// is longer, and what to add to a code for its place among the symbols.
	limit  [18]uint32
	offset [17]int32
	values []byte
}

func entry(symbol byte, length int) uint16 {
	return uint16(length) | uint16(symbol&15)<<5 | uint16(symbol>>4)<<9
}

func newHuffman(counts *[16]byte, values []byte) (*huffman, error) {
	h := &huffman{values: values}
	code, at := uint32(0), 0
	for length := 1; length <= 16; length++ {
		n := int(counts[length-1])
		h.offset[length] = int32(at) - int32(code)
		if code+uint32(n) > 1<<length {
			return nil, damaged("Huffman table with too many codes of %d bits", length)
		}
		for range n {
			if length <= lookBits {
				first := code << (lookBits - length)
				for i := range uint32(1) << (lookBits - length) {
					h.look[first+i] = entry(values[at], length)
				}
			}
			code++
			at++
		}
		h.limit[length] = code << (16 - length)
		code <<= 1
	}
	h.limit[17] = 1 << 16
	for next, e := range h.look {
		length, size, run := int(e&31), int(e>>5&15), int(e>>9)
		switch {
		case e == 0 || length+size > lookBits || size == 0 && run == 15:
		case size == 0:
			h.coef[next] = uint32(length) | blockEnd<<8
		default:
			bits := int32(next) >> (lookBits - length - size) & (1<<size - 1)
			h.coef[next] = uint32(length+size) | uint32(run+1)<<8 | uint32(extend(bits, uint16(size)))<<16
		}
	}
	return h, nil
}

// blockEnd advances beyond the end of every block.
const blockEnd = 128

// long decodes a code of more than lookBits from the next 16 bits; 0 means that
// there is no such code.
func (h *huffman) long(next uint32) uint16 {
	for length := lookBits + 1; length <= 16; length++ {
		if next < h.limit[length] {
			at := int32(next>>(16-length)) + h.offset[length]
			if at < 0 || int(at) >= len(h.values) {
				return 0
			}
			return entry(h.values[at], length)
		}
	}
	return 0
}

// symbolAt returns the [entry] of the code at the top of acc, or 0.
func (h *huffman) symbolAt(acc uint64) uint16 {
	if e := h.look[acc>>(64-lookBits)]; e != 0 {
		return e
	}
	return h.long(uint32(acc >> 48))
}

// bitReader reads the entropy-coded bytes of a scan. Bits lie at the top of acc.
type bitReader struct {
	data   []byte
	pos    int
	acc    uint64
	n      int // of bits in acc
	padded int // of them made up after the last real one, and their total
}

// fill brings n to at least 56. Behind the last byte before a marker there are
// zeros: whoever has consumed one of them is beyond the end.
func (b *bitReader) fill() {
	if b.pos+8 <= len(b.data) {
		w := binary.BigEndian.Uint64(b.data[b.pos:])
		if x := ^w; (x-0x0101010101010101)&^x&0x8080808080808080 == 0 { // no byte is 0xff
			b.acc |= w >> (b.n & 63)
			b.pos += (63 - b.n) >> 3
			b.n |= 56
			return
		}
	}
	for b.n <= 56 {
		c := uint64(0)
		switch {
		case b.pos < len(b.data) && b.data[b.pos] != 0xff:
			c = uint64(b.data[b.pos])
			b.pos++
		case b.pos+1 < len(b.data) && b.data[b.pos+1] == 0:
			c = 0xff
			b.pos += 2
		default:
			b.padded += 8
		}
		b.acc |= c << (56 - b.n)
		b.n += 8
	}
}

// overrun says whether bits were used that are not there.
func (b *bitReader) overrun() bool { return b.padded > b.n }

// bits returns the next count bits, up to 16.
func (b *bitReader) bits(count int) int32 {
	if b.n < 16 {
		b.fill()
	}
	v := int32(b.acc >> (64 - count))
	b.acc <<= count
	b.n -= count
	return v
}

// symbol returns the [entry] of the next code, which it consumes, or 0.
func (b *bitReader) symbol(h *huffman) uint16 {
	if b.n < 32 {
		b.fill()
	}
	e := h.symbolAt(b.acc)
	b.acc <<= e & 31
	b.n -= int(e & 31)
	return e
}

// extend gives the number that size bits stand for.
func extend(v int32, size uint16) int32 {
	if v < 1<<(size-1) {
		v += -1<<size + 1
	}
	return v
}

// nextInterval passes the restart marker number n (modulo 8).
func (b *bitReader) nextInterval(n int) error {
	if b.overrun() {
		return damaged("cut in a scan")
	}
	// Filling may stand before the marker. Unread bytes may not.
	at := b.pos
	for at+1 < len(b.data) && b.data[at] == 0xff && b.data[at+1] == 0xff {
		at++
	}
	if b.n-b.padded >= 8 || at+1 >= len(b.data) || b.data[at] != 0xff || b.data[at+1] != byte(rst0+n&7) {
		return damaged("no restart marker")
	}
	*b = bitReader{data: b.data, pos: at + 2}
	return nil
}
