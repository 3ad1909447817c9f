package vpdq_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

func sample(t testing.TB, name string) []vpdq.Frame {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	frames, err := vpdq.Parse(f)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

// TestReference compares with the percentages that the reference's C++ tools
// print for its own sample hashes at 31 bits and quality 50.
func TestReference(t *testing.T) {
	query := sample(t, "chair-19-sd-bar")
	for _, c := range []struct {
		target         string
		query, target_ string
	}{
		{"chair-20-sd-bar", "100.00", "92.18"},
		{"chair-22-with-large-logo-bar", "10.46", "10.55"},
		{"chair-22-sd-grey-bar", "100.00", "83.95"},
		{"doorknob-hd-no-bar", "0.00", "0.00"},
	} {
		target := sample(t, c.target)
		r := vpdq.Compare(query, target, vpdq.Reference)
		if q, g := fmt.Sprintf("%.2f", r.QueryPercent), fmt.Sprintf("%.2f", r.TargetPercent); q != c.query || g != c.target_ {
			t.Errorf("%s: query %s, target %s, want %s and %s", c.target, q, g, c.query, c.target_)
		}
		x := vpdq.NewIndex(vpdq.Reference)
		x.Insert(7, target)
		found := x.Search(query, vpdq.Thresholds{})
		if r.QueryPercent == 0 {
			if len(found) != 0 {
				t.Errorf("%s: the index finds %+v", c.target, found)
			}
			continue
		}
		if len(found) != 1 || found[0].ID != 7 || !reflect.DeepEqual(found[0].Result, r) {
			t.Errorf("%s: the index says %+v, comparing %+v", c.target, found, r)
		}
		t.Logf("%-30s %s %% of the query, %s %% of the target, longest stretch %v", c.target, c.query, c.target_, r.Segments[0])
	}
}

// TestConventions: up to or below the tolerance, and equal frames once or each.
func TestConventions(t *testing.T) {
	var a pdq.Hash
	b := a
	b[0], b[1], b[2], b[3] = 0xff, 0xff, 0xff, 0x7f // 31 bits
	q := []vpdq.Frame{{Hash: a, Quality: 100}, {Hash: a, Quality: 100}, {Hash: b, Quality: 49}, {Hash: flip(a, 200), Quality: 100}}
	target := []vpdq.Frame{{Hash: b, Quality: 50}}
	for _, c := range []struct {
		o    vpdq.Options
		want float64
	}{
		{vpdq.Options{}, 50}, // one of two different usable frames
		{vpdq.Options{Below: true}, 0},
		{vpdq.Options{Repeated: true}, 100 * 2 / 3.0},
		{vpdq.Options{Distance: 30}, 0},
		{vpdq.Options{Distance: 32, Below: true}, 50},
		{vpdq.Options{Quality: -1}, 100 * 2 / 3.0},
		{vpdq.Options{Quality: 51}, 0},
		{vpdq.Options{Distance: -1}, 0},
		{vpdq.Options{Distance: -1, Quality: -1}, 100 / 3.0},
	} {
		if r := vpdq.Compare(q, target, c.o); math.Abs(r.QueryPercent-c.want) > 1e-9 {
			t.Errorf("%+v: %.2f %%, want %.2f", c.o, r.QueryPercent, c.want)
		}
	}
	if r := vpdq.Compare(nil, target, vpdq.Options{}); r.QueryPercent != 0 || r.TargetPercent != 0 {
		t.Errorf("no frames: %+v", r)
	}
}

func flip(h pdq.Hash, bits int) pdq.Hash {
	for i := range bits {
		h[i/8] ^= 1 << (i % 8)
	}
	return h
}

func random(r *rand.Rand) (h pdq.Hash) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

// clip is n different frames, one a second.
func clip(seed uint64, n int) []vpdq.Frame {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]vpdq.Frame, n)
	for i := range out {
		out[i] = vpdq.Frame{Number: 30 * i, At: time.Duration(i) * time.Second, Hash: random(r), Quality: 100}
	}
	return out
}

// shifted is a clip that begins later.
func shifted(frames []vpdq.Frame, by time.Duration) []vpdq.Frame {
	out := append([]vpdq.Frame(nil), frames...)
	for i := range out {
		out[i].At += by
	}
	return out
}

