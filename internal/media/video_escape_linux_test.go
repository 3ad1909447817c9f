package media_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
)

// TestVideoPlaylists: a list of other files, whatever it is dressed as, is
// answered typed, and nothing that it names is touched.
func TestVideoPlaylists(t *testing.T) {
	p := newVideoPool(t, media.Config{})
	bait := newTrap(t)
	hls := "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + bait.lure.file + "\n#EXTINF:1,\nhttp://" + bait.lure.tcp + "/a.ts\n"
	concat := "ffconcat version 1.0\nfile " + bait.lure.file + "\nfile tcp://" + bait.lure.tcp + "\n"
	ftyp := "\x00\x00\x00\x14ftypisom\x00\x00\x02\x00isom"
	for name, data := range map[string]string{
		"HLS": hls, "concat": concat, "DASH": "<?xml version=\"1.0\"?><MPD><BaseURL>http://" + bait.lure.tcp + "/</BaseURL></MPD>",
		"HLS after ftyp": ftyp + hls, "concat after ftyp": ftyp + concat,
		"HLS in mdat":         ftyp + fmt.Sprintf("\x00\x00\x00%cmdat%s", 8+len(hls), hls),
		"HLS in Matroska":     "\x1a\x45\xdf\xa3\x9f\x42\x82\x88matroska" + hls,
		"HLS in AVI":          "RIFF\xff\x00\x00\x00AVI " + hls,
		"a reference movie":   ftyp + referenceMovie("file://"+bait.lure.file),
		"a reference to http": ftyp + referenceMovie("http://"+bait.lure.tcp+"/a.mov"),
	} {
		r := look(t, p, []byte(data))
		sane(t, name, r)
		if r.Scan != safety.ScanFailed && r.Scan != safety.ScanUnsupported || len(r.Hashes) > 0 {
			t.Errorf("%s: %s %s", name, r.Scan, r.Reason)
		}
	}
	if n := bait.touched(); n != 0 {
		t.Errorf("ESCAPE: %d touches of what is outside", n)
	}
	noChildrenLeft(t)
}

func box(kind, body string) string {
	n := len(body) + 8
	return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) + kind + body
}

// referenceMovie is QuickTime's way of naming another file.
func referenceMovie(url string) string {
	url += "\x00"
	rdrf := "\x00\x00\x00\x00url " + string([]byte{0, 0, byte(len(url) >> 8), byte(len(url))}) + url
	return box("moov", box("rmra", box("rmda", box("rdrf", rdrf))))
}

// burglarMain makes this test program behave, when it is started in ffmpeg's
// place, like an ffmpeg that was taken over. It tries to get out and says on its
// standard output, as a picture, how far it came.
func burglarMain() {
	if len(os.Args) == 0 || os.Args[0] != "ffmpeg" {
		return
	}
	got := burgle()
	_, _ = fmt.Fprintf(os.Stderr, "[info]   Stream #0:0: Video: x\n[info]   Stream #0:0: Video: x\n[error] %s\n", got)
	os.Exit(len(got))
}

// burgle tries all ways out and returns a letter for each that is open.
func burgle() (open string) {
	try := func(letter string, err error) {
		if err == nil {
			open += letter
		}
	}
	for _, name := range []string{"/etc/passwd", "/proc/1/environ", "/proc/self/environ", os.TempDir(), "/root", "/"} {
		f, err := os.Open(name)
		if err == nil {
			_ = f.Close()
		}
		try("r", err)
	}
	if f, err := os.OpenFile(filepath.Join(os.TempDir(), "rowan-burglar"), os.O_CREATE|os.O_RDWR, 0o600); err == nil {
		_ = f.Close()
		open += "w"
	}
	for _, a := range [][2]string{{"tcp", "127.0.0.1:1"}, {"udp", "127.0.0.1:1"}, {"unix", "/run/x"}} {
		c, err := net.Dial(a[0], a[1])
		if err == nil {
			_ = c.Close()
			open += "n"
		} else if !strings.Contains(err.Error(), "not permitted") && !strings.Contains(err.Error(), "denied") {
			open += "N"
		}
	}
	for _, program := range []string{"/bin/sh", "/bin/true", "/usr/bin/env"} {
		p, err := os.StartProcess(program, []string{program}, &os.ProcAttr{})
		if err == nil {
			_, _ = p.Wait()
		}
		try("x", err)
		try("X", syscall.Exec(program, []string{program}, nil))
	}
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		try("m", unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC))
	}
	_, err = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	try("M", err)
	try("k", unix.Kill(os.Getppid(), 0))
	try("u", unix.Unshare(unix.CLONE_NEWUSER))
	try("l", unix.Setrlimit(unix.RLIMIT_CPU, &unix.Rlimit{Cur: 1, Max: 1}))
	for fd := 3; fd < 32; fd++ { // nothing is inherited but the standard three
		name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil && !strings.HasPrefix(name, "anon_inode:") { // the Go runtime's own
			open += "f(" + name + ")"
		}
	}
	if _, err := unix.Pwrite(0, []byte("x"), 0); err == nil {
		open += "0"
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return open
}

// TestVideoBurglar puts a hostile program in ffmpeg's place: the sandbox holds
// whatever the program is.
func TestVideoBurglar(t *testing.T) {
	if media.RaceDetector {
		t.Log("NOT tested under the race detector, whose runtime does not start in the sandbox")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "burglar") // the launcher must not be what it may execute
	if err := os.WriteFile(copied, b, 0o700); err != nil {
		t.Fatal(err)
	}
	code, said, err := media.RunConfined(t.Context(), copied, "ffmpeg")
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 || !strings.Contains(said, "[info]   Stream") {
		t.Errorf("ways out, by letter: %q (status %d)", said, code)
	}
}
