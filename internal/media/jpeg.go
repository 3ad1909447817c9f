package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
)

// JPEG markers (ITU-T T.81, table B.1).
const (
	markerSOF0 = 0xc0
	markerDHT  = 0xc4
	markerJPG  = 0xc8
	markerDAC  = 0xcc
	markerSOF  = 0xcf // the last of the frame headers
	markerRST0 = 0xd0
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
	markerAPP2 = 0xe2
)

// jpegLayout is what the markers of a JPEG file tell.
type jpegLayout struct {
	frames      int // frame headers
	coding      byte
	w, h        int
	samples     int64 // of all components, padded to whole blocks
	components  int
	orientation int
	scans       int
	scan        int  // where the first one's header ends
	end         int  // just after EOI, or the length of the data
	complete    bool // there is an EOI
	profile     []byte
}

// readJPEG decodes a JPEG. A file that ends too early is decoded as if zeros
// followed, which gives the part that viewers show.
func readJPEG(x *examination) error {
	l := layJPEG(x.data)
	switch {
	case l.frames == 0 && !l.complete, l.scans == 0 && !l.complete:
		return failed(ReasonTruncated)
	case l.frames != 1:
		return failed(ReasonCorrupt)
	case l.coding > 2:
		return jpeg.UnsupportedError("coding")
	}
	need := l.samples
	if l.coding == 2 {
		need += 4 * l.samples // coefficients of all blocks are kept as int32
	}
	if l.components == 4 {
		need += 4 * int64(l.w) * int64(l.h)
	}
	if err := x.begin(l.w, l.h, 1, need); err != nil {
		return err
	}
	x.ends(l.end)
	x.colour = iccConversion(l.profile)
	reason := ReasonTruncated
	if l.complete {
		img, err := jpeg.Decode(bytes.NewReader(x.data[:l.end]))
		if err == nil {
			return x.hashJPEG(img, l, "")
		}
		var unsupported jpeg.UnsupportedError
		if errors.As(err, &unsupported) {
			return err
		}
		reason = ReasonCorrupt
	}
	img, err := repairJPEG(x.data[:l.end], l)
	if err != nil {
		return failed(reason)
	}
	return x.hashJPEG(img, l, reason)
}

// hashJPEG hashes what the decoder gave: all of the picture, or with a reason
// what is left of it.
func (x *examination) hashJPEG(img image.Image, l jpegLayout, reason string) error {
	if b := img.Bounds(); b.Dx() != l.w || b.Dy() != l.h {
		return failed(ReasonCorrupt) // the decoder saw another frame header than we did
	}
	if reason != "" {
		return x.salvage(0, img, l.orientation, reason)
	}
	return x.frame(0, newRaster(img), l.orientation)
}

// layJPEG walks over the markers up to the end of the picture.
func layJPEG(data []byte) jpegLayout {
	l := jpegLayout{orientation: 1, end: len(data)}
	for at := 2; ; {
		for at < len(data) && data[at] != 0xff {
			at++ // decoders skip stray bytes
		}
		for at < len(data) && data[at] == 0xff {
			at++ // any number of fill bytes precede a marker
		}
		if at >= len(data) {
			return l
		}
		marker := data[at]
		at++
		switch {
		case marker == markerEOI:
			l.end, l.complete = at, true
			return l
		case marker == 0, marker >= markerRST0 && marker < markerRST0+8, marker == 1, marker == 0xd8:
			continue // without a length; in a scan, part of its data
		}
		if at+2 > len(data) {
			return l
		}
		n := int(binary.BigEndian.Uint16(data[at:]))
		if n < 2 || at+n > len(data) {
			return l
		}
		l.segment(marker, data[at+2:at+n])
		at += n
		if marker == markerSOS && l.scan == 0 {
			l.scan = at
		}
	}
}

func (l *jpegLayout) segment(marker byte, body []byte) {
	switch {
	case marker == markerSOS:
		l.scans++
	case marker == markerAPP1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")):
		l.orientation = exifOrientation(body)
	case marker == markerAPP2 && bytes.HasPrefix(body, []byte("ICC_PROFILE\x00")) && len(l.profile) < mostProfile:
		l.profile = append(l.profile, after(body, 14)...) // parts come in order
	case marker >= markerSOF0 && marker <= markerSOF && marker != markerDHT && marker != markerJPG && marker != markerDAC:
		l.frameHeader(marker-markerSOF0, body)
	}
}

func (l *jpegLayout) frameHeader(coding byte, body []byte) {
	l.frames++
	if len(body) < 6 || len(body) < 6+3*int(body[5]) {
		return
	}
	l.coding = coding
	l.h, l.w = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
	l.components = int(body[5])
	var hMax, vMax, units int64 = 1, 1, 0
	for i := range l.components {
		h, v := int64(body[7+3*i]>>4), int64(body[7+3*i]&15)
		hMax, vMax, units = max(hMax, h), max(vMax, v), units+h*v
	}
	across := (int64(l.w) + 8*hMax - 1) / (8 * hMax)
	down := (int64(l.h) + 8*vMax - 1) / (8 * vMax)
	l.samples = across * down * units * 64
}
