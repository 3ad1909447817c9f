package media

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// isoLayout is what the boxes of a file in the ISO base media format tell
// (ISO/IEC 14496-12, and 23008-12 for pictures in it).
type isoLayout struct {
	brands   []string
	w, h     int  // the largest of all picture sizes told, 0 if none is
	sequence bool // there is a track, not only items
	end      int
	complete bool // the last box is whole

	primary  uint32
	turn     int // of the primary item as an EXIF orientation, 1 to 8
	icc      []byte
	nclx     []byte // primaries, transfer, matrix (2 bytes each) and range of the primary item
	items    []isoItem
	parts    map[uint32]bool // items that are a thumbnail, alpha plane or tile of another
	props    []isoBox
	assigned map[uint32][]int // of an item, as indices from 1 into props
}

type isoItem struct {
	id     uint32
	kind   string
	hidden bool
}

type isoBox struct {
	kind string
	body []byte
}

// layISO walks over the boxes. Whatever is odd is left out: the decoder decides
// whether the file is any good.
func layISO(data []byte) isoLayout {
	l := isoLayout{turn: 1, end: len(data), parts: map[uint32]bool{}, assigned: map[uint32][]int{}}
	l.end, l.complete = eachBox(data, func(b isoBox) {
		switch b.kind {
		case "ftyp":
			for at := 0; at+4 <= len(b.body); at += 4 {
				if at != 4 { // the minor version
					l.brands = append(l.brands, string(b.body[at:at+4]))
				}
			}
		case "meta":
			l.meta(b.body)
		case "moov":
			l.sequence = true
			l.track(b.body, 0)
		}
	})
	l.settle()
	return l
}

// eachBox calls f for the boxes of b. It returns where the last ends, and
// whether it is whole; bytes that are no box end the walk.
func eachBox(b []byte, f func(isoBox)) (end int, complete bool) {
	at := 0
	for len(b)-at >= 8 {
		n, head := int64(binary.BigEndian.Uint32(b[at:])), int64(8)
		kind := string(b[at+4 : at+8])
		if !boxName(kind) {
			return at, true
		}
		switch n {
		case 0: // to the end
			n = int64(len(b) - at)
		case 1:
			if len(b)-at < 16 {
				return len(b), false
			}
			n, head = int64(binary.BigEndian.Uint64(b[at+8:])), 16
		}
		if n < head {
			return at, true
		}
		if n > int64(len(b)-at) {
			f(isoBox{kind, b[min(at+int(head), len(b)):]})
			return len(b), false
		}
		f(isoBox{kind, b[at+int(head) : at+int(n)]})
		at += int(n)
	}
	return at, at == len(b)
}

func boxName(s string) bool {
	for _, c := range []byte(s) {
		if c < 0x20 || c > 0x7e {
			return false
		}
	}
	return true
}

// meta reads the properties of items.
func (l *isoLayout) meta(body []byte) {
	eachBox(after(body, 4), func(b isoBox) {
		switch b.kind {
		case "pitm":
			l.primary, _ = itemID(after(b.body, 4), version(b.body) > 0)
		case "iinf":
			skip := 6
			if version(b.body) > 0 {
				skip = 8
			}
			eachBox(after(b.body, skip), l.item)
		case "iref":
			eachBox(after(b.body, 4), func(r isoBox) { l.reference(r, version(b.body) > 0) })
		case "iprp":
			eachBox(b.body, func(p isoBox) {
				switch p.kind {
				case "ipco":
					eachBox(p.body, func(q isoBox) { l.props = append(l.props, q) })
				case "ipma":
					l.associations(p.body)
				}
			})
		}
	})
}

func after(b []byte, n int) []byte { return b[min(n, len(b)):] }

