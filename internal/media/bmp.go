package media

import (
	"bytes"
	"encoding/binary"
	"io"

	"golang.org/x/image/bmp"
)

// readBMP decodes a Windows bitmap of 8, 24 or 32 bits.
func readBMP(x *examination) error {
	c, err := bmp.DecodeConfig(bytes.NewReader(x.data))
	if err != nil {
		return err
	}
	// The decoder keeps 1 byte for each pixel of a palette picture, else 4.
	if err := x.begin(c.Width, c.Height, 1, 4*int64(c.Width)*int64(c.Height)); err != nil {
		return err
	}
	img, err := bmp.Decode(bytes.NewReader(x.data))
	if truncation(err) {
		forget()
		if img, err = bmp.Decode(io.MultiReader(bytes.NewReader(x.data), zeros(1<<16+4*int64(c.Width)*int64(c.Height)))); err == nil {
			return x.salvage(0, img, 1, ReasonTruncated)
		}
		return failed(ReasonTruncated)
	}
	if err != nil {
		return err
	}
	bits := int64(binary.LittleEndian.Uint16(x.data[28:]))
	row := (int64(c.Width)*bits + 31) / 32 * 4
	x.ends(int(int64(binary.LittleEndian.Uint32(x.data[10:])) + row*int64(c.Height)))
	return x.frame(0, newRaster(img), 1)
}