// TestSegments: two scenes of a known video within a longer one are told with
// their times, and their order does not matter.
func TestSegments(t *testing.T) {
	known, other := clip(1, 120), clip(2, 300)
	query := append(append([]vpdq.Frame(nil), other[:50]...), shifted(known[80:110], -30*time.Second)...) // 50 to 79 s
	query = append(query, shifted(other[100:120], -20*time.Second)...)                                    // 80 to 99 s
	query = append(query, shifted(known[10:25], 90*time.Second)...)                                       // 100 to 114 s
	r := vpdq.Compare(query, known, vpdq.Options{})
	if want := 100 * 45 / 115.0; math.Abs(r.QueryPercent-want) > 1e-9 {
		t.Errorf("%.2f %% of the query, want %.2f", r.QueryPercent, want)
	}
	s := time.Second
	want := []vpdq.Segment{{50 * s, 79 * s, 80 * s, 109 * s, 30}, {100 * s, 114 * s, 10 * s, 24 * s, 15}}
	if !reflect.DeepEqual(r.Segments, want) {
		t.Errorf("segments %v, want %v", r.Segments, want)
	}
}

// TestSegments_Still: two still scenes are one segment, not thousands.
func TestSegments_Still(t *testing.T) {
	still := make([]vpdq.Frame, 600)
	for i := range still {
		still[i] = vpdq.Frame{At: time.Duration(i) * time.Second, Hash: flip(pdq.Hash{}, i%5), Quality: 100}
	}
	r := vpdq.Compare(still, still, vpdq.Options{Repeated: true})
	if r.QueryPercent != 100 || len(r.Segments) == 0 || len(r.Segments) > 16 {
		t.Errorf("%.0f %%, %d segments", r.QueryPercent, len(r.Segments))
	}
}

// TestIndex_AgainstCompare: in any set of videos the index says what comparing
// with each of them says.
func TestIndex_AgainstCompare(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 2))
		pool := make([]pdq.Hash, 12)
		for i := range pool {
			pool[i] = random(r)
		}
		video := func() []vpdq.Frame {
			out := make([]vpdq.Frame, r.IntN(12))
			for i := range out {
				out[i] = vpdq.Frame{At: time.Duration(i) * time.Second, Hash: flip(pool[r.IntN(len(pool))], r.IntN(40)), Quality: r.IntN(101)}
			}
			return out
		}
		o := vpdq.Options{Below: r.IntN(2) == 0, Repeated: r.IntN(2) == 0}
		x := vpdq.NewIndex(o)
		all := map[uint64][]vpdq.Frame{}
		for range r.IntN(20) {
			id := uint64(r.IntN(8))
			if r.IntN(4) == 0 {
				_, had := all[id]
				if x.Delete(id) != had {
					rt.Fatalf("deleting %d, which was there: %t", id, had)
				}
				delete(all, id)
				continue
			}
			all[id] = video()
			x.Insert(id, all[id])
		}
		query := video()
		got := map[uint64]vpdq.Result{}
		for _, m := range x.Search(query, vpdq.Thresholds{}) {
			got[m.ID] = m.Result
		}
		for id, v := range all {
			want := vpdq.Compare(query, v, o)
			if want.QueryPercent == 0 {
				if _, ok := got[id]; ok {
					rt.Fatalf("video %d was found and has nothing in common", id)
				}
			} else if g := got[id]; g.QueryPercent != want.QueryPercent || g.TargetPercent != want.TargetPercent || !reflect.DeepEqual(g.Segments, want.Segments) {
				rt.Fatalf("video %d: index %+v, comparing %+v", id, g, want)
			}
			delete(got, id)
		}
		if len(got) != 0 || x.Len() != len(all) {
			rt.Fatalf("found videos that are not there: %v", got)
		}
	})
}

// TestIndex_Picture: a picture is found as a frame of a video.
func TestIndex_Picture(t *testing.T) {
	x := vpdq.NewIndex(vpdq.Options{})
	a, b := clip(1, 10), clip(2, 10)
	x.Insert(1, a)
	x.Insert(2, b)
	found := x.Picture(flip(b[4].Hash, 12), 5)
	if len(found) != 1 || found[0].ID != 2 || found[0].Frame != b[4] || found[0].Distance != 12 {
		t.Errorf("found %+v", found)
	}
}

