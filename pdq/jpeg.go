package pdq

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ScreenMargin is how much further than its exact hash the hash of [ScreenJPEG]
// may be from a listed one: who looks for matches within a distance d must look
// up the screening hash within d + ScreenMargin, and settle what that finds by
// [FromImage]. It is measured, not derived: see the tests, and the package's
// comment on what was measured.
const ScreenMargin = 16

// Errors of [ScreenJPEG]. With each of them the picture has not been hashed:
// decode it in full.
var (
	// ErrJPEGVariety means a JPEG of a kind that is not screened: arithmetic
	// coding, lossless, hierarchical, 12 bits, colours other than grey and YCbCr,
	// luma coarser than chroma, or a height given later.
	ErrJPEGVariety = errors.New("pdq: JPEG of a kind that is not screened")
	// ErrJPEGDamaged means bytes that are not a whole, valid JPEG.
	ErrJPEGDamaged = errors.New("pdq: damaged JPEG")
	// ErrJPEGUnfit means a picture that is too small or shows too little for a
	// hash without pixels.
	ErrJPEGUnfit = errors.New("pdq: JPEG unfit for screening")
	// ErrJPEGSize means more pixels than allowed.
	ErrJPEGSize = errors.New("pdq: JPEG of too many pixels")
)

// ScreenJPEG hashes a JPEG file straight from its luma coefficients, without
// making pixels: entropy decoding, then each coefficient is multiplied by what
// its wave amounts to under the filters of PDQ. Colour is parsed and dropped. It
// reads baseline, extended and progressive files of 8 bits, grey or YCbCr of any
// subsampling, with restart intervals.
//
// The hash is of screening grade, and Result.Screening says so. It differs from
// that of the decoded pixels because these are rounded, cut to 0 to 255 and take
// their luma from colours that were cut, too. See [ScreenMargin]. Quality may
// differ as well, by a few points. Like [FromImage] it knows no colour profiles
// and no orientation.
//
// Headers of more than maxPixels pixels are refused before anything is
// allocated. Memory is a few rows; for progressive files, 2.2 bytes a pixel.
// The errors wrap [ErrJPEGVariety], [ErrJPEGUnfit], [ErrJPEGDamaged] or
// [ErrJPEGSize].
func ScreenJPEG(data []byte, maxPixels int) (Result, error) {
	d := jpegDecoder{data: data, maxPixels: maxPixels}
	if err := d.decode(); err != nil {
		return Result{}, err
	}
	if min(d.width, d.height) < screenSide {
		return Result{}, fmt.Errorf("%w: %d by %d pixels", ErrJPEGUnfit, d.width, d.height)
	}
	sum := 0
	for _, q := range d.steps[:16] {
		sum += int(q)
	}
	if sum > screenSteps {
		return Result{}, fmt.Errorf("%w: coarsely quantised", ErrJPEGUnfit)
	}
	r := best.hash(&d.fold.samples)
	if r.Quality < screenQuality {
		return Result{}, fmt.Errorf("%w: quality %d", ErrJPEGUnfit, r.Quality)
	}
	r.Screening = true
	return r, nil
}

// screenSide is the least side that is screened: smaller pictures are hardly
// blurred, so that the rounding of single pixels counts, and quick to decode.
const screenSide = 128

// screenQuality is the least quality of a screening hash. It leaves a distance
// to [MinQuality]: a picture that the exact quality would let pass must not be
// lost, and hashes of pictures with little to see are unsteady.
const screenQuality = 80

// screenSteps is the most that the first 16 quantisation steps may sum to. Worse
// files (libjpeg's quality below about 19) often decode to pixels beyond 0 to 255,
// whose cutting the coefficients do not show.
const screenSteps = 700

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrJPEGDamaged, fmt.Sprintf(format, args...))
}

func variety(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrJPEGVariety, fmt.Sprintf(format, args...))
}

// jpegDecoder reads one file. Component 0 is luma.
type jpegDecoder struct {
	data      []byte
	pos       int
	maxPixels int

	width, height int
	progressive   bool
	comps         []jpegComponent
	across, down  int // MCUs of an interleaved scan
	restart       int // MCUs between restart markers; 0 for none
	quant         [4]*[64]uint16
	dc, ac        [4]*huffman

	jfif, adobe bool
	transform   byte // of the Adobe marker

	scans  int
	lumaed bool       // a scan with luma's DC was read
	steps  [64]uint16 // luma's quantisation
	fold   *jpegFold
	store  *jpegStore // of progressive files
}

type jpegComponent struct {
	id, table byte
	h, v      int
}

// Markers.
const (
	sof0, sof1, sof2 = 0xc0, 0xc1, 0xc2
	dht, dac         = 0xc4, 0xcc
	rst0, rst7       = 0xd0, 0xd7
	soi, eoi         = 0xd8, 0xd9
	sos, dqt, dnl    = 0xda, 0xdb, 0xdc
	dri              = 0xdd
	app0, app14      = 0xe0, 0xee
)

func (d *jpegDecoder) decode() error {
	if len(d.data) < 2 || d.data[0] != 0xff || d.data[1] != soi {
		return damaged("no start of image")
	}
	d.pos = 2
	for {
		marker, err := d.marker()
		if err != nil {
			return err
		}
		switch {
		case marker == eoi:
			return d.finish()
		case marker == soi:
			// Decoders do not agree on which of the two pictures is meant.
			return damaged("a second start of image")
		case marker >= rst0 && marker <= rst7 || marker == 0x01:
			// Stray markers without content, which decoders pass over.
			continue
		}
		segment, err := d.segment()
		if err != nil {
			return err
		}
		if err := d.read(marker, segment); err != nil {
			return err
		}
	}
}

