package media

import (
	"encoding/binary"
	"image/color"
)

// readJXL decodes a JPEG XL picture or every frame of an animation. The decoder
// applies the orientation and composites the frames.
func readJXL(x *examination) error {
	code, l := jxlCodestream(x.data)
	w, h, ok := jxlSize(code)
	if !ok {
		if !l.complete || len(code) < jxlHead {
			return failed(ReasonTruncated)
		}
		return failed(ReasonCorrupt)
	}
	if err := x.begin(w, h, 1, 8*int64(w)*int64(h)+int64(len(x.data))); err != nil {
		return err
	}
	count, err := x.countJXL()
	if err != nil {
		return l.explain(err)
	}
	return l.explain(x.playJXL(count))
}

// mostFrames bounds the frames that an animation may have to be looked at.
const mostFrames = 1 << 20

// call runs the module on the file. delays takes the durations of the frames,
// out their pixels.
func (x *examination) callJXL(i *instance, sizesOnly, all uint64, delays, out uint32) (v []int64, err error) {
	in, err := i.put(x.data)
	if err != nil {
		return nil, err
	}
	p, err := i.reserve(4 * 4) // width, height, depth, count
	if err != nil {
		return nil, err
	}
	ok, err := i.invoke("decode", uint64(in), uint64(len(x.data)), sizesOnly, all, uint64(p), uint64(p+4), uint64(p+8), uint64(p+12), uint64(delays), uint64(out))
	if err == nil && ok == 0 {
		err = errModule
	}
	if err != nil {
		return nil, err
	}
	return i.words(p, 4)
}

// countJXL asks for the sizes and the number of frames. The module writes the
// durations of frames even then, without a bound: it gets room for as many as
// the file can have bytes, and an instance of its own.
func (x *examination) countJXL() ([]int64, error) {
	i, err := x.engine.open()
	if err != nil {
		return nil, err
	}
	defer i.close()
	delays, err := i.room(4 * int64(min(len(x.data), mostFrames)))
	if err != nil {
		return nil, err
	}
	v, err := x.callJXL(i, 1, 0, delays.p, 0)
	if err != nil {
		return nil, err
	}
	if v[3] < 1 || v[3] > mostFrames {
		return nil, failed(ReasonCorrupt)
	}
	_, err = delays.bytes()
	return v, err
}

// playJXL decodes with the sizes that countJXL gave.
func (x *examination) playJXL(v []int64) error {
	w, h, count := int(v[0]), int(v[1]), int(v[3])
	wide := v[2] == 16
	size := 4 * v[0] * v[1]
	if wide {
		size *= 2
	}
	if err := x.begin(w, h, count, size+int64(len(x.data))); err != nil {
		return err
	}
	n, all := count, uint64(1)
	if x.toRead < count || size*int64(count) > int64(x.engine.limit)/2 {
		n, all, x.doubt = 1, 0, ReasonTooManyFrames
		x.toRead = 1
	}
	i, err := x.engine.open()
	if err != nil {
		return err
	}
	defer i.close()
	delays, err := i.room(4 * int64(count))
	if err != nil {
		return err
	}
	out, err := i.room(size * int64(n))
	if err != nil {
		return err
	}
	got, err := x.callJXL(i, 0, all, delays.p, out.p)
	if err != nil {
		return err
	}
	if got[0] != v[0] || got[1] != v[1] || got[3] < int64(n) {
		return failed(ReasonCorrupt)
	}
	pix, err := out.bytes()
	if err != nil {
		return err
	}
	for k := range n {
		if !x.more(k) {
			break
		}
		if err := x.frame(k, jxlRaster(pix[int64(k)*size:int64(k+1)*size], w, h, wide), 1); err != nil {
			return err
		}
	}
	return nil
}

// jxlRaster reads straight RGBA of 8 bits, or of 16, big-endian.
func jxlRaster(pix []byte, w, h int, wide bool) raster {
	r := raster{w: w, h: h}
	if wide {
		r.at = func(x, y int) color.NRGBA {
			p := pix[8*(y*w+x):]
			c := func(i int) uint8 { return narrow(binary.BigEndian.Uint16(p[i:])) }
			return color.NRGBA{R: c(0), G: c(2), B: c(4), A: c(6)}
		}
		return r
	}
	r.at = func(x, y int) color.NRGBA {
		p := pix[4*(y*w+x):]
		return color.NRGBA{R: p[0], G: p[1], B: p[2], A: p[3]}
	}
	return r
}

// jxlCodestream finds the first bytes of the codestream, in a container or bare.
func jxlCodestream(data []byte) ([]byte, isoLayout) {
	l := isoLayout{end: len(data), complete: true}
	if len(data) >= 2 && data[0] == 0xff && data[1] == 0x0a {
		return data, l
	}
	var code []byte
	l.end, l.complete = eachBox(data, func(b isoBox) {
		switch {
		case len(code) >= jxlHead:
		case b.kind == "jxlc":
			code = append(code, b.body[:min(len(b.body), jxlHead)]...)
		case b.kind == "jxlp": // a part; a number precedes it
			part := after(b.body, 4)
			code = append(code, part[:min(len(part), jxlHead)]...)
		}
	})
	return code, l
}

// jxlHead is enough of a codestream to hold its sizes.
const jxlHead = 12

// jxlSize reads the SizeHeader of a codestream (ISO/IEC 18181-1): fields of a
// few bits, the lowest first.
func jxlSize(b []byte) (w, h int, ok bool) {
	if len(b) < jxlHead || b[0] != 0xff || b[1] != 0x0a {
		return 0, 0, false
	}
	bits := binary.LittleEndian.Uint64(b[2:])
	more := uint64(binary.LittleEndian.Uint16(b[10:]))
	used := 0
	take := func(n int) int {
		v := bits & (1<<n - 1)
		bits = bits>>n | more<<(64-n)
		more >>= n
		used += n
		return int(v)
	}
	small := take(1) == 1
	side := func() int {
		if small {
			return 8 * (take(5) + 1)
		}
		return take([4]int{9, 13, 18, 30}[take(2)]) + 1
	}
	h = side()
	switch ratio := take(3); ratio {
	case 0:
		w = side()
	default:
		r := [8][2]int{{}, {1, 1}, {12, 10}, {4, 3}, {3, 2}, {16, 9}, {5, 4}, {2, 1}}[ratio]
		w = int(int64(h) * int64(r[0]) / int64(r[1]))
	}
	return w, h, true
}