// TestFormats: what is written is read again, in both formats.
func TestFormats(t *testing.T) {
	frames := sample(t, "doorknob-hd-no-bar")
	var text bytes.Buffer
	if err := vpdq.Format(&text, frames); err != nil {
		t.Fatal(err)
	}
	original, err := os.ReadFile("testdata/doorknob-hd-no-bar.txt")
	if err != nil || strings.TrimSpace(text.String()) != strings.TrimSpace(string(original)) {
		t.Errorf("the reference's file is written differently, %v", err)
	}
	data, err := vpdq.FormatJSON(frames)
	if err != nil {
		t.Fatal(err)
	}
	back, err := vpdq.ParseJSON(data)
	for i := range back {
		back[i].Number = frames[i].Number // which JSON does not have
	}
	if err != nil || !reflect.DeepEqual(back, frames) {
		t.Errorf("JSON: %v", err)
	}
	// The Python library's times have three significant digits.
	hash := strings.Repeat("ab", 32)
	for text, want := range map[string]time.Duration{"123.0": 123 * time.Second, "1.23e+03": 1230 * time.Second, "0.033": 33 * time.Millisecond} {
		f, err := vpdq.ParseJSON([]byte(`["` + hash + `,100,` + text + `"]`))
		if err != nil || f[0].At != want {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
}

func TestParse_Refuses(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for _, bad := range []string{"x", "0,100," + hash, "0,100," + hash + ",1,2", "a,100," + hash + ",1", "-1,100," + hash + ",1", "0,101," + hash + ",1",
		"0,-1," + hash + ",1", "0,100,ab,1", "0,100," + hash + ",NaN", "0,100," + hash + ",-1", "0,100," + hash + ",1e9", strings.Repeat("9", 1<<17)} {
		_, err := vpdq.Parse(strings.NewReader("0,100," + hash + ",0.000\n" + bad))
		var e *vpdq.SyntaxError
		if !errors.As(err, &e) || e.Line != 2 || strings.Contains(err.Error(), "ab") && !strings.Contains(bad, "x") {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "{}", `[1]`, `["x"]`, `["` + hash + `,100"]`, `["` + hash + `,x,1"]`} {
		if _, err := vpdq.ParseJSON([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("0,100," + strings.Repeat("ab", 32) + ",0.033\n"))
	f.Add([]byte(`["` + strings.Repeat("ab", 32) + `,100,1.23"]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if frames, err := vpdq.Parse(bytes.NewReader(data)); err == nil {
			var b bytes.Buffer
			if err := vpdq.Format(&b, frames); err != nil {
				t.Fatal(err)
			}
			again, err := vpdq.Parse(&b)
			if err != nil || len(again) != len(frames) || len(frames) > 0 && !reflect.DeepEqual(again, frames) {
				t.Fatalf("%v became %v, %v", frames, again, err)
			}
		}
		_, _ = vpdq.ParseJSON(data)
	})
}

func ExampleCompare() {
	// A video of two seconds, and one that shows its second frame a little
	// changed between others.
	known, _ := vpdq.Parse(strings.NewReader(
		"0,100,e271017837246aaccddea259648fb7d62f435c89d9e99b2497763e216c8d055c,0.000\n" +
			"30,100,93aa0ba454d3805e02be04a883b839a85bee83d0cbac3d306331584c1ebec0c6,1.000\n"))
	seen, _ := vpdq.Parse(strings.NewReader(
		"0,100,fb4eed46cb8a6c78819ca06b756c541f7b07ef6d02c82fccd00f862166272cda,0.000\n" +
			"25,100,93aa0ba454d3805e02be04a883b839a85bee83d0cbac3d306331584c1ebec0c0,1.000\n"))
	r := vpdq.Compare(seen, known, vpdq.Options{})
	fmt.Printf("%.0f %% of the query, %.0f %% of the target\n", r.QueryPercent, r.TargetPercent)
	// Output: 50 % of the query, 50 % of the target
}

func BenchmarkSearch(b *testing.B) {
	x := vpdq.NewIndex(vpdq.Options{})
	for id := range uint64(2000) {
		x.Insert(id, clip(id, 100))
	}
	query := clip(1, 60)
	for b.Loop() {
		x.Search(query, vpdq.Thresholds{Query: 80})
	}
}
