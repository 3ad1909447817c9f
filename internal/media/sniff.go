package media

import (
	"bytes"
	"strings"
)

// signature is how a format is told by its first bytes: part at an offset.
type signature struct {
	format string
	offset int
	part   string
}

// signatures are tried in order.
func signatures() []signature {
	return []signature{
		{"jpeg", 0, "\xff\xd8\xff"},
		{"png", 0, "\x89PNG\r\n\x1a\n"},
		{"gif", 0, "GIF87a"},
		{"gif", 0, "GIF89a"},
		{"webp", 8, "WEBP"}, // after RIFF and a size; see sniff
		{"tiff", 0, "II*\x00"},
		{"tiff", 0, "MM\x00*"},
		{"bigtiff", 0, "II+\x00"},
		{"bigtiff", 0, "MM\x00+"},
		{"jxl", 0, "\xff\x0a"},
		{"jxl", 0, "\x00\x00\x00\x0cJXL \r\n\x87\n"},
		{"jpeg2000", 0, "\x00\x00\x00\x0cjP  \r\n\x87\n"},
		{"jpeg2000", 0, "\xff\x4f\xff\x51"},
		{"jpegxr", 0, "II\xbc"},
		{"psd", 0, "8BPS"},
		{"pdf", 0, "%PDF-"},
		{"qoi", 0, "qoif"},
		{"dds", 0, "DDS "},
		{"exr", 0, "\x76\x2f\x31\x01"},
		{"ico", 0, "\x00\x00\x01\x00"},
		{"matroska", 0, "\x1a\x45\xdf\xa3"},
		{"ogg", 0, "OggS"},
		{"avi", 8, "AVI "},
		{"flv", 0, "FLV\x01"},
		{"mpeg", 0, "\x00\x00\x01\xba"},
		{"zip", 0, "PK\x03\x04"},
		{"rar", 0, "Rar!\x1a\x07"},
		{"7z", 0, "7z\xbc\xaf\x27\x1c"},
		{"gzip", 0, "\x1f\x8b\x08"},
		{"bmp", 0, "BM"},
	}
}

// sniff names the format of a file by its first bytes, "" if it is unknown.
func sniff(data []byte) string {
	for _, s := range signatures() {
		if len(data) < s.offset || !bytes.HasPrefix(data[s.offset:], []byte(s.part)) {
			continue
		}
		if s.offset == 8 && !bytes.HasPrefix(data, []byte("RIFF")) {
			continue
		}
		if s.format == "matroska" && bytes.Contains(data[:min(len(data), 64)], []byte("\x42\x82\x84webm")) { // its DocType
			return "webm"
		}
		return s.format
	}
	if len(data) >= 12 {
		switch string(data[4:8]) {
		case "ftyp":
			return brandOf(data)
		case "moov", "mdat", "wide": // as QuickTime wrote them before there was ftyp
			return "quicktime"
		}
	}
	if head := strings.ToLower(string(data[:min(len(data), 1024)])); strings.Contains(head, "<svg") {
		return "svg"
	}
	return ""
}

// brand names the formats that share the ISO base media container.
func brand(b string) string {
	switch b {
	case "avif", "avis":
		return "avif"
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "miaf":
		return "heic"
	case "crx ":
		return "cr3"
	case "qt  ":
		return "quicktime"
	}
	return "mp4"
}

// second names a format whose signature stands somewhere in the bytes after a
// picture, "" if there is none. Signatures of fewer than four bytes are left
// out, since they turn up by chance.
func second(trailing []byte) string {
	for _, s := range signatures() {
		if s.offset == 0 && len(s.part) >= 4 && bytes.Contains(trailing, []byte(s.part)) {
			return s.format
		}
	}
	if bytes.HasPrefix(trailing, []byte("\xff\xd8\xff")) {
		return "jpeg"
	}
	return ""
}
