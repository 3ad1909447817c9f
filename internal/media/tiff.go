package media

import (
	"io"

	"golang.org/x/image/tiff"
)

// readTIFF decodes every page of a TIFF file: each is a directory in a chain.
func readTIFF(x *examination) error {
	pages, orientation, complete := layTIFF(x.data, x.lim.MaxFrames)
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

// layTIFF finds the directories. It reports false if the chain leaves the file
// or runs in a circle.
func layTIFF(data []byte, most int) (pages []uint32, orientation []int, complete bool) {
	order, at, ok := tiffHeader(data)
	if !ok {
		return nil, nil, false
	}
	seen := map[uint32]bool{}
	for at != 0 && len(pages) <= most {
		entries, next, ok := directory(data, order, at)
		if !ok || seen[at] {
			return pages, orientation, false
		}
		seen[at] = true
		pages = append(pages, at)
		orientation = append(orientation, orientationOf(entries, order))
		at = next
	}
	return pages, orientation, true
}

// page is the file with the offset of its first directory changed, so that the
// decoder, which reads only the first page, reads another.
type page struct {
	data []byte
	at   uint32
	read int64
}

func (p *page) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(p.data)) {
		return 0, io.EOF
	}
	n := copy(b, p.data[off:])
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
