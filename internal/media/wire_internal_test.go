package media

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/safety"
)

// TestRepliesAreChecked: a child that was taken over may say anything, but not
// everything is passed on.
func TestRepliesAreChecked(t *testing.T) {
	good := func() reply {
		r := verdict(safety.ScanScanned, "")
		r.Format = "jpeg"
		r.Hashes = []FrameHash{{Variant: "alpha_white_flipPlus1", Quality: 100}, {Variant: "stored"}}
		return reply{Report: r}
	}
	if r := good(); r.check() != nil {
		t.Fatalf("a good reply: %v", r.check())
	}
	for name, spoil := range map[string]func(*Report){
		"unknown state":          func(r *Report) { r.Scan = "clean" },
		"scanned with a reason":  func(r *Report) { r.Reason = ReasonTruncated },
		"failed without one":     func(r *Report) { r.Scan = safety.ScanFailed },
		"scanned without hashes": func(r *Report) { r.Hashes = nil },
		"words with markup":      func(r *Report) { r.Format = "<script>" },
		"long words":             func(r *Report) { r.TrailingFormat = strings.Repeat("a", 33) },
		"orientation":            func(r *Report) { r.Orientation = 9 },
		"negative length":        func(r *Report) { r.TrailingBytes = -1 },
		"a file of its own":      func(r *Report) { r.PreviewPNG = []byte("x") },
		"unknown variant":        func(r *Report) { r.Hashes[0].Variant = "alpha_red" },
		"quality":                func(r *Report) { r.Hashes[0].Quality = 101 },
	} {
		r := good()
		spoil(&r.Report)
		if r.check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, p := range []preview{{Width: 97, Height: 1, Pix: make([]byte, 97)}, {Width: 2, Height: 2, Pix: make([]byte, 3)}, {Width: -1, Height: -1, Pix: make([]byte, 1)}} {
		if _, err := p.encode(); err == nil {
			t.Errorf("a preview of %d×%d in %d bytes was accepted", p.Width, p.Height, len(p.Pix))
		}
	}
}

func TestMessages(t *testing.T) {
	var b bytes.Buffer
	if err := writeMessage(&b, []byte("abc")); err != nil {
		t.Fatal(err)
	}
	whole := bytes.Clone(b.Bytes())
	if got, err := readMessage(&b, 3); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := readMessage(bytes.NewReader(whole), 2); err == nil {
		t.Error("a message over the limit was read")
	}
	if _, err := readMessage(bytes.NewReader(whole[:6]), 9); err == nil {
		t.Error("half a message was read")
	}
}

func TestEXIFOrientation(t *testing.T) {
	block := func(order binary.AppendByteOrder, mark string, kind, value uint16) []byte {
		b := order.AppendUint32(order.AppendUint16([]byte(mark), 42), 8)
		b = order.AppendUint16(order.AppendUint16(order.AppendUint16(b, 1), tagOrientation), kind)
		b = order.AppendUint16(order.AppendUint32(b, 1), value)
		return order.AppendUint32(order.AppendUint16(b, 0), 0)
	}
	for name, c := range map[string]struct {
		block []byte
		want  int
	}{
		"none":           {nil, 1},
		"little-endian":  {block(binary.LittleEndian, "II", 3, 6), 6},
		"big-endian":     {block(binary.BigEndian, "MM", 3, 8), 8},
		"with a header":  {append([]byte("Exif\x00\x00"), block(binary.BigEndian, "MM", 3, 3)...), 3},
		"wrong type":     {block(binary.LittleEndian, "II", 4, 6), 1},
		"out of range":   {block(binary.LittleEndian, "II", 3, 9), 1},
		"zero":           {block(binary.LittleEndian, "II", 3, 0), 1},
		"directory gone": {block(binary.LittleEndian, "II", 3, 6)[:20], 1},
	} {
		if got := exifOrientation(c.block); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
