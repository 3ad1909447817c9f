package media

import (
	"bytes"
	"encoding/binary"
	"image/color"
	"math"
	"slices"
)

// readAVIF decodes an AVIF picture, or every frame of an AVIF sequence. A
// sequence usually has a still picture too, which viewers without animation
// show: it is hashed as frame 0.
func readAVIF(x *examination) error {
	l := layISO(x.data)
	if err := x.enclosed(&l); err != nil {
		return err
	}
	first := 0
	if still := asStill(x.data, &l); still != nil {
		// A sequence whose still picture cannot be decoded may still play.
		if err := x.readAVIF(still, &l, 0); err == nil {
			first = 1
		}
	}
	if err := x.readAVIF(x.data, &l, first); err != nil {
		return l.explain(err)
	}
	x.ends(l.end)
	return nil
}

// asStill is a sequence with its first brand changed to that of a still picture,
// by which the decoder chooses what to decode; nil if there are not both.
func asStill(data []byte, l *isoLayout) []byte {
	if !l.sequence || l.primary == 0 || len(l.brands) == 0 || l.brands[0] != "avis" {
		return nil
	}
	out := bytes.Clone(data)
	copy(out[8:12], "avif")
	return out
}

// avifFrames is what one call of the module gave.
type avifFrames struct {
	w, h, depth int
	pix         []byte
	decoded     []bool
}

// readAVIF hashes what the module makes of data, with indices from first.
func (x *examination) readAVIF(data []byte, l *isoLayout, first int) error {
	i, err := x.engine.open()
	if err != nil {
		return err
	}
	defer i.close()
	f, err := x.decodeAVIF(i, data, l, first)
	if err != nil {
		return err
	}
	x.colour = l.conversion()
	for k := range f.decoded {
		if !x.more(first + k) {
			break
		}
		if !f.decoded[k] {
			if !l.complete {
				return failed(ReasonTruncated)
			}
			return failed(ReasonCorrupt)
		}
		if err := x.frame(first+k, f.raster(k), l.turn); err != nil {
			return err
		}
	}
	return nil
}

func (x *examination) decodeAVIF(i *instance, data []byte, l *isoLayout, first int) (avifFrames, error) {
	in, err := i.put(data)
	if err != nil {
		return avifFrames{}, err
	}
	p, err := i.reserve(4 * 4) // width, height, depth, count
	if err != nil {
		return avifFrames{}, err
	}
	decode := func(sizesOnly, all uint64, delays, out uint32) error {
		ok, err := i.invoke("decode", uint64(in), uint64(len(data)), sizesOnly, all, uint64(p), uint64(p+4), uint64(p+8), uint64(p+12), uint64(delays), uint64(out))
		if err == nil && ok == 0 {
			err = errModule
		}
		return err
	}
	if err := decode(1, 0, 0, 0); err != nil {
		return avifFrames{}, err
	}
	v, err := i.words(p, 4)
	if err != nil {
		return avifFrames{}, err
	}
	f := avifFrames{w: int(v[0]), h: int(v[1]), depth: int(v[2])}
	size := 4 * v[0] * v[1]
	if f.depth > 8 {
		size *= 2
	}
	count := int(min(v[3], math.MaxInt32))
	if err := x.begin(f.w, f.h, first+count, size+int64(len(data))); err != nil {
		return avifFrames{}, err
	}
	if l.sequence && first == 0 && !slices.Contains(l.brands[:min(1, len(l.brands))], "avis") || !l.sequence && l.pictures() > 1 {
		x.doubt = ReasonTooManyFrames // there is more in the file than this decodes
	}
	// The module decodes either one frame or all of them.
	n, all := max(1, count), uint64(1)
	if x.toRead < first+count || size*int64(n) > int64(x.engine.limit)/2 {
		n, all, x.doubt = 1, 0, ReasonTooManyFrames
		x.toRead = first + 1
	}
	delays, err := i.room(8 * int64(n))
	if err != nil {
		return avifFrames{}, err
	}
	out, err := i.room(size * int64(n))
	if err != nil {
		return avifFrames{}, err
	}
	if err := decode(0, all, delays.p, out.p); err != nil {
		return avifFrames{}, err
	}
	told, err := delays.bytes()
	if err != nil {
		return avifFrames{}, err
	}
	if f.pix, err = out.bytes(); err != nil {
		return avifFrames{}, err
	}
	// The module does not say where decoding stopped; but it writes the duration
	// of each frame that it decoded.
	for k := range n {
		f.decoded = append(f.decoded, !untouched(told, 8*int64(k), 8*int64(k+1)))
	}
	return f, nil
}

// raster is one of the frames: premultiplied RGBA of 8 or 16 bits.
func (f *avifFrames) raster(k int) raster {
	r := raster{w: f.w, h: f.h}
	if f.depth > 8 {
		size := 8 * f.w * f.h
		pix := f.pix[k*size : (k+1)*size]
		r.at = func(x, y int) color.NRGBA {
			p := pix[8*(y*f.w+x):]
			c := func(i int) uint16 { return binary.LittleEndian.Uint16(p[i:]) }
			return straight(color.RGBA64{R: c(0), G: c(2), B: c(4), A: c(6)})
		}
		return r
	}
	size := 4 * f.w * f.h
	pix := f.pix[k*size : (k+1)*size]
	r.at = func(x, y int) color.NRGBA {
		p := pix[4*(y*f.w+x):]
		if p[3] == 255 {
			return color.NRGBA{R: p[0], G: p[1], B: p[2], A: 255}
		}
		return straight(color.RGBA{R: p[0], G: p[1], B: p[2], A: p[3]})
	}
	return r
}
