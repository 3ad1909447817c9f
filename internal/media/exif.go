package media

import (
	"bytes"
	"encoding/binary"
)

const tagOrientation = 0x0112

// entry is one field of a TIFF directory, the structure that EXIF uses too.
type entry struct {
	tag, kind uint16
	count     uint32
	value     []byte // the four bytes of the value or of its offset
}

// tiffHeader reads the byte order and the offset of the first directory.
func tiffHeader(b []byte) (order binary.ByteOrder, first uint32, ok bool) {
	if len(b) < 8 {
		return nil, 0, false
	}
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return nil, 0, false
	}
	return order, order.Uint32(b[4:]), true
}

// directory reads the TIFF directory at an offset and the offset of the next
// one (0: there is none). It reports false if it does not lie within b.
func directory(b []byte, order binary.ByteOrder, at uint32) (entries []entry, next uint32, ok bool) {
	if int64(at)+2 > int64(len(b)) {
		return nil, 0, false
	}
	n := int(order.Uint16(b[at:]))
	b = b[at+2:]
	if len(b) < 12*n+4 {
		return nil, 0, false
	}
	for i := range n {
		e := b[12*i : 12*i+12]
		entries = append(entries, entry{order.Uint16(e), order.Uint16(e[2:]), order.Uint32(e[4:]), e[8:12]})
	}
	return entries, order.Uint32(b[12*n:]), true
}

// exifOrientation finds the orientation, 1 to 8, in an EXIF block (a TIFF
// structure, with or without "Exif\0\0" before it). Anything odd counts as 1:
// viewers ignore it too.
func exifOrientation(b []byte) int {
	b = bytes.TrimPrefix(b, []byte("Exif\x00\x00"))
	order, first, ok := tiffHeader(b)
	if !ok {
		return 1
	}
	entries, _, _ := directory(b, order, first)
	return orientationOf(entries, order)
}

func orientationOf(entries []entry, order binary.ByteOrder) int {
	const short = 3
	for _, e := range entries {
		if e.tag != tagOrientation || e.kind != short {
			continue
		}
		if o := int(order.Uint16(e.value)); o >= 1 && o <= 8 {
			return o
		}
	}
	return 1
}
