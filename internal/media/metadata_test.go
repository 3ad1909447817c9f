package media_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/media"
)

// tiffBlock is an EXIF block of text tags (TIFF 6.0 §2: a header, one directory,
// then the values), little endian.
func tiffBlock(tags map[uint16]string) []byte {
	ids := make([]uint16, 0, len(tags))
	for id := range tags {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	le := binary.LittleEndian
	out := append([]byte("II*\x00"), le.AppendUint32(nil, 8)...)
	out = le.AppendUint16(out, uint16(len(ids)))
	at := 8 + 2 + 12*len(ids) + 4
	var values []byte
	for _, id := range ids {
		v := append([]byte(tags[id]), 0)
		for len(v) < 5 {
			v = append(v, 0) // values of up to four bytes would stand in the directory
		}
		out = le.AppendUint16(out, id)
		out = le.AppendUint16(out, 2) // ASCII
		out = le.AppendUint32(out, uint32(len(v)))
		out = le.AppendUint32(out, uint32(at+len(values)))
		values = append(values, v...)
	}
	return append(le.AppendUint32(out, 0), values...)
}

// TestMetadata: what a picture says of itself comes out of a confined child as
// printable text, or as an error that does not look like "there is none".
func TestMetadata(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	picture := asJPEG(t, scene(320, 240), 90)
	long := strings.Repeat("x", 3000)
	got, err := p.Metadata(t.Context(), withEXIF(picture, tiffBlock(map[uint16]string{
		0x010f: "Maker of cameras", 0x0110: "Model\x01 \u202e7", 0x0131: long, 0x0132: "2026:11:02 09:00:00"})))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Make": "Maker of cameras", "Model": "Model 7", "ModifyDate": "2026:11:02 09:00:00"}
	for _, tag := range got {
		if v, ok := want[tag.Name]; ok {
			if tag.Value != v {
				t.Errorf("%s is %q, want %q", tag.Name, tag.Value, v)
			}
			delete(want, tag.Name)
		}
		if tag.Name == "Software" && (len([]rune(tag.Value)) > 501 || !strings.HasSuffix(tag.Value, "…")) {
			t.Errorf("an over-long value has %d characters", len([]rune(tag.Value)))
		}
	}
	if len(want) > 0 {
		t.Errorf("not told: %v, of %v", want, got)
	}
	if tags, err := p.Metadata(t.Context(), picture); err != nil || len(tags) != 0 {
		t.Errorf("a picture without any: %v, %v", tags, err)
	}
	if _, err := p.Metadata(t.Context(), []byte("GIF89a and so on, which has no EXIF")); !errors.Is(err, media.ErrNoMetadata) {
		t.Errorf("a format that is not read: %v", err)
	}
	block := tiffBlock(map[uint16]string{0x010f: "Maker of cameras"})
	binary.LittleEndian.PutUint32(block[4:], 1<<30) // the directory lies beyond the end
	if tags, err := p.Metadata(t.Context(), withEXIF(picture, block)); err == nil && len(tags) > 0 {
		t.Errorf("a directory beyond the end: %v", tags)
	}
	if _, err := p.Metadata(t.Context(), append(bytes.Clone(picture[:200]), make([]byte, 40<<20)...)); err == nil {
		t.Error("a file over the limit was read")
	}
	// The pool still does its own work.
	look(t, p, picture)
}
