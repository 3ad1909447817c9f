package media

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/webp"
)

// webpFrame is a still picture in a WebP file: the whole of it, or one frame.
type webpFrame struct {
	x, y, w, h   int
	clear        bool   // afterwards
	over         bool   // composite with alpha, not replace
	alpha, image []byte // whole chunks ALPH and VP8 or VP8L
}

// webpLayout is what the chunks of a WebP file tell (RFC 9649).
type webpLayout struct {
	w, h        int // of the canvas; 0 without a VP8X chunk
	still       webpFrame
	frames      []webpFrame
	animated    bool
	orientation int
	end         int
	complete    bool // the file is as long as it says
	colour      *conversion
}

// readWebP decodes a still WebP or every frame of an animated one.
func readWebP(x *examination) error {
	l := layWebP(x.data)
	if !l.animated {
		l.frames = []webpFrame{l.still}
	}
	if len(l.frames) == 0 || l.frames[0].image == nil {
		if !l.complete {
			return failed(ReasonTruncated)
		}
		return failed(ReasonCorrupt)
	}
	if l.w == 0 {
		c, err := webp.DecodeConfig(bytes.NewReader(l.frames[0].clipped().wrap()))
		if err != nil {
			return l.explain(err)
		}
		l.w, l.h = c.Width, c.Height
		l.frames[0].w, l.frames[0].h = c.Width, c.Height
	}
	if err := x.begin(l.w, l.h, len(l.frames), webpMemory(l)); err != nil {
		return err
	}
	if !l.complete {
		x.doubt = ReasonTruncated
	}
	x.ends(l.end)
	x.colour = l.colour
	if l.animated {
		return l.animate(x)
	}
	img, err := webp.Decode(bytes.NewReader(l.frames[0].wrap()))
	if err != nil {
		return x.salvage(0, l.frames[0].visible(x.lim.MaxBytes), l.orientation, l.damage(err))
	}
	return x.frame(0, newRaster(img), l.orientation)
}

// damage is the reason for an error of the decoder.
func (l *webpLayout) damage(err error) string {
	if !l.complete {
		return ReasonTruncated
	}
	_, reason := explain(err)
	return reason
}

// explain prefers "truncated" for a file that is shorter than it says.
func (l *webpLayout) explain(err error) error {
	if !l.complete {
		return failed(ReasonTruncated)
	}
	return err
}

// webpMemory estimates what decoding a frame takes: VP8 a plane and two
// quarters, VP8L four bytes for each pixel twice, alpha like VP8L; and the
// canvas.
func webpMemory(l webpLayout) int64 {
	area := int64(l.w) * int64(l.h)
	if l.animated {
		return 16 * area
	}
	if l.still.alpha == nil && bytes.HasPrefix(l.still.image, []byte("VP8 ")) {
		return 2 * area
	}
	return 10 * area
}

func (l *webpLayout) animate(x *examination) error {
	s := newStage(l.w, l.h)
	for i, f := range l.frames {
		if !x.more(i) {
			break
		}
		if err := x.fits(f.w, f.h, 0); err != nil {
			return err
		}
		img, err := webp.Decode(bytes.NewReader(f.wrap()))
		reason := ""
		if err != nil {
			reason = l.damage(err)
			if img = f.visible(x.lim.MaxBytes); img == nil {
				return failed(reason)
			}
		}
		s.draw(img, image.Pt(f.x, f.y), f.over)
		if reason != "" {
			return x.salvage(i, s.canvas, l.orientation, reason)
		}
		if err := x.frame(i, newRaster(s.canvas), l.orientation); err != nil {
			return err
		}
		if f.clear {
			s.clear(image.Rect(f.x, f.y, f.x+f.w, f.y+f.h))
		}
	}
	return nil
}

// wrap makes a still WebP file of a frame.
func (f *webpFrame) wrap() []byte {
	var body []byte
	if f.alpha != nil {
		body = append(body, "VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"...)
		body = append(body, byte(f.w-1), byte((f.w-1)>>8), byte((f.w-1)>>16))
		body = append(body, byte(f.h-1), byte((f.h-1)>>8), byte((f.h-1)>>16))
		body = append(body, f.alpha...)
	}
	body = append(body, f.image...)
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(4+len(body)))
	return append(append(out, "WEBP"...), body...)
}

func layWebP(data []byte) webpLayout {
	l := webpLayout{orientation: 1, end: len(data)}
	if len(data) < 12 {
		return l
	}
	if size := int64(binary.LittleEndian.Uint32(data[4:])) + 8; size <= int64(len(data)) {
		l.end, l.complete = int(size), size >= 12
	}
	body := data[min(12, l.end):l.end]
	if !eachChunk(body, l.chunk) {
		l.complete = false
	}
	return l
}

// eachChunk calls f with the whole chunk and its contents; it reports false if
// the last one is cut off.
func eachChunk(b []byte, f func(kind string, whole, body []byte)) bool {
	for len(b) >= 8 {
		n := int64(binary.LittleEndian.Uint32(b[4:]))
		padded := 8 + n + n&1
		if 8+n > int64(len(b)) {
			// Let the decoder see what there is; it must find the early end.
			f(string(b[:4]), b, b[8:])
			return false
		}
		padded = min(padded, int64(len(b)))
		f(string(b[:4]), b[:padded], b[8:8+n])
		b = b[padded:]
	}
	return len(b) == 0
}

func (l *webpLayout) chunk(kind string, whole, body []byte) {
	switch kind {
	case "VP8X":
		if len(body) >= 10 && l.w == 0 {
			l.animated = body[0]&2 != 0
			l.w, l.h = uint24(body[4:])+1, uint24(body[7:])+1
			l.still.w, l.still.h = l.w, l.h
		}
	case "ICCP":
		l.colour = iccConversion(body)
	case "EXIF":
		l.orientation = exifOrientation(body)
	case "ANMF":
		if len(body) < 16 || !l.animated {
			return
		}
		f := webpFrame{
			x: 2 * uint24(body), y: 2 * uint24(body[3:]), w: uint24(body[6:]) + 1, h: uint24(body[9:]) + 1,
			clear: body[15]&1 != 0, over: body[15]&2 == 0,
		}
		eachChunk(body[16:], f.part)
		l.frames = append(l.frames, f)
	default:
		l.still.part(kind, whole, body)
	}
}

// part takes the first chunk of each kind.
func (f *webpFrame) part(kind string, whole, _ []byte) {
	switch {
	case kind == "ALPH" && f.alpha == nil && f.image == nil:
		f.alpha = whole
	case (kind == "VP8 " || kind == "VP8L") && f.image == nil:
		f.image = whole
		if kind == "VP8L" {
			f.alpha = nil // it has its own
		}
	}
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
