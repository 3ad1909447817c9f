package media

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image/color"
	"io"
	"math"
)

// conversion turns the colours of a picture into sRGB: a curve for each channel
// to linear light, a matrix, the curve of sRGB. What lies outside sRGB is cut
// off, as on a screen that shows no more.
type conversion struct {
	linear [3][256]float64
	matrix [3][3]float64
}

// through converts one colour.
func (c *conversion) through(p color.NRGBA) color.NRGBA {
	r, g, b := c.linear[0][p.R], c.linear[1][p.G], c.linear[2][p.B]
	out := func(m *[3]float64) uint8 { return srgbByte(m[0]*r + m[1]*g + m[2]*b) }
	return color.NRGBA{R: out(&c.matrix[0]), G: out(&c.matrix[1]), B: out(&c.matrix[2]), A: p.A}
}

// converted is the picture in sRGB.
func (r raster) converted(c *conversion) raster {
	at := r.at
	return r.through(func(x, y int) color.NRGBA { return c.through(at(x, y)) })
}

// srgbTable is the curve of sRGB (IEC 61966-2-1) at 4096 places.
var srgbTable = func() (t [4097]uint8) {
	for i := range t {
		v := float64(i) / 4096
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		t[i] = uint8(255*v + 0.5)
	}
	return t
}()

func srgbByte(v float64) uint8 { return srgbTable[int(min(max(v, 0), 1)*4096+0.5)] }

func srgbCurve(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

// matters is c, or nil if it changes hardly anything: most profiles are sRGB.
func (c *conversion) matters() *conversion {
	const step, slack = 51, 3
	for i := range 216 {
		p := color.NRGBA{R: uint8(i % 6 * step), G: uint8(i / 6 % 6 * step), B: uint8(i / 36 * step), A: 255}
		q := c.through(p)
		for _, d := range [3]int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B)} {
			if d > slack || d < -slack {
				return c
			}
		}
	}
	return nil
}

// fromD50 is linear sRGB from the XYZ of profiles, which is relative to D50
// (Bradford adaptation of the primaries of ITU-R BT.709).
var fromD50 = [3][3]float64{
	{3.1338561, -1.6168667, -0.4906146},
	{-0.9787684, 1.9161415, 0.0334540},
	{0.0719453, -0.2289914, 1.4052427},
}

// iccConversion reads a profile made of a matrix and three curves (ICC.1:2010),
// as those of displays and cameras are. It is nil for profiles of other kinds,
// for damaged ones, and for sRGB: such a picture is taken as it is.
func iccConversion(b []byte) *conversion {
	if len(b) < 132 || string(b[16:20]) != "RGB " || string(b[20:24]) != "XYZ " {
		return nil
	}
	tags := map[string][]byte{}
	for i := range min(int64(binary.BigEndian.Uint32(b[128:])), 100) {
		at := 132 + 12*i
		if at+12 > int64(len(b)) {
			return nil
		}
		e := b[at:]
		off, n := int64(binary.BigEndian.Uint32(e[4:])), int64(binary.BigEndian.Uint32(e[8:]))
		if off+n <= int64(len(b)) {
			tags[string(e[:4])] = b[off : off+n]
		}
	}
	var c conversion
	var primaries [3][3]float64 // columns are the XYZ of red, green, blue
	for i, name := range []string{"r", "g", "b"} {
		xyz := tags[name+"XYZ"]
		if len(xyz) < 20 || !iccCurve(tags[name+"TRC"], &c.linear[i]) {
			return nil
		}
		for k := range 3 {
			primaries[k][i] = fixed(xyz[8+4*k:])
		}
	}
	for i := range 3 {
		for j := range 3 {
			for k := range 3 {
				c.matrix[i][j] += fromD50[i][k] * primaries[k][j]
			}
		}
	}
	return c.matters()
}

// fixed is a number with 16 bits behind the point.
func fixed(b []byte) float64 { return float64(int32(binary.BigEndian.Uint32(b))) / 65536 }