// marker finds the next marker, passing over filling and stray bytes.
func (d *jpegDecoder) marker() (byte, error) {
	for ; d.pos+1 < len(d.data); d.pos++ {
		if d.data[d.pos] == 0xff && d.data[d.pos+1] != 0 && d.data[d.pos+1] != 0xff {
			d.pos += 2
			return d.data[d.pos-1], nil
		}
	}
	return 0, damaged("no end of image")
}

// segment returns the content that follows a marker.
func (d *jpegDecoder) segment() ([]byte, error) {
	rest := d.data[d.pos:]
	if len(rest) < 2 {
		return nil, damaged("cut in a segment")
	}
	n := int(binary.BigEndian.Uint16(rest))
	if n < 2 || n > len(rest) {
		return nil, damaged("segment of %d bytes, %d left", n, len(rest))
	}
	d.pos += n
	return rest[2:n], nil
}

func (d *jpegDecoder) read(marker byte, segment []byte) error {
	switch marker {
	case sof0, sof1, sof2:
		return d.frame(segment, marker == sof2)
	case dht:
		return d.huffmanTables(segment)
	case dqt:
		return d.quantTables(segment)
	case dri:
		if len(segment) != 2 {
			return damaged("restart interval of %d bytes", len(segment))
		}
		d.restart = int(binary.BigEndian.Uint16(segment))
	case sos:
		return d.scan(segment)
	case app0:
		d.jfif = d.jfif || len(segment) >= 5 && string(segment[:5]) == "JFIF\x00"
	case app14:
		if len(segment) >= 12 && string(segment[:5]) == "Adobe" {
			d.adobe, d.transform = true, segment[11]
		}
	case dac, dnl:
		return variety("marker %#x", marker)
	default:
		if marker < 0xd0 {
			return variety("coding process %#x", marker)
		}
	}
	return nil
}

// frame reads the header of the picture.
func (d *jpegDecoder) frame(s []byte, progressive bool) error {
	if d.comps != nil {
		return damaged("two frames")
	}
	if len(s) < 6 || len(s) != 6+3*int(s[5]) {
		return damaged("frame header of %d bytes", len(s))
	}
	d.height, d.width = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	switch {
	case s[0] != 8:
		return variety("%d bits", s[0])
	case s[5] != 1 && s[5] != 3:
		return variety("%d components", s[5])
	case d.width == 0:
		return damaged("width 0")
	case d.height == 0:
		return variety("height given later")
	case int64(d.width)*int64(d.height) > int64(d.maxPixels):
		return fmt.Errorf("%w: %d by %d", ErrJPEGSize, d.width, d.height)
	}
	d.progressive = progressive
	comps := make([]jpegComponent, s[5])
	for i := range comps {
		c := s[6+3*i:][:3]
		comps[i] = jpegComponent{id: c[0], h: int(c[1] >> 4), v: int(c[1] & 15), table: c[2]}
		if comps[i].h < 1 || comps[i].h > 4 || comps[i].v < 1 || comps[i].v > 4 || c[2] > 3 {
			return damaged("component %d", i)
		}
		for _, before := range comps[:i] {
			if before.id == c[0] {
				return damaged("two components of one name")
			}
			if comps[i].h > comps[0].h || comps[i].v > comps[0].v {
				return variety("luma coarser than chroma")
			}
		}
	}
	if len(comps) == 1 {
		comps[0].h, comps[0].v = 1, 1 // the blocks of a lone component are not grouped
	}
	d.comps = comps
	// Each block takes a bit at the least.
	if (d.width+7)/8*((d.height+7)/8) > 8*len(d.data) {
		return damaged("too short for %d by %d pixels", d.width, d.height)
	}
	d.across = (d.width + 8*comps[0].h - 1) / (8 * comps[0].h)
	d.down = (d.height + 8*comps[0].v - 1) / (8 * comps[0].v)
	return nil
}

// rgb says whether the components are colours, by the rules of common decoders.
func (d *jpegDecoder) rgb() bool {
	switch {
	case len(d.comps) != 3 || d.jfif:
		return false
	case d.adobe:
		return d.transform == 0
	}
	return d.comps[0].id == 'R' && d.comps[1].id == 'G' && d.comps[2].id == 'B'
}

func (d *jpegDecoder) quantTables(s []byte) error {
	for len(s) > 0 {
		wide, at := s[0]>>4, s[0]&15
		n := 1 + 64*(1+int(wide))
		if wide > 1 || at > 3 || len(s) < n {
			return damaged("quantisation table")
		}
		t := new([64]uint16)
		for k := range t {
			if wide == 1 {
				t[k] = binary.BigEndian.Uint16(s[1+2*k:])
			} else {
				t[k] = uint16(s[1+k])
			}
		}
		d.quant[at] = t
		s = s[n:]
	}
	return nil
}

func (d *jpegDecoder) huffmanTables(s []byte) error {
	for len(s) > 0 {
		if len(s) < 17 || s[0]>>4 > 1 || s[0]&15 > 3 {
			return damaged("Huffman table")
		}
		counts, n := (*[16]byte)(s[1:17]), 0
		for _, c := range counts {
			n += int(c)
		}
		if n > 256 || len(s) < 17+n {
			return damaged("Huffman table of %d codes", n)
		}
		h, err := newHuffman(counts, s[17:17+n])
		if err != nil {
			return err
		}
		if s[0]>>4 == 0 {
			d.dc[s[0]&15] = h
		} else {
			d.ac[s[0]&15] = h
		}
		s = s[17+n:]
	}
	return nil
}

// finish is at the end of the image.
func (d *jpegDecoder) finish() error {
	if !d.lumaed {
		return damaged("no luma")
	}
	if d.store != nil {
		d.foldStore()
	}
	return nil
}
