package media

import (
	"encoding/binary"
	"io"
	"math"

	"golang.org/x/image/tiff"
)

// TIFF tags that say where the pixels are.
const (
	tagStripOffsets = 273
	tagStripLengths = 279
	tagTileOffsets  = 324
	tagTileLengths  = 325
)

// readTIFF decodes every page of a TIFF file: each is a directory in a chain.
func readTIFF(x *examination) error {
	pages, orientation, end := layTIFF(x.data, x.lim.MaxFrames)
	complete := end <= int64(len(x.data))
	if len(pages) == 0 {
		return failed(ReasonTruncated)
	}
	w, h, err := x.sizeTIFF(pages)
	if err != nil {
		return err
	}
	if err := x.begin(w, h, len(pages), 8*int64(w)*int64(h)); err != nil {
		return err
	}
	if !complete {
		x.doubt = ReasonTruncated
	}
	for i, at := range pages {
		if !x.more(i) {
			break
		}
		img, err := tiff.Decode(&page{data: x.data, at: at})
		if err != nil && !complete && end <= x.lim.MaxBytes {
			forget()
			if img, err = tiff.Decode(&page{data: x.data, at: at, size: end}); err != nil {
				return failed(ReasonTruncated)
			}
			return x.salvage(i, img, orientation[i], ReasonTruncated)
		}
		if err != nil {
			return err
		}
		if err := x.frame(i, newRaster(img), orientation[i]); err != nil {
			return err
		}
	}
	return nil
}

// sizeTIFF is the larger of the pages' sides.
func (x *examination) sizeTIFF(pages []uint32) (w, h int, err error) {
	for i, at := range pages {
		c, err := tiff.DecodeConfig(&page{data: x.data, at: at})
		if err != nil && i == 0 {
			return 0, 0, err
		}
		w, h = max(w, c.Width), max(h, c.Height)
	}
	return w, h, nil
}

// layTIFF finds the directories, and the end of what they point to: more than
// the length of the data if the chain leaves the file or runs in a circle.
func layTIFF(data []byte, most int) (pages []uint32, orientation []int, end int64) {
	order, at, ok := tiffHeader(data)
	if !ok {
		return nil, nil, math.MaxInt64
	}
	seen := map[uint32]bool{}
	for at != 0 && len(pages) <= most {
		entries, next, ok := directory(data, order, at)
		if !ok || seen[at] {
			return pages, orientation, math.MaxInt64
		}
		seen[at] = true
		pages = append(pages, at)
		orientation = append(orientation, orientationOf(entries, order))
		end = max(end, extent(data, order, entries))
		at = next
	}
	return pages, orientation, end
}

// extent is the end of what a page's directory points to: values that do not
// fit into it, and the pixels.
func extent(data []byte, order binary.ByteOrder, entries []entry) int64 {
	var end int64
	lists := map[uint16][]uint32{} // offsets and lengths of strips and tiles
	for _, e := range entries {
		size := int64(e.count) * kindSize(e.kind)
		at, value := int64(order.Uint32(e.value)), e.value
		if size > int64(len(value)) {
			end = max(end, at+size)
			value = data[min(at, int64(len(data))):min(at+size, int64(len(data)))]
		}
		switch e.tag {
		case tagStripOffsets, tagStripLengths, tagTileOffsets, tagTileLengths:
			lists[e.tag] = numbers(value, e.kind, int64(e.count), order)
		}
	}
	for _, tags := range [][2]uint16{{tagStripOffsets, tagStripLengths}, {tagTileOffsets, tagTileLengths}} {
		offsets, lengths := lists[tags[0]], lists[tags[1]]
		for i := range min(len(offsets), len(lengths)) {
			end = max(end, int64(offsets[i])+int64(lengths[i]))
		}
	}
	return end
}

// kindSize is the size of one value of a TIFF field type.
func kindSize(kind uint16) int64 {
	switch kind {
	case 3, 8: // SHORT, SSHORT
		return 2
	case 4, 9, 11: // LONG, SLONG, FLOAT
		return 4
	case 5, 10, 12: // RATIONAL, SRATIONAL, DOUBLE
		return 8
	}
	return 1
}

// numbers reads as many of count SHORTs or LONGs as there are.
func numbers(b []byte, kind uint16, count int64, order binary.ByteOrder) []uint32 {
	size := kindSize(kind)
	count = min(count, int64(len(b))/size)
	var out []uint32
	for i := range count {
		switch size {
		case 2:
			out = append(out, uint32(order.Uint16(b[2*i:])))
		case 4:
			out = append(out, order.Uint32(b[4*i:]))
		}
	}
	return out
}

// page is the file with the offset of its first directory changed, so that the
// decoder, which reads only the first page, reads another.
type page struct {
	data []byte
	at   uint32
	size int64 // if more than the data: zeros follow
	read int64
}

func (p *page) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= max(int64(len(p.data)), p.size) {
		return 0, io.EOF
	}
	n := copy(b, p.data[min(off, int64(len(p.data))):])
	if more := min(p.size-off, int64(len(b))); more > int64(n) {
		clear(b[n:more])
		n = int(more)
	}
	var offset [4]byte
	if order, _, ok := tiffHeader(p.data); ok {
		order.PutUint32(offset[:], p.at)
		for i, v := range offset {
			if at := 4 + int64(i) - off; at >= 0 && at < int64(n) {
				b[at] = v
			}
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (p *page) Read(b []byte) (int, error) {
	n, err := p.ReadAt(b, p.read)
	p.read += int64(n)
	return n, err
}
