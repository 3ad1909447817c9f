package media

import (
	"encoding/binary"
	"image"
	"image/color"
)

// Numbers of libheif's interface.
const (
	heifYCbCr, heifRGB, heifGrey          = 0, 1, 2
	heif420, heif422, heif444, heifRGBA32 = 1, 2, 3, 11
)

// readHEIC decodes the primary picture of a HEIC file. The decoder applies the
// rotation, mirroring and clipping that the file asks for. Its colours are those
// of the file; 10 and 12 bits are cut to 8 by it.
func readHEIC(x *examination) error {
	l := layISO(x.data)
	if err := x.enclosed(&l); err != nil {
		return err
	}
	if l.sequence || l.pictures() > 1 {
		x.doubt = ReasonTooManyFrames // only the primary picture is decoded
	}
	i, err := x.engine.open()
	if err != nil {
		return err
	}
	defer i.close()
	d, err := x.decodeHEIC(i, &l)
	if err != nil {
		return l.explain(err)
	}
	x.ends(l.end)
	x.colour = l.conversion()
	r := newRaster(d)
	if m, ok := d.(*image.YCbCr); ok {
		r = r.through(l.coded(m, r.at))
	}
	return x.frame(0, r, 1)
}

// coded reads YCbCr as the file's nclx property tells. Without one, and where it
// says what JPEG does too (BT.601, full range), plain is right.
func (l *isoLayout) coded(m *image.YCbCr, plain func(x, y int) color.NRGBA) func(x, y int) color.NRGBA {
	if l.nclx == nil {
		return plain
	}
	full := l.nclx[6]&0x80 != 0
	kr, kb := 0.299, 0.114
	switch binary.BigEndian.Uint16(l.nclx[4:]) { // matrix coefficients, ITU-T H.273 table 4
	case 1:
		kr, kb = 0.2126, 0.0722
	case 9, 10:
		kr, kb = 0.2627, 0.0593
	default:
		if full {
			return plain
		}
	}
	black, luma, chroma := 16.0, 255.0/219, 255.0/224
	if full {
		black, luma, chroma = 0, 1, 1
	}
	return func(x, y int) color.NRGBA {
		c := m.COffset(x, y)
		v := (float64(m.Y[y*m.YStride+x]) - black) * luma
		b, r := (float64(m.Cb[c])-128)*chroma, (float64(m.Cr[c])-128)*chroma
		red, blue := v+2*(1-kr)*r, v+2*(1-kb)*b
		return color.NRGBA{R: clamp(red), G: clamp((v - kr*red - kb*blue) / (1 - kr - kb)), B: clamp(blue), A: 255}
	}
}

// clamp rounds to 8 bits.
func clamp(v float64) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// enclosed holds the sizes that the container tells against the limits, before
// a decoder sees the file.
func (x *examination) enclosed(l *isoLayout) error {
	if l.w == 0 && !l.complete {
		return failed(ReasonTruncated)
	}
	return x.begin(l.w, l.h, 1, 6*int64(l.w)*int64(l.h)+int64(len(x.data)))
}

// explain prefers "truncated" for a file whose last box is cut off.
func (l *isoLayout) explain(err error) error {
	if err == errModule && !l.complete {
		return failed(ReasonTruncated)
	}
	return err
}

