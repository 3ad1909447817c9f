package media_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
)

// TestTorture runs hostile files through a pool and prints what became of them:
// 2,000 of them, or as many as ROWAN_TORTURE_MEDIA says (make torture-media).
// ROWAN_TORTURE_FILE=n runs the n-th alone.
func TestTorture(t *testing.T) {
	first, files := 0, effort(2000)
	if s := os.Getenv("ROWAN_TORTURE_MEDIA"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("ROWAN_TORTURE_MEDIA=%q is no number of files", s)
		}
		files = n
	}
	if s := os.Getenv("ROWAN_TORTURE_FILE"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		first, files = n, n+1
	}
	bait := newTrap(t)
	// The limits that Rowan serves with, but for the time. A child that tries a
	// forbidden system call dies of it, so that tries are counted.
	p := newPool(t, media.Trapping(media.Config{Children: 2, Limits: media.Limits{ChildData: 256 << 20, MaxHashed: 256, Timeout: 500 * time.Millisecond}}))
	f := &factory{t: t, seeds: seeds(t), lure: bait.lure}
	score := newScore()
	for n := first; n < files; n++ {
		way, data := f.mutant(n)
		before := p.Stats().Died
		r, rise := measured(t, p, data)
		sane(t, fmt.Sprintf("file %d (%s)", n, way), r)
		score.add(n, way, r, rise, p.Stats().Died-before)
	}
	stillWorks(t, p)
	score.print(t, p)
	if got := bait.touched(); got != 0 {
		t.Errorf("ESCAPE: %d touches of what is outside", got)
	}
	if n := p.Trapped(); n != 0 {
		t.Errorf("%d children tried a forbidden system call", n)
	}
	if score.rise > 64<<20 && !media.RaceDetector {
		t.Errorf("file %d made the server's memory rise by %d MiB", score.riseBy, score.rise>>20)
	}
}

// measured examines a file and tells how far the memory of this process, the
// server's side, rose above what it was before.
func measured(t testing.TB, p *media.Pool, data []byte) (media.Report, int64) {
	t.Helper()
	// Writing 5 sets the kernel's peak back to the present (proc(5)).
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil {
		t.Log("peaks of memory are NOT measured:", err)
	}
	before := memory("self", "VmRSS")
	r, err := p.Examine(context.Background(), data)
	if err != nil {
		t.Fatal(err)
	}
	return r, memory("self", "VmHWM") - before
}

// memory is a field of /proc/PID/status in bytes, 0 if there is none.
func memory(pid, field string) int64 {
	b, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// score adds up what became of the files.
type score struct {
	start    time.Time
	outcomes map[string]int
	formats  map[string]int
	killers  map[string]int
	rise     int64 // the most that one file made the server's memory rise
	riseBy   int
	slowest  time.Duration
	last     time.Time
	slow     int
	child    int64 // the most resident memory of a child
}

func newScore() *score {
	now := time.Now()
	return &score{start: now, last: now, outcomes: map[string]int{}, formats: map[string]int{}, killers: map[string]int{}}
}

func (s *score) add(n int, way string, r media.Report, rise, died int64) {
	s.outcomes[strings.TrimSpace(string(r.Scan)+" "+r.Reason)]++
	if r.Scan == safety.ScanScanned || r.Scan == safety.ScanPartial {
		s.formats[r.Format]++
	}
	if died > 0 {
		s.killers[fmt.Sprintf("%s: %s", way, r.Reason)]++
	}
	if rise > s.rise {
		s.rise, s.riseBy = rise, n
	}
	now := time.Now()
	if took := now.Sub(s.last); took > s.slowest {
		s.slowest, s.slow = took, n
	}
	s.last = now
	for pid := range strings.FieldsSeq(kids()) {
		s.child = max(s.child, memory(pid, "VmHWM"))
	}
}

func (s *score) print(t *testing.T, p *media.Pool) {
	t.Helper()
	var b bytes.Buffer
	total := 0
	for _, n := range s.outcomes {
		total += n
	}
	took := time.Since(s.start)
	fmt.Fprintf(&b, "%d hostile files in %v\n", total, took.Round(time.Second))
	table := func(title string, m map[string]int) {
		fmt.Fprintf(&b, "%s\n", title)
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(x, y string) int { return m[y] - m[x] })
		for _, k := range keys {
			fmt.Fprintf(&b, "  %-40s %7d\n", k, m[k])
		}
	}
	table("outcomes", s.outcomes)
	table("formats of files that were hashed at least in part", s.formats)
	table("children killed, by kind of file and reason", s.killers)
	stats := p.Stats()
	fmt.Fprintf(&b, "children that died %d; files spared a child %d; forbidden system calls tried %d\n", stats.Died, stats.Spared, p.Trapped())
	fmt.Fprintf(&b, "server: crashes 0; memory rose by at most %.1f MiB for one file (file %d)\n", float64(s.rise)/(1<<20), s.riseBy)
	fmt.Fprintf(&b, "children: at most %.0f MiB resident; slowest file %v (file %d)\n", float64(s.child)/(1<<20), s.slowest.Round(time.Millisecond), s.slow)
	t.Log("\n" + b.String())
}

// trap is what nothing in a child may touch: a watched file and two sockets
// that listen.
type trap struct {
	lure  lure
	watch int
	calls atomic.Int64
	t     testing.TB
}

func newTrap(t testing.TB) *trap {
	t.Helper()
	dir := t.TempDir()
	x := &trap{t: t}
	x.lure.file = filepath.Join(dir, "canary.jpg")
	if err := os.WriteFile(x.lure.file, asJPEG(t, scene(24, 16), 80), 0o644); err != nil {
		t.Fatal(err)
	}
	var err error
	if x.watch, err = syscall.InotifyInit1(syscall.IN_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.InotifyAddWatch(x.watch, x.lure.file, syscall.IN_ALL_EVENTS); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(x.watch) })
	x.lure.socket = filepath.Join(dir, "s")
	x.lure.tcp = x.listen("tcp", "127.0.0.1:0")
	x.listen("unix", x.lure.socket)
	return x
}

func (x *trap) listen(network, address string) string {
	l, err := net.Listen(network, address)
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			x.calls.Add(1)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

// touched counts what happened to file and sockets.
func (x *trap) touched() int64 {
	n := x.calls.Load()
	b := make([]byte, 4096)
	if k, err := syscall.Read(x.watch, b); err == nil && k > 0 {
		n += int64(k / syscall.SizeofInotifyEvent)
	}
	return n
}

// TestTrap: the bait notices.
func TestTrap(t *testing.T) {
	x := newTrap(t)
	if n := x.touched(); n != 0 {
		t.Errorf("%d touches of nothing", n)
	}
	if _, err := os.ReadFile(x.lure.file); err != nil {
		t.Fatal(err)
	}
	if n := x.touched(); n == 0 {
		t.Error("reading the file went unnoticed")
	}
	c, err := net.Dial("tcp", x.lure.tcp)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Read(make([]byte, 1)) // until the other side has closed
	if n := x.touched(); n == 0 {
		t.Error("a call of the socket went unnoticed")
	}
}
