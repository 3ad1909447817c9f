package media_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// encoded is what an encoder writes; encoding our own pictures does not fail.
func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(t testing.TB, m image.Image, quality int) []byte {
	t.Helper()
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: quality}) })
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func asGIF(t testing.TB, m image.Image, colours int) []byte {
	t.Helper()
	return encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, m, &gif.Options{NumColors: colours}) })
}

func asBMP(t testing.TB, m image.Image) []byte {
	t.Helper()
	return encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, m) })
}

func asTIFF(t testing.TB, m image.Image, c tiff.CompressionType) []byte {
	t.Helper()
	return encoded(t, func(b *bytes.Buffer) error { return tiff.Encode(b, m, &tiff.Options{Compression: c, Predictor: true}) })
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// convert draws m on a picture of another kind.
func convert(m image.Image, to draw.Image) image.Image {
	draw.Draw(to, to.Bounds(), m, m.Bounds().Min, draw.Src)
	return to
}

func paletted(m image.Image, p color.Palette) image.Image {
	to := image.NewPaletted(m.Bounds(), p)
	draw.FloydSteinberg.Draw(to, to.Rect, m, image.Point{})
	return to
}

// cutOut makes everything outside an ellipse transparent, with a colour
// beneath that does not show.
func cutOut(m *image.NRGBA) *image.NRGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	for y := range h {
		for x := range w {
			if dx, dy := 2*x-w, 2*y-h; 2*dx*dx/w+2*dy*dy/h > w+h {
				m.Pix[m.PixOffset(x, y)+3] = uint8((x + y) % 3 * 20)
			}
		}
	}
	return m
}

// exif is an EXIF block with nothing but an orientation.
func exif(orientation int) []byte {
	return append([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00"),
		byte(orientation), 0, 0, 0, 0, 0, 0, 0)
}

// withEXIF puts an EXIF block after the start of a JPEG.
func withEXIF(file, block []byte) []byte {
	block = append([]byte("Exif\x00\x00"), block...)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, byte((len(block)+2)>>8), byte(len(block)+2))
	return append(append(out, block...), file[2:]...)
}

// stored turns a picture so that a viewer which applies the orientation shows
// it upright: the inverse of what EXIF describes.
func stored(m *image.NRGBA, orientation int) *image.NRGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	sw, sh := w, h
	if orientation >= 5 {
		sw, sh = h, w
	}
	out := image.NewNRGBA(image.Rect(0, 0, sw, sh))
	for y := range h {
		for x := range w {
			sx, sy := storedAt(orientation, x, y, w, h)
			out.SetNRGBA(sx, sy, m.NRGBAAt(x, y))
		}
	}
	return out
}

// storedAt is where a pixel that is shown at (x, y) of w × h is stored. The
// EXIF standard (CIPA DC-008, 4.6.5) says on which sides the stored row 0 and
// column 0 are seen: 6 is right and top, 8 is left and bottom, and so on.
func storedAt(orientation, x, y, w, h int) (sx, sy int) {
	right, bottom := w-1-x, h-1-y
	switch orientation {
	case 2: // top, right
		return right, y
	case 3: // bottom, right
		return right, bottom
	case 4: // bottom, left
		return x, bottom
	case 5: // left, top
		return y, x
	case 6: // right, top
		return y, right
	case 7: // right, bottom
		return bottom, right
	case 8: // left, bottom
		return bottom, x
	}
	return x, y
}

func pngChunk(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngParts are the header chunk and the image data of a PNG that Go wrote.
func pngParts(file []byte) (header, data []byte) {
	for at := 8; at+12 <= len(file); {
		n := int(binary.BigEndian.Uint32(file[at:]))
		switch string(file[at+4 : at+8]) {
		case "IHDR":
			header = file[at : at+12+n]
		case "IDAT":
			data = append(data, file[at+8:at+8+n]...)
		}
		at += 12 + n
	}
	return header, data
}

// animatedPNG shows blank pictures first and the cut-out scene last.
func animatedPNG(t testing.TB, w, h, frames int) []byte {
	t.Helper()
	header, blank := pngParts(asPNG(t, image.NewNRGBA(image.Rect(0, 0, w, h))))
	_, last := pngParts(asPNG(t, cutOut(scene(w, h)))) // makes the encoder use RGBA
	out := append([]byte("\x89PNG\r\n\x1a\n"), header...)
	out = append(out, pngChunk("acTL", binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(frames)), 0))...)
	seq := uint32(0)
	for i := range frames {
		c := binary.BigEndian.AppendUint32(nil, seq)
		for _, v := range []int{w, h, 0, 0} {
			c = binary.BigEndian.AppendUint32(c, uint32(v))
		}
		out = append(out, pngChunk("fcTL", append(c, 0, 1, 0, 10, 0, 0))...)
		seq++
		switch {
		case i == 0:
			out = append(out, pngChunk("IDAT", blank)...)
		default:
			body := blank
			if i == frames-1 {
				body = last
			}
			out = append(out, pngChunk("fdAT", append(binary.BigEndian.AppendUint32(nil, seq), body...))...)
			seq++
		}
	}
	return append(out, pngChunk("IEND", nil)...)
}