// decodeHEIC asks the module twice: for the sizes, which are checked again, and
// for the picture, which stays in the instance's memory.
func (x *examination) decodeHEIC(i *instance, l *isoLayout) (image.Image, error) {
	in, err := i.put(x.data)
	if err != nil {
		return nil, err
	}
	p, err := i.reserve(5 * 4) // width, height, colour space, chroma, premultiplied
	if err != nil {
		return nil, err
	}
	decode := func(sizesOnly uint64, out uint32) error {
		ok, err := i.invoke("decode", uint64(in), uint64(len(x.data)), sizesOnly, uint64(p), uint64(p+4), uint64(p+8), uint64(p+12), uint64(p+16), uint64(out))
		if err == nil && ok == 0 {
			err = errModule
		}
		return err
	}
	if err := decode(1, 0); err != nil {
		return nil, err
	}
	v, err := i.words(p, 5)
	if err != nil {
		return nil, err
	}
	w, h := int(v[0]), int(v[1])
	pl, n, err := heicPlanes(v)
	if err != nil {
		return nil, err
	}
	if err := x.begin(w, h, 1, n+int64(len(x.data))); err != nil {
		return nil, err
	}
	if l.sequence || l.pictures() > 1 {
		x.doubt = ReasonTooManyFrames
	}
	out, err := i.room(n)
	if err != nil {
		return nil, err
	}
	if err := decode(0, out.p); err != nil {
		return nil, err
	}
	pix, err := out.bytes()
	if err != nil {
		return nil, err
	}
	return pl.picture(pix, w, h)
}

// planes say how the module lays out a picture: rows are padded to 16 bytes.
type planes struct {
	colours, ratio        int
	stride, cStride, cRow int64
	premultiplied         bool
}

// padded is the length of a row of n bytes of a plane that is w samples wide.
func padded(n, w int64) int64 { return (max(n, n/max(w, 1)*leastSide) + 15) &^ 15 }

// leastSide is what libheif makes a plane at least, whatever it holds.
const leastSide = 64

// heicPlanes computes the layout from the module's five numbers, and its length.
func heicPlanes(v []int64) (planes, int64, error) {
	w, h := v[0], v[1]
	if w <= 0 || h <= 0 || w > 1<<16 || h > 1<<16 {
		return planes{}, 0, failed(ReasonCorrupt)
	}
	p := planes{colours: int(v[2]), ratio: int(v[3]), stride: padded(w, w), cStride: padded(w, w), cRow: h, premultiplied: v[4] == 1}
	switch {
	case p.colours == heifYCbCr && p.ratio == heif420:
		p.cStride, p.cRow = padded((w+1)/2, (w+1)/2), (h+1)/2
	case p.colours == heifYCbCr && p.ratio == heif422:
		p.cStride = padded((w+1)/2, (w+1)/2)
	case p.colours == heifYCbCr && p.ratio == heif444:
	case p.colours == heifGrey:
		p.cStride, p.cRow = 0, 0
	case p.colours == heifRGB:
		p.stride, p.cStride, p.cRow = padded(4*w, w), 0, 0
	default:
		return planes{}, 0, halt{"unsupported", ReasonUnsupportedCoding}
	}
	return p, p.stride*h + 2*p.cStride*p.cRow, nil
}

// picture wraps the module's memory. A last row that was not written says that
// the coded picture is smaller than the file told.
func (p *planes) picture(b []byte, w, h int) (image.Image, error) {
	y := p.stride * int64(h)
	c := p.cStride * p.cRow
	if n := int64(len(b)); untouched(b, n-max(16, p.cStride/2), n) {
		return nil, failed(ReasonCorrupt)
	}
	rect := image.Rect(0, 0, w, h)
	switch p.colours {
	case heifGrey:
		return &image.Gray{Pix: b, Stride: int(p.stride), Rect: rect}, nil
	case heifRGB:
		if p.premultiplied {
			return &image.RGBA{Pix: b, Stride: int(p.stride), Rect: rect}, nil
		}
		return &image.NRGBA{Pix: b, Stride: int(p.stride), Rect: rect}, nil
	}
	ratio := map[int]image.YCbCrSubsampleRatio{
		heif420: image.YCbCrSubsampleRatio420, heif422: image.YCbCrSubsampleRatio422, heif444: image.YCbCrSubsampleRatio444,
	}[p.ratio]
	return &image.YCbCr{
		Y: b[:y], Cb: b[y : y+c], Cr: b[y+c : y+2*c], YStride: int(p.stride), CStride: int(p.cStride),
		SubsampleRatio: ratio, Rect: rect,
	}, nil
}
