package match

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

// TestVideoBody: what is kept of a video comes back, in order of time, whatever
// order it was given in, and looks the same each time.
func TestVideoBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var in, want []vpdq.Frame
		at := time.Duration(0)
		for i := range rapid.IntRange(1, 40).Draw(t, "frames") {
			at += time.Duration(rapid.IntRange(1, 1e6).Draw(t, "gap")) * time.Millisecond
			f := vpdq.Frame{At: at, Quality: rapid.IntRange(40, 100).Draw(t, "quality")}
			f.Hash[i%32] = byte(i + 1)
			in = append(in, f)
			if f.Quality >= pdq.MinQuality {
				f.Number = len(want)
				want = append(want, f)
			}
		}
		mixed := rapid.Permutation(in).Draw(t, "order")
		body, err := VideoBody(mixed)
		if len(want) == 0 {
			if err == nil {
				t.Fatal("a video without a usable frame")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := parseBody(body)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v", got, err)
		}
		again, err := VideoBody(in)
		if err != nil || !slices.Equal(again, body) {
			t.Fatal("the body depends on the order")
		}
	})
}

func FuzzParseBody(f *testing.F) {
	body, err := VideoBody([]vpdq.Frame{{Hash: pdq.Hash{1}, Quality: 60}, {Hash: pdq.Hash{2}, Quality: 60, At: time.Hour}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Add([]byte{bodyVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		frames, err := parseBody(b)
		if err != nil {
			return
		}
		for i, g := range frames {
			if g.At < 0 || g.Quality > 100 || i > 0 && g.At < frames[i-1].At {
				t.Fatalf("frame %d: %+v", i, g)
			}
		}
	})
}

func FuzzVideoSignal(f *testing.F) {
	f.Add([]byte(`["e6cf059c4c6696362cc9d6663cd9c263714169d98327399993363d9c3d9cc666,100,0.5"]`))
	f.Add([]byte("0,100,e6cf059c4c6696362cc9d6663cd9c263714169d98327399993363d9c3d9cc666,0.000\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := videoSignal(b)
		if err != nil {
			return
		}
		if _, err := parseBody(body); err != nil || len(h.Value) != 71 {
			t.Fatalf("%v", err)
		}
	})
}