// iccCurve fills a table with a curve of type curv or para.
func iccCurve(b []byte, out *[256]float64) bool {
	if len(b) < 12 {
		return false
	}
	switch string(b[:4]) {
	case "curv":
		n := int64(binary.BigEndian.Uint32(b[8:]))
		if n > 65536 || int64(len(b)) < 12+2*n {
			return false
		}
		point := func(i int64) float64 { return float64(binary.BigEndian.Uint16(b[12+2*i:])) }
		for v := range out {
			x := float64(v) / 255
			switch n {
			case 0:
				out[v] = x
			case 1:
				out[v] = math.Pow(x, point(0)/256)
			default:
				at := x * float64(n-1)
				i := min(int64(at), n-2)
				out[v] = (point(i) + (at-float64(i))*(point(i+1)-point(i))) / 65535
			}
		}
		return true
	case "para":
		kind := int(binary.BigEndian.Uint16(b[8:]))
		if kind > 4 || len(b) < 12+4*[5]int{1, 3, 4, 5, 7}[kind] {
			return false
		}
		var p [7]float64 // g a b c d e f
		for i := range [5]int{1, 3, 4, 5, 7}[kind] {
			p[i] = fixed(b[12+4*i:])
		}
		for v := range out {
			out[v] = parametric(kind, p, float64(v)/255)
		}
		return true
	}
	return false
}

func parametric(kind int, p [7]float64, x float64) float64 {
	g, a, b, c, d, e, f := p[0], p[1], p[2], p[3], p[4], p[5], p[6]
	power := func(v float64) float64 { return math.Pow(max(v, 0), g) }
	var y float64
	switch {
	case kind == 0:
		y = power(x)
	case kind == 1 && a*x+b >= 0:
		y = power(a*x + b)
	case kind == 1:
		y = 0
	case kind == 2 && a*x+b >= 0:
		y = power(a*x+b) + c
	case kind == 2:
		y = c
	case x >= d:
		y = power(a*x+b) + e // e is 0 for kind 3
	default:
		y = c*x + f
	}
	if math.IsNaN(y) {
		return 0
	}
	return min(max(y, 0), 1)
}

// nclxConversion converts from what ITU-T H.273 calls the colour primaries and
// the transfer characteristics; nil where that is sRGB or not known.
func nclxConversion(primaries, transfer int) *conversion {
	c := conversion{matrix: [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}}
	switch primaries {
	case 9: // BT.2020
		c.matrix = [3][3]float64{{1.6604910, -0.5876411, -0.0728499}, {-0.1245505, 1.1328999, -0.0083494}, {-0.0181508, -0.1005789, 1.1187297}}
	case 11, 12: // P3
		c.matrix = [3][3]float64{{1.2249401, -0.2249404, 0}, {-0.0420569, 1.0420571, 0}, {-0.0196376, -0.0786361, 1.0982735}}
	}
	curve := srgbCurve // what pictures marked as video (BT.709 and kin) are shown with, too
	switch transfer {
	case 4:
		curve = func(v float64) float64 { return math.Pow(v, 2.2) }
	case 8:
		curve = func(v float64) float64 { return v }
	case 16:
		curve = perceptual
	case 18:
		curve = hybrid
	}
	for i := range 3 {
		for v := range 256 {
			c.linear[i][v] = curve(float64(v) / 255)
		}
	}
	return c.matters()
}

// perceptual is the PQ curve of SMPTE ST 2084, with white at the 203 cd/m² of
// ITU-R BT.2408.
func perceptual(v float64) float64 {
	const m1, m2, c1, c2, c3 = 2610.0 / 16384, 2523.0 / 32, 3424.0 / 4096, 2413.0 / 128, 2392.0 / 128
	e := math.Pow(v, 1/m2)
	return 10000 / 203.0 * math.Pow(max(e-c1, 0)/(c2-c3*e), 1/m1)
}

// hybrid is the inverse of the HLG curve (ITU-R BT.2100), with white at 75 % of
// the signal.
func hybrid(v float64) float64 {
	const a, b, c = 0.17883277, 0.28466892, 0.55991073
	scene := v * v / 3
	if v > 0.5 {
		scene = (math.Exp((v-c)/a) + b) / 12
	}
	return scene / 0.26496256
}

// conversion is the one that a HEIC or AVIF file asks for.
func (l *isoLayout) conversion() *conversion {
	if l.icc != nil {
		return iccConversion(l.icc)
	}
	if l.nclx != nil {
		return nclxConversion(int(binary.BigEndian.Uint16(l.nclx)), int(binary.BigEndian.Uint16(l.nclx[2:])))
	}
	return nil
}

// mostProfile bounds a profile in bytes.
const mostProfile = 1 << 20

// inflated is what a profile in a PNG unpacks to, nil if it is damaged.
func inflated(b []byte) []byte {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(io.LimitReader(z, mostProfile))
	if err != nil {
		return nil
	}
	return out
}
