package media

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// pngFrame is one frame of an animated PNG (the fcTL chunk of the PNG
// specification, third edition, and the image data that follows it).
type pngFrame struct {
	w, h, x, y     int
	dispose, blend byte
	data           [][]byte // deflated, in pieces
}

// pngLayout is what the chunks of a PNG file tell.
type pngLayout struct {
	header      []byte // the 13 bytes of IHDR
	shared      []byte // chunks that every frame needs: palette, transparency
	still       pngFrame
	frames      []pngFrame // of the animation
	stillFirst  bool       // the default picture is the first frame
	animated    bool
	orientation int
	end         int
	complete    bool // there is an IEND
	broken      bool // a chunk that is needed has a wrong checksum
	colour      *conversion
}

// readPNG decodes a PNG or every frame of an animated one. The default picture
// of an animation that is not part of it is what tools without animation show,
// so it is hashed too, as frame 0.
func readPNG(x *examination) error {
	l := layPNG(x.data)
	if l.header == nil {
		return failed(ReasonTruncated)
	}
	w := int(binary.BigEndian.Uint32(l.header) & 0x7fffffff)
	h := int(binary.BigEndian.Uint32(l.header[4:]) & 0x7fffffff)
	l.still.w, l.still.h = w, h
	frames := l.frames
	if !l.stillFirst {
		frames = append([]pngFrame{l.still}, frames...)
	}
	need := pngMemory(l.header, w, h)
	if len(frames) > 1 {
		need += 8 * int64(w) * int64(h) // the canvas and its saved copy
	}
	if err := x.begin(w, h, len(frames), need); err != nil {
		return err
	}
	if !l.complete {
		x.doubt = ReasonTruncated
	}
	if l.broken {
		x.doubt = ReasonCorrupt
	}
	x.ends(l.end)
	x.colour = l.colour
	if len(frames) == 1 {
		return l.readStill(x, frames[0])
	}
	return l.animate(x, frames)
}

func (l *pngLayout) readStill(x *examination, f pngFrame) error {
	img, err := l.decode(f)
	if err != nil {
		return x.salvage(0, l.restPNG(f), l.orientation, l.damage(err))
	}
	return x.frame(0, newRaster(img), l.orientation)
}

// damage is the reason for an error of the decoder. Data that end too early are
// not always called so by it.
func (l *pngLayout) damage(err error) string {
	switch {
	case l.broken:
		return ReasonCorrupt
	case !l.complete, truncation(err):
		return ReasonTruncated
	}
	_, reason := explain(err)
	return reason
}

// pngMemory estimates what decoding takes from the header: the picture in the
// type that the decoder makes, half as much again when interlaced.
func pngMemory(header []byte, w, h int) int64 {
	bytes := int64(4)
	depth, kind := header[8], header[9]
	switch {
	case depth == 16:
		bytes = 8
	case kind == 0 || kind == 3:
		bytes = 2 // grey of up to 8 bits, palette; room for transparency
	}
	n := bytes * int64(w) * int64(h)
	if header[12] != 0 {
		n += n / 2
	}
	return n
}

// decode makes a still PNG of a frame and decodes that.
func (l *pngLayout) decode(f pngFrame) (image.Image, error) {
	if len(f.data) == 0 {
		return nil, failed(ReasonTruncated)
	}
	b := l.head(f)
	for _, piece := range f.data {
		b = appendChunk(b, "IDAT", piece)
	}
	b = appendChunk(b, "IEND", nil)
	return png.Decode(bytes.NewReader(b))
}

// head is the beginning of a still PNG of a frame, up to the image data.
func (l *pngLayout) head(f pngFrame) []byte {
	header := bytes.Clone(l.header)
	binary.BigEndian.PutUint32(header, uint32(f.w))
	binary.BigEndian.PutUint32(header[4:], uint32(f.h))
	b := appendChunk([]byte(pngMagic), "IHDR", header)
	return append(b, l.shared...)
}

func appendChunk(b []byte, kind string, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	start := len(b)
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start:]))
}

