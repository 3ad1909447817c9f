package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"io"
)

// gifFrame is one picture of a GIF file.
type gifFrame struct {
	rect     image.Rectangle
	dispose  byte   // 2: clear the rectangle afterwards, 3: undo the frame
	control  []byte // the graphic control extension before it, if any
	data     []byte // from the image descriptor to the end of its blocks
	complete bool
}

// gifLayout is what the blocks of a GIF file tell.
type gifLayout struct {
	head     []byte // signature, screen descriptor and global palette
	w, h     int
	frames   []gifFrame // as far as they may be decoded
	total    int
	end      int
	complete bool // there is a trailer
}

// readGIF decodes the frames one at a time, so that memory does not grow with
// their number, and composites them as browsers do.
func readGIF(x *examination) error {
	l := layGIF(x.data, x.lim.MaxFrames)
	if len(l.frames) == 0 {
		if l.complete {
			return failed(ReasonCorrupt)
		}
		return failed(ReasonTruncated)
	}
	if l.w == 0 || l.h == 0 {
		l.w, l.h = l.frames[0].rect.Max.X, l.frames[0].rect.Max.Y
	}
	if err := x.begin(l.w, l.h, l.total, 8*int64(l.w)*int64(l.h)); err != nil {
		return err
	}
	if !l.complete {
		x.doubt = ReasonTruncated
	}
	x.ends(l.end)
	s := newStage(l.w, l.h)
	for i, f := range l.frames {
		if !x.more(i) {
			break
		}
		if err := l.play(x, s, i, f); err != nil {
			return err
		}
	}
	return nil
}

func (l *gifLayout) play(x *examination, s *stage, index int, f gifFrame) error {
	size := f.rect.Size()
	if err := x.fits(size.X, size.Y, int64(size.X)*int64(size.Y)+8*int64(l.w)*int64(l.h)); err != nil {
		return err
	}
	img, err := l.decode(f)
	reason := ""
	if err != nil {
		reason = ReasonCorrupt
		if !f.complete || truncation(err) {
			reason = ReasonTruncated
		}
		if img = l.restGIF(f); img == nil {
			return failed(reason)
		}
	}
	if f.dispose == 3 {
		s.save()
	}
	s.draw(img, f.rect.Min, true)
	if reason != "" {
		return x.salvage(index, s.canvas, 1, reason)
	}
	if err := x.frame(index, newRaster(s.canvas), 1); err != nil {
		return err
	}
	switch f.dispose {
	case 2:
		s.clear(f.rect)
	case 3:
		s.restore()
	}
	return nil
}

// decode makes a GIF of one frame and decodes that. The screen is made large
// enough for the frame, which in real files may stick out of it.
func (l *gifLayout) decode(f gifFrame) (image.Image, error) {
	head := bytes.Clone(l.head)
	binary.LittleEndian.PutUint16(head[6:], uint16(min(f.rect.Max.X, 0xffff)))
	binary.LittleEndian.PutUint16(head[8:], uint16(min(f.rect.Max.Y, 0xffff)))
	return gif.Decode(io.MultiReader(bytes.NewReader(head), bytes.NewReader(f.control),
		bytes.NewReader(f.data), bytes.NewReader([]byte{0x3b})))
}

// tableSize is the length of the palette that a packed field announces.
func tableSize(packed byte) int {
	if packed&0x80 == 0 {
		return 0
	}
	return 3 << (packed&7 + 1)
}

// layGIF walks over the blocks (GIF89a specification). It keeps at most most
// frames and counts the others.
func layGIF(data []byte, most int) gifLayout {
	l := gifLayout{end: len(data)}
	if len(data) < 13 || len(data) < 13+tableSize(data[10]) {
		return l
	}
	l.w, l.h = int(binary.LittleEndian.Uint16(data[6:])), int(binary.LittleEndian.Uint16(data[8:]))
	at := 13 + tableSize(data[10])
	l.head = data[:at]
	var control []byte
	for at < len(data) {
		switch data[at] {
		case 0x3b:
			l.end, l.complete = at+1, true
			return l
		case 0x21:
			next, ok := skipBlocks(data, at+2)
			if !ok {
				return l
			}
			if data[at+1] == 0xf9 {
				control = data[at:next]
			}
			at = next
		case 0x2c:
			f, next := layFrame(data, at, control)
			if f.data == nil {
				return l
			}
			l.total++
			if len(l.frames) < most {
				l.frames = append(l.frames, f)
			}
			at, control = next, nil
		default:
			return l
		}
	}
	return l
}

// layFrame reads the image descriptor at a place and finds the end of its
// data. The frame's data is nil if the descriptor itself is cut off.
func layFrame(data []byte, at int, control []byte) (f gifFrame, next int) {
	if at+10 > len(data) {
		return f, len(data)
	}
	field := func(i int) int { return int(binary.LittleEndian.Uint16(data[at+i:])) }
	f.rect = image.Rect(field(1), field(3), field(1)+field(5), field(3)+field(7))
	f.control = control
	if len(control) > 3 {
		f.dispose = control[3] >> 2 & 7
	}
	start := at + 10 + tableSize(data[at+9]) + 1 // past the palette and the code size
	next, f.complete = skipBlocks(data, start)
	f.data = data[at:next]
	return f, next
}

// skipBlocks returns the place after a chain of sub-blocks; it reports false
// and the end of the data if the chain is cut off.
func skipBlocks(data []byte, at int) (int, bool) {
	for at < len(data) {
		n := int(data[at])
		at += 1 + n
		if n == 0 {
			return at, true
		}
	}
	return len(data), false
}
