package media

import (
	"bytes"
	"compress/lzw"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"

	"golang.org/x/image/webp"
)

// A damaged file often still shows: viewers draw what they can read. Here that
// part is decoded by giving the decoder something to read on with where the file
// ends, mostly zeros. It is hashed under names of its own, and the file never
// counts as scanned.

// salvage hashes what is left of a frame, if anything is.
func (x *examination) salvage(index int, img image.Image, orientation int, reason string) error {
	if img == nil {
		return failed(reason)
	}
	return x.salvageRaster(index, newRaster(img), orientation, reason)
}

func (x *examination) salvageRaster(index int, r raster, orientation int, reason string) error {
	x.doubt, x.damaged = reason, true
	if err := x.frame(index, r, orientation); err != nil {
		return err
	}
	return halt{"partial", reason}
}

// forget frees what the last try took, since the next takes as much again. The
// collector alone may come too late to keep a child below its limit.
func forget() { runtime.GC() }

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// zeros are n of them.
func zeros(n int64) io.Reader { return io.LimitReader(zeroReader{}, n) }

// countingReader tells how far a decoder came.
type countingReader struct {
	r io.Reader
	n int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// repairJPEG decodes a file without an end: with an end put there, or with
// enough zeros for all blocks before it. One that is damaged before its end is
// cut off where the decoder gave up.
func repairJPEG(data []byte, l jpegLayout) (image.Image, error) {
	end := []byte{0xff, markerEOI, 0xff, markerEOI}
	whole := &countingReader{r: io.MultiReader(bytes.NewReader(data), bytes.NewReader(end))}
	forget()
	img, err := jpeg.Decode(whole)
	if err == nil && !l.complete {
		return img, nil
	}
	if l.complete {
		// The decoder reads 4 KiB at a time; the damage is in the last of them.
		data = data[:min(len(data), max(whole.n-jpegBuffer, l.scan))]
	}
	forget()
	data = bytes.TrimRight(data, "\xff") // half a marker would be completed by the zeros
	return jpeg.Decode(io.MultiReader(bytes.NewReader(data), zeros(l.samples+1<<16), bytes.NewReader(end)))
}

const jpegBuffer = 4096

// restPNG decodes the rows of a frame that are there; the others are zero. It
// returns nil if there are none, or if the picture is interlaced: the rows of a
// part of the passes make another picture.
func (l *pngLayout) restPNG(f pngFrame) image.Image {
	if l.header[12] != 0 || f.w <= 0 || f.h <= 0 {
		return nil
	}
	pieces := make([]io.Reader, len(f.data))
	for i, p := range f.data {
		pieces[i] = bytes.NewReader(p)
	}
	z, err := zlib.NewReader(io.MultiReader(pieces...))
	if err != nil {
		return nil
	}
	forget()
	row := 1 + (int64(f.w)*int64(pngDepth(l.header))+7)/8
	whole := row * int64(f.h)
	there := &countingReader{r: z}
	out, in := io.Pipe()
	go func() {
		in.CloseWithError(l.rewrite(in, f, io.LimitReader(io.MultiReader(untilError{there}, zeroReader{}), whole)))
	}()
	img, err := png.Decode(out)
	_ = out.Close() // ends the goroutine, should the decoder have stopped early
	if err != nil || int64(there.n) < row {
		return nil
	}
	return img
}

// untilError ends where its reader fails.
type untilError struct{ r io.Reader }

func (u untilError) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil {
		err = io.EOF
	}
	return n, err
}

// pngDepth is the number of bits of a pixel.
func pngDepth(header []byte) int {
	samples := map[byte]int{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[header[9]]
	return int(header[8]) * samples
}

// rewrite makes a whole PNG of rows, without compressing them.
func (l *pngLayout) rewrite(w io.Writer, f pngFrame, rows io.Reader) error {
	if _, err := w.Write(l.head(f)); err != nil {
		return err
	}
	z, err := zlib.NewWriterLevel(chunkWriter{w}, zlib.NoCompression)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, rows); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	_, err = w.Write(appendChunk(nil, "IEND", nil))
	return err
}

