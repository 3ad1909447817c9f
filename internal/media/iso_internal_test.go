package media

import (
	"image/color"
	"testing"

	"pgregory.net/rapid"
)

// TestTurned turns and mirrors a picture step by step, as the boxes irot and
// imir say, and compares with what the orientation does.
func TestTurned(t *testing.T) {
	const w, h = 5, 3
	stored := raster{w: w, h: h, at: func(x, y int) color.NRGBA { return color.NRGBA{R: uint8(x), G: uint8(y), A: 255} }}
	for angle := range byte(4) {
		for mirror := -1; mirror <= 1; mirror++ {
			want := stored
			for range angle {
				of := want
				want = raster{w: of.h, h: of.w, at: func(x, y int) color.NRGBA { return of.at(of.w-1-y, x) }} // a quarter against the clock
			}
			of := want
			switch mirror {
			case 0: // top and bottom change places
				want.at = func(x, y int) color.NRGBA { return of.at(x, of.h-1-y) }
			case 1:
				want.at = func(x, y int) color.NRGBA { return of.at(of.w-1-x, y) }
			}
			got := stored.oriented(turned(angle, mirror))
			if got.w != want.w || got.h != want.h {
				t.Fatalf("angle %d, mirror %d: %d×%d", angle, mirror, got.w, got.h)
			}
			for y := range want.h {
				for x := range want.w {
					if got.at(x, y) != want.at(x, y) {
						t.Fatalf("angle %d, mirror %d: pixel (%d, %d) is %v, want %v", angle, mirror, x, y, got.at(x, y), want.at(x, y))
					}
				}
			}
		}
	}
}

// TestJXLSize writes the sizes of a codestream in every way that they can be
// written, and reads them.
func TestJXLSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var bits []int
		put := func(v, n int) {
			for i := range n {
				bits = append(bits, v>>i&1)
			}
		}
		small := rapid.Bool().Draw(t, "small")
		side := func(name string) int {
			if small {
				v := rapid.IntRange(0, 31).Draw(t, name)
				put(v, 5)
				return 8 * (v + 1)
			}
			class := rapid.IntRange(0, 3).Draw(t, name+" class")
			n := []int{9, 13, 18, 30}[class]
			v := rapid.IntRange(0, 1<<n-1).Draw(t, name)
			put(class, 2)
			put(v, n)
			return v + 1
		}
		if small {
			put(1, 1)
		} else {
			put(0, 1)
		}
		h := side("height")
		ratio := rapid.IntRange(0, 7).Draw(t, "ratio")
		put(ratio, 3)
		w := 0
		switch ratio {
		case 0:
			w = side("width")
		case 1:
			w = h
		case 2:
			w = h * 12 / 10
		case 3:
			w = h * 4 / 3
		case 4:
			w = h * 3 / 2
		case 5:
			w = h * 16 / 9
		case 6:
			w = h * 5 / 4
		case 7:
			w = h * 2
		}
		code := make([]byte, 16)
		copy(code, "\xff\x0a")
		for i, b := range bits {
			code[2+i/8] |= byte(b << (i % 8))
		}
		gotW, gotH, ok := jxlSize(code)
		if !ok || gotW != w || gotH != h {
			t.Errorf("%d×%d %v, want %d×%d", gotW, gotH, ok, w, h)
		}
	})
}

// TestISOTruncated: a file is complete only if its last box is.
func TestISOTruncated(t *testing.T) {
	whole := []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic\x00\x00\x00\x0cmdatabcd")
	for n := range len(whole) + 1 {
		want := n == 0 || n == 24 || n == len(whole)
		if l := layISO(whole[:n]); l.complete != want {
			t.Errorf("cut at %d: complete is %v", n, l.complete)
		}
	}
	if l := layISO(append(whole, "\x00\x01\x02\x03\x04\x05\x06\x07 junk"...)); !l.complete || l.end != len(whole) {
		t.Errorf("junk behind: complete %v, end %d", l.complete, l.end)
	}
}