func version(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// itemID reads an identifier of two bytes, or four.
func itemID(b []byte, long bool) (uint32, []byte) {
	switch {
	case long && len(b) >= 4:
		return binary.BigEndian.Uint32(b), b[4:]
	case !long && len(b) >= 2:
		return uint32(binary.BigEndian.Uint16(b)), b[2:]
	}
	return 0, nil
}

// item reads an infe box.
func (l *isoLayout) item(b isoBox) {
	v := version(b.body)
	if b.kind != "infe" || v < 2 || len(b.body) < 4 {
		return
	}
	id, rest := itemID(b.body[4:], v > 2)
	if len(rest) >= 6 {
		l.items = append(l.items, isoItem{id: id, kind: string(rest[2:6]), hidden: b.body[3]&1 != 0})
	}
}

// reference notes items that are only parts of others.
func (l *isoLayout) reference(b isoBox, long bool) {
	from, rest := itemID(b.body, long)
	switch b.kind {
	case "thmb", "auxl", "cdsc":
		l.parts[from] = true
	case "dimg":
		for rest = after(rest, 2); len(rest) > 0; {
			var to uint32
			to, rest = itemID(rest, long)
			l.parts[to] = true
		}
	}
}

// associations reads an ipma box: which properties an item has.
func (l *isoLayout) associations(b []byte) {
	if len(b) < 8 {
		return
	}
	wide := b[3]&1 != 0
	long := b[0] > 0
	for b = b[8:]; len(b) > 0; {
		var id uint32
		id, b = itemID(b, long)
		if len(b) == 0 {
			return
		}
		n := int(b[0])
		b = b[1:]
		for range n {
			switch {
			case wide && len(b) >= 2:
				l.assigned[id] = append(l.assigned[id], int(binary.BigEndian.Uint16(b)&0x7fff))
				b = b[2:]
			case !wide && len(b) >= 1:
				l.assigned[id] = append(l.assigned[id], int(b[0]&0x7f))
				b = b[1:]
			default:
				return
			}
		}
	}
}

// track looks for the sizes of pictures in a track.
func (l *isoLayout) track(b []byte, depth int) {
	eachBox(b, func(c isoBox) {
		switch c.kind {
		case "trak", "mdia", "minf", "stbl":
			if depth < 8 {
				l.track(c.body, depth+1)
			}
		case "stsd":
			eachBox(after(c.body, 8), func(e isoBox) {
				if len(e.body) >= 28 {
					l.size(int64(binary.BigEndian.Uint16(e.body[24:])), int64(binary.BigEndian.Uint16(e.body[26:])))
				}
			})
		}
	})
}

func (l *isoLayout) size(w, h int64) {
	l.w, l.h = max(l.w, int(w)), max(l.h, int(h))
}

// settle draws the conclusions once all boxes are known.
func (l *isoLayout) settle() {
	for _, p := range l.props {
		if p.kind == "ispe" && len(p.body) >= 12 {
			l.size(int64(binary.BigEndian.Uint32(p.body[4:])), int64(binary.BigEndian.Uint32(p.body[8:])))
		}
	}
	var angle byte
	mirror := -1
	for _, i := range l.assigned[l.primary] {
		if i < 1 || i > len(l.props) {
			continue
		}
		switch p := l.props[i-1]; {
		case p.kind == "irot" && len(p.body) >= 1:
			angle = p.body[0] & 3
		case p.kind == "imir" && len(p.body) >= 1:
			mirror = int(p.body[0] & 1)
		case p.kind == "colr" && len(p.body) >= 4:
			l.colour(string(p.body[:4]), p.body[4:])
		}
	}
	l.turn = turned(angle, mirror)
}

func (l *isoLayout) colour(kind string, body []byte) {
	switch kind {
	case "prof", "rICC":
		l.icc = body
	case "nclx":
		if len(body) >= 7 {
			l.nclx = body
		}
	}
}

// turned is the EXIF orientation that shows the same as a rotation by angle
// quarter turns against the clock, then a mirroring: of top and bottom (0), of
// left and right (1), or none (-1).
func turned(angle byte, mirror int) int {
	return [3][4]int{{1, 8, 3, 6}, {4, 5, 2, 7}, {2, 7, 4, 5}}[mirror+1][angle&3]
}

// pictures is how many pictures the items are: not parts of others, not hidden.
func (l *isoLayout) pictures() int {
	n := 0
	for _, i := range l.items {
		picture := slices.Contains([]string{"hvc1", "hev1", "av01", "grid", "iovl", "iden", "jpeg", "avc1", "j2k1", "unci", "tmap"}, i.kind)
		if picture && !i.hidden && !l.parts[i.id] {
			n++
		}
	}
	return n
}

// brandOf is the format that the file type box names: of the two that share the
// general brands, the one whose coding it says is inside.
func brandOf(data []byte) string {
	major := brand(string(data[8:12]))
	if m := string(data[8:12]); m != "mif1" && m != "msf1" && m != "miaf" {
		return major
	}
	n := min(int(binary.BigEndian.Uint32(data)), len(data), 256)
	if n > 16 && (bytes.Contains(data[16:n], []byte("avif")) || bytes.Contains(data[16:n], []byte("avis"))) {
		return "avif"
	}
	return major
}
