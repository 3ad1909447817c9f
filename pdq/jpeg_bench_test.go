package pdq

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var beside = flag.Bool("pdq-djpeg", false, "time ScreenJPEG beside djpeg (scripts/bench-pdq)")

// quickest runs functions in turn and returns the least time of each.
func quickest(runs int, fs ...func()) []time.Duration {
	least := make([]time.Duration, len(fs))
	for run := range runs {
		for i, f := range fs {
			start := time.Now()
			f()
			if d := time.Since(start); run == 0 || d < least[i] {
				least[i] = d
			}
		}
	}
	return least
}

// TestBesideDjpeg prints the time from JPEG bytes to hash beside what djpeg takes
// to decode the same files to grey, less what it takes to start. It asserts
// nothing about time.
func TestBesideDjpeg(t *testing.T) {
	if !*beside {
		t.Skip("run by scripts/bench-pdq")
	}
	djpeg, err := exec.LookPath("djpeg")
	if err != nil {
		t.Skip("ABSENT: djpeg")
	}
	dir := t.TempDir()
	var files []string
	add := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
		return path
	}
	tiny := add("tiny.jpg", encode(t, photoColours(1, 8, 8, false), 85))
	files = nil
	for _, size := range [][2]int{{512, 512}, {1600, 1200}, {2272, 1704}} {
		m := photoColours(uint64(size[0]), size[0], size[1], false)
		for _, args := range []string{"-quality 85", "-quality 85 -progressive", "-quality 95 -sample 1x1"} {
			name := fmt.Sprintf("%dx%d%s.jpg", size[0], size[1], strings.ReplaceAll(args, " ", ""))
			add(name, cjpeg(t, m, strings.Fields(args)...))
		}
	}
	real, err := filepath.Glob("testdata/threatexchange/bridge-mods/*.jpg")
	if err != nil || len(real) == 0 {
		t.Fatal("no pictures of ThreatExchange", err)
	}
	files = append(files, real...)
	files = slices.DeleteFunc(files, func(path string) bool { return strings.HasSuffix(path, "shrink-a-lot.jpg") }) // too small to screen
	run := func(path string) func() {
		return func() {
			if out, err := exec.Command(djpeg, "-grayscale", "-outfile", os.DevNull, path).CombinedOutput(); err != nil {
				t.Fatalf("djpeg: %v: %s", err, out)
			}
		}
	}
	start := quickest(60, run(tiny))[0]
	t.Logf("beside: djpeg starts in %v on a picture of 8 by 8; measured again for each file and taken off below", start.Round(10*time.Microsecond))
	t.Logf("beside: %-38s %8s %9s %11s %6s", "file", "kB", "here", "djpeg gray", "ratio")
	var ours, theirs time.Duration
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		least := quickest(25, func() {
			if _, err := ScreenJPEG(data, testPixels); err != nil {
				t.Fatal(path, err)
			}
		}, run(path), run(tiny))
		a, b := least[0], least[1]-least[2]
		ours, theirs = ours+a, theirs+b
		t.Logf("beside: %-38s %8.0f %6.2f ms %8.2f ms %6.2f", filepath.Base(path), float64(len(data))/1000, a.Seconds()*1e3, b.Seconds()*1e3, float64(b)/float64(a))
	}
	t.Logf("beside: %-38s %8s %6.2f ms %8.2f ms %6.2f", "all", "", ours.Seconds()*1e3, theirs.Seconds()*1e3, float64(theirs)/float64(ours))
}

func BenchmarkScreenJPEG(b *testing.B) {
	paths, err := filepath.Glob("testdata/threatexchange/bridge-mods/[abhs]*[^0-9].jpg")
	if err != nil {
		b.Fatal(err)
	}
	m := photoColours(1600, 1600, 1200, false)
	files := map[string][]byte{
		"noise-q85":         cjpeg(b, m, "-quality", "85"),
		"noise-progressive": cjpeg(b, m, "-quality", "85", "-progressive"),
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		if len(data) > 100_000 {
			files[filepath.Base(path)] = data
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(files[name])))
			for b.Loop() {
				if _, err := ScreenJPEG(files[name], testPixels); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
