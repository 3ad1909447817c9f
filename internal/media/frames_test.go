package media_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// pattern is the n-th of many pictures that hash differently: the scene with
// blocks laid over it as the bits of a scrambled n say.
func pattern(n uint32) *image.Paletted {
	m := scene(80, 64)
	bits := (n + 1) * 0x9e3779b1
	for b := range 24 {
		if bits>>b&1 == 0 {
			continue
		}
		for y := range 12 {
			for x := range 10 {
				m.SetNRGBA(b%6*13+x, b/6*16+y, color.NRGBA{R: uint8(40 + 60*(b%4)), G: 30, B: 90, A: 255})
			}
		}
	}
	p, _ := paletted(m, palette.Plan9).(*image.Paletted)
	return p
}

// pngPart is a picture as PNG chunks.
type pngPart struct{ header, data []byte }

func asPart(t testing.TB, m image.Image) pngPart {
	t.Helper()
	rgba := image.NewNRGBA(m.Bounds())
	convert(m, rgba)
	rgba.Pix[3] = 254 // so that the encoder keeps alpha in every frame
	header, data := pngParts(asPNG(t, rgba))
	return pngPart{header, data}
}

// asAPNG makes an animation of whole frames that replace each other.
func asAPNG(frames []pngPart) []byte {
	var out []byte
	seq := uint32(0)
	for i, f := range frames {
		header, data := f.header, f.data
		if i == 0 {
			out = append([]byte("\x89PNG\r\n\x1a\n"), header...)
			out = append(out, pngChunk("acTL", be32(uint32(len(frames)), 0))...)
		}
		control := be32(seq, 80, 64, 0, 0)
		out = append(out, pngChunk("fcTL", append(control, 0, 1, 0, 10, 0, 0))...)
		seq++
		if i == 0 {
			out = append(out, pngChunk("IDAT", data)...)
			continue
		}
		out = append(out, pngChunk("fdAT", append(be32(seq), data...))...)
		seq++
	}
	return append(out, pngChunk("IEND", nil)...)
}

func asAnimatedGIF(t testing.TB, frames []*image.Paletted) []byte {
	t.Helper()
	g := &gif.GIF{Image: frames, Delay: make([]int, len(frames))}
	return encoded(t, func(b *bytes.Buffer) error { return gif.EncodeAll(b, g) })
}

// TestNoDistinctFrameIsSkipped is the promise about animations, for any order
// of any number of frames, repeated or not: if the file counts as scanned, every
// frame's hash is in the report; else the report says that frames are missing.
func TestNoDistinctFrameIsSkipped(t *testing.T) {
	const distinct = 24
	pool := map[int]*media.Pool{}
	for _, most := range []int{4, 12, 64} {
		pool[most] = newPool(t, media.Config{Children: 1, Limits: media.Limits{MaxHashed: most}})
	}
	var pictures [distinct]*image.Paletted
	var parts [distinct]pngPart
	var hashes [distinct]pdq.Hash
	for i := range pictures {
		pictures[i] = pattern(uint32(i))
		parts[i] = asPart(t, pictures[i])
		r, err := pdq.FromImage(pictures[i])
		if err != nil {
			t.Fatal(err)
		}
		hashes[i] = r.Hash
	}
	outcomes := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SliceOfN(rapid.IntRange(0, distinct-1), 2, 40).Draw(rt, "order")
		if rapid.Bool().Draw(rt, "few") {
			for i := range order {
				order[i] %= 5
			}
		}
		most := rapid.SampledFrom([]int{4, 12, 64}).Draw(rt, "most")
		frames := make([]*image.Paletted, len(order))
		apng := make([]pngPart, len(order))
		for i, n := range order {
			frames[i], apng[i] = pictures[n], parts[n]
		}
		kind, data := "gif", asAnimatedGIF(t, frames)
		if rapid.Bool().Draw(rt, "apng") {
			kind, data = "png", asAPNG(apng)
		}
		r := look(t, pool[most], data)
		if r.Format != kind || r.Frames != len(order) {
			rt.Fatalf("%s with %d frames, want %s with %d", r.Format, r.Frames, kind, len(order))
		}
		var missing []int
		for i, n := range order {
			if !slices.ContainsFunc(r.Hashes, func(h media.FrameHash) bool { return h.Variant == "original" && h.PDQ.Distance(hashes[n]) <= 2 }) {
				missing = append(missing, i)
			}
		}
		kinds := slices.Clone(order)
		slices.Sort(kinds)
		kinds = slices.Compact(kinds)
		outcomes[fmt.Sprintf("%s %s", r.Scan, r.Reason)]++
		switch {
		case r.Scan == safety.ScanScanned && len(missing) > 0:
			rt.Errorf("scanned, but frames %v are not in the report", missing)
		case r.Scan == safety.ScanPartial && (r.Reason != media.ReasonTooManyFrames || len(missing) == 0):
			rt.Errorf("partial %s with %d frames missing", r.Reason, len(missing))
		case len(kinds) <= most && r.Scan != safety.ScanScanned && len(order) <= most:
			rt.Errorf("%s %s, though %d frames may be kept", r.Scan, r.Reason, most)
		case len(missing) > 0 && len(r.Hashes)/8 < min(most, len(kinds))/2:
			rt.Errorf("only %d frames are kept, %d may be, %d differ", len(r.Hashes)/8, most, len(kinds))
		}
	})
	t.Logf("%v", outcomes)
	if len(outcomes) < 2 {
		t.Error("only one outcome was met: this test shows little")
	}
}