// animate plays the frames on a canvas of the size of the picture.
func (l *pngLayout) animate(x *examination, frames []pngFrame) error {
	s := newStage(x.rep.Width, x.rep.Height)
	first := 0 // the frame that starts the animation
	if !l.stillFirst {
		first = 1
	}
	for i, f := range frames {
		if !x.more(i) {
			break
		}
		if err := x.fits(f.w, f.h, 0); err != nil {
			return err
		}
		img, err := l.decode(f)
		reason := ""
		if err != nil {
			reason = l.damage(err)
			if img = l.restPNG(f); img == nil {
				return failed(reason)
			}
			if i < first {
				return x.salvage(i, img, l.orientation, reason)
			}
		}
		if i < first {
			if err := x.frame(i, newRaster(img), l.orientation); err != nil {
				return err
			}
			continue
		}
		if f.dispose == 2 {
			s.save()
		}
		s.draw(img, image.Pt(f.x, f.y), f.blend == 1)
		if reason != "" {
			return x.salvage(i, s.canvas, l.orientation, reason)
		}
		if err := x.frame(i, newRaster(s.canvas), l.orientation); err != nil {
			return err
		}
		switch f.dispose {
		case 1:
			s.clear(image.Rect(f.x, f.y, f.x+f.w, f.y+f.h))
		case 2:
			s.restore()
		}
	}
	return nil
}

// layPNG walks over the chunks. Checksums of what is used are written anew by
// decode, so a chunk with a wrong one counts as damage here.
func layPNG(data []byte) pngLayout {
	l := pngLayout{orientation: 1, end: len(data)}
	at := len(pngMagic)
	for at+12 <= len(data) {
		n := int(binary.BigEndian.Uint32(data[at:]))
		if n < 0 || n > len(data)-at-12 {
			l.clipped(string(data[at+4:at+8]), data[at+8:])
			return l
		}
		kind, body := string(data[at+4:at+8]), data[at+8:at+8+n]
		sum := binary.BigEndian.Uint32(data[at+8+n:])
		if sum != crc32.ChecksumIEEE(data[at+4:at+8+n]) && kind[0]&0x20 == 0 {
			l.broken = true
			l.clipped(kind, body)
			return l
		}
		at += 12 + n
		if kind == "IEND" {
			l.end, l.complete = at, true
			return l
		}
		l.chunk(kind, body)
	}
	return l
}

// clipped takes the last chunk of a truncated file as far as it goes, so that
// the decoder reports the early end.
func (l *pngLayout) clipped(kind string, body []byte) {
	if kind == "IDAT" || kind == "fdAT" {
		l.chunk(kind, body)
	}
}

func (l *pngLayout) chunk(kind string, body []byte) {
	switch kind {
	case "IHDR":
		if len(body) == 13 && l.header == nil {
			l.header = body
		}
	case "PLTE", "tRNS":
		l.shared = appendChunk(l.shared, kind, body)
	case "acTL":
		l.animated = len(l.still.data) == 0 // else it comes too late to count
	case "cICP":
		if len(body) == 4 {
			l.colour = nclxConversion(int(body[0]), int(body[1]))
		}
	case "iCCP":
		if _, packed, ok := bytes.Cut(body, []byte{0, 0}); ok && l.colour == nil {
			l.colour = iccConversion(inflated(packed)) // a name ends in 0, 0 is the method
		}
	case "eXIf":
		l.orientation = exifOrientation(body)
	case "fcTL":
		l.control(body)
	case "IDAT":
		l.still.data = append(l.still.data, body)
		if l.stillFirst {
			l.frames[0].data = l.still.data
		}
	case "fdAT":
		if n := len(l.frames); n > 0 && len(body) >= 4 {
			l.frames[n-1].data = append(l.frames[n-1].data, body[4:])
		}
	}
}

func (l *pngLayout) control(b []byte) {
	if !l.animated || len(b) != 26 {
		return
	}
	field := func(i int) int { return int(binary.BigEndian.Uint32(b[i:]) & 0x7fffffff) }
	if len(l.frames) == 0 {
		l.stillFirst = len(l.still.data) == 0
	}
	l.frames = append(l.frames, pngFrame{
		w: field(4), h: field(8), x: field(12), y: field(16), dispose: b[24], blend: b[25],
	})
}
