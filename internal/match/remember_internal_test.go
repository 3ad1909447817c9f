package match

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

func drawHash(t *rapid.T) (h pdq.Hash) {
	copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	return h
}

func drawUpload(t *rapid.T) Upload {
	names := rapid.SampledFrom([]string{"original", "flipX", "rotate90", "panel", ""})
	u := Upload{Scan: safety.ScanPartial, Reason: rapid.StringN(0, 10, 20).Draw(t, "reason"), Format: "png"}
	for range rapid.IntRange(0, 2).Draw(t, "exact") {
		h, err := safety.ParseHash(safety.MD5, drawHash(t).String()[:32])
		if err != nil {
			t.Fatal(err)
		}
		u.Query.Exact = append(u.Query.Exact, h)
	}
	if rapid.Bool().Draw(t, "print") {
		u.Query.Prints = []safety.Hash{{Type: "x_a", Value: drawHash(t).String()}}
	}
	for range rapid.IntRange(0, 20).Draw(t, "near") {
		n := Near{Hash: drawHash(t), Quality: rapid.IntRange(0, 100).Draw(t, "quality"), Variant: names.Draw(t, "variant"),
			Frame: rapid.IntRange(0, 5000).Draw(t, "frame"), At: time.Duration(rapid.Int64Range(0, 1<<45).Draw(t, "at"))}
		u.Query.Near = append(u.Query.Near, n)
		if rapid.Bool().Draw(t, "twice") {
			u.Query.Near = append(u.Query.Near, n)
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "videos") {
		v := Video{Variant: names.Draw(t, "variant")}
		for range rapid.IntRange(0, 9).Draw(t, "frames") {
			f := vpdq.Frame{Number: 7, At: 3, Quality: 90}
			if len(u.Query.Near) > 0 && rapid.Bool().Draw(t, "a known one") {
				n := rapid.SampledFrom(u.Query.Near).Draw(t, "which")
				f = vpdq.Frame{Number: n.Frame, At: n.At, Hash: n.Hash, Quality: n.Quality}
			}
			v.Frames = append(v.Frames, f)
		}
		u.Query.Video = append(u.Query.Video, v)
	}
	return u
}

// TestRemember: what is kept of an upload gives back all that its check looked up.
func TestRemember(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := drawUpload(t)
		body, whole := remember(&u)
		if !whole {
			t.Fatal("not whole")
		}
		var got Upload
		if err := recall(body, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(u, got); diff != "" {
			t.Errorf("(-noted +recalled):\n%s", diff)
		}
		for i := range body {
			if err := recall(body[:i], new(Upload)); err == nil {
				t.Errorf("cut to %d of %d bytes it is read", i, len(body))
			}
		}
	})
}

// TestRemember_Large: of a very long video only the original orientation is kept,
// and then only a part, and never more than the limit.
func TestRemember_Large(t *testing.T) {
	t.Parallel()
	long := func(n int) Upload {
		var u Upload
		for _, name := range pdq.VariantNames() {
			v := Video{Variant: name}
			for i := range n {
				h := pdq.Hash{byte(i), byte(i >> 8), byte(i >> 16), byte(len(name))}
				u.Query.Near = append(u.Query.Near, Near{Hash: h, Quality: 90, Variant: name, Frame: i, At: time.Duration(i) * time.Second})
				v.Frames = append(v.Frames, vpdq.Frame{Number: i, At: time.Duration(i) * time.Second, Hash: h, Quality: 90})
			}
			u.Query.Video = append(u.Query.Video, v)
		}
		u.Query.Exact = []safety.Hash{{Type: safety.MD5, Value: "d41d8cd98f00b204e9800998ecf8427e"}}
		return u
	}
	for _, tt := range []struct{ frames, near, videos int }{{2500, 20000, 8}, {10_000, 10_000, 1}, {100_000, 12_500, 1}} {
		u := long(tt.frames)
		body, whole := remember(&u)
		var got Upload
		if err := recall(body, &got); err != nil || len(body) > maxRemembered || whole != (tt.videos == 8) {
			t.Fatalf("%d frames: %d bytes, whole %v, %v", tt.frames, len(body), whole, err)
		}
		if len(got.Query.Near) != tt.near || len(got.Query.Video) != tt.videos || len(got.Query.Exact) != 1 {
			t.Errorf("%d frames: %d hashes and %d videos are kept", tt.frames, len(got.Query.Near), len(got.Query.Video))
		}
		if len(u.Query.Near) != 8*tt.frames {
			t.Error("the upload itself was changed")
		}
	}
}

// FuzzRecall: what is kept is read without a crash, and what is read can be kept.
func FuzzRecall(f *testing.F) {
	u := Upload{Scan: safety.ScanScanned, Query: Query{Near: []Near{{Variant: "original", Quality: 9}}, Video: []Video{{Variant: "flipX", Frames: []vpdq.Frame{{Quality: 9}, {}}}},
		Exact: []safety.Hash{{Type: safety.MD5, Value: "d41d8cd98f00b204e9800998ecf8427e"}}, Prints: []safety.Hash{{Type: "x_a", Value: "00"}}}}
	body, _ := remember(&u)
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		var u, again Upload
		if recall(body, &u) != nil {
			return
		}
		out, whole := remember(&u)
		if !whole {
			return
		}
		if err := recall(out, &again); err != nil || !cmp.Equal(u, again) {
			t.Errorf("%v", err)
		}
	})
}