// chunkWriter writes IDAT chunks.
type chunkWriter struct{ w io.Writer }

func (c chunkWriter) Write(p []byte) (int, error) {
	head := append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), "IDAT"...)
	sum := crc32.Update(crc32.ChecksumIEEE(head[4:]), crc32.IEEETable, p)
	for _, b := range [][]byte{head, p, binary.BigEndian.AppendUint32(nil, sum)} {
		if _, err := c.w.Write(b); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// restGIF decodes the pixels of a frame that are there; the others are
// transparent, if the frame has such a colour, or the first of the palette.
func (l *gifLayout) restGIF(f gifFrame) image.Image {
	table := 10
	if len(f.data) <= table {
		return nil
	}
	table += tableSize(f.data[9])
	if len(f.data) <= table {
		return nil
	}
	width := int(f.data[table])
	if width < 2 || width > 8 {
		return nil
	}
	size := f.rect.Size()
	area := size.X * size.Y
	pix := make([]byte, area)
	if len(f.control) > 6 && f.control[3]&1 != 0 {
		for i := range pix {
			pix[i] = f.control[6]
		}
	}
	r := lzw.NewReader(&blockReader{b: f.data[table+1:]}, lzw.LSB, width)
	n, _ := io.ReadFull(r, pix)
	if n < size.X {
		return nil
	}
	var packed bytes.Buffer
	w := lzw.NewWriter(&packed, lzw.LSB, width)
	if _, err := w.Write(pix); err != nil || w.Close() != nil {
		return nil // an index that the width does not hold
	}
	whole := f
	whole.data = append(bytes.Clone(f.data[:table]), byte(width))
	for b := packed.Bytes(); len(b) > 0; {
		n := min(len(b), 255)
		whole.data = append(append(whole.data, byte(n)), b[:n]...)
		b = b[n:]
	}
	whole.data = append(whole.data, 0)
	img, err := l.decode(whole)
	if err != nil {
		return nil
	}
	return img
}

// blockReader reads the contents of GIF sub-blocks as far as they go.
type blockReader struct {
	b    []byte
	left int
}

func (r *blockReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if len(r.b) == 0 || r.b[0] == 0 {
			return 0, io.EOF
		}
		r.left, r.b = int(r.b[0]), r.b[1:]
	}
	n := copy(p, r.b[:min(r.left, len(r.b))])
	r.left, r.b = r.left-n, r.b[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// ReadByte makes the decoder read no further than it must.
func (r *blockReader) ReadByte() (byte, error) {
	var b [1]byte
	if _, err := r.Read(b[:]); err != nil {
		return 0, err
	}
	return b[0], nil
}

// clipped is a frame whose last chunk says that it is as long as it is, for
// decoders that look no further than its header.
func (f *webpFrame) clipped() *webpFrame {
	n := int64(binary.LittleEndian.Uint32(f.image[4:])) + 8
	if n <= int64(len(f.image)) {
		return f
	}
	part := *f
	part.image = bytes.Clone(f.image)
	binary.LittleEndian.PutUint32(part.image[4:], uint32(len(f.image)-8))
	return &part
}

// visible decodes a frame with zeros for what is missing of its last chunk, of
// at most most bytes; nil if nothing comes of it.
func (f *webpFrame) visible(most int64) image.Image {
	if len(f.image) < 20 {
		return nil
	}
	n := int64(binary.LittleEndian.Uint32(f.image[4:])) + 8
	if n <= int64(len(f.image)) || n > most {
		return nil
	}
	forget()
	whole := *f
	whole.image = append(bytes.Clone(f.image), make([]byte, n+n&1-int64(len(f.image)))...)
	img, err := webp.Decode(bytes.NewReader(whole.wrap()))
	if err != nil {
		return nil
	}
	return img
}

// truncation reports whether a decoder met an early end.
func truncation(err error) bool {
	var h halt
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &h) && h.reason == ReasonTruncated
}
