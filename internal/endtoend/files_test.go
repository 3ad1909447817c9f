package endtoend

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"mime/multipart"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/internal/sample"
)

// badFile is a file that a decoder may stumble over.
type badFile struct {
	name string
	data []byte
}

func badFiles(t *testing.T) []badFile {
	t.Helper()
	png := landscape(401)
	jpg := sample.JPEG(sample.Landscape(402, 320, 240), 80)
	out := []badFile{
		{"no bytes", []byte{}},
		{"one byte", []byte{0xff}},
		{"text named .png", []byte("This is not a picture.\n")},
		{"PNG signature only", png[:8]},
		{"gif, animated", animation(t)},
		{"png 1×1", sample.PNG(image.NewNRGBA(image.Rect(0, 0, 1, 1)))},
		{"png header 20000×20000", bombPNG(20000, 20000)},
		{"jpeg header 65535×65535", bombJPEG(t)},
		{"webp 16384×16384 in 28 bytes", bombWebP(16384, 16384)},
		{"png with a zip behind it", append(bytes.Clone(png), archive(t)...)},
		{"jpeg with a zip behind it", append(bytes.Clone(jpg), archive(t)...)},
		{"zip with a png behind it", append(archive(t), png...)},
		{"zip", archive(t)},
	}
	for _, cut := range []int{10, 50, 99} {
		out = append(out, badFile{fmt.Sprintf("png cut to %d %%", cut), png[:len(png)*cut/100]},
			badFile{fmt.Sprintf("jpeg cut to %d %%", cut), jpg[:len(jpg)*cut/100]})
	}
	return out
}

func animation(t *testing.T) []byte {
	t.Helper()
	g := &gif.GIF{}
	for i := range 4 {
		p := image.NewPaletted(image.Rect(0, 0, 160, 120), palette.Plan9)
		land := sample.Landscape(uint64(410+i), 160, 120)
		for y := range 120 {
			for x := range 160 {
				p.Set(x, y, land.At(x, y))
			}
		}
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// bombPNG is a PNG of hardly any bytes whose header claims all these pixels.
func bombPNG(w, h uint32) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	b := append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(head, 8, 6, 0, 0, 0))...)
	b = append(b, chunk("IDAT", []byte{0x78, 0x9c, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 1})...)
	return append(b, chunk("IEND", nil)...)
}

// bombJPEG is a JPEG of one block that claims to be as large as a JPEG can.
func bombJPEG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		t.Fatal(err)
	}
	out := b.Bytes()
	i := bytes.Index(out, []byte{0xff, 0xc0})
	copy(out[i+5:], []byte{0xff, 0xff, 0xff, 0xff})
	return out
}

// bombWebP is a lossless WebP of one colour, where a pixel costs no bits.
func bombWebP(w, h uint32) []byte {
	body := binary.LittleEndian.AppendUint32([]byte{0x2f}, (w-1)|(h-1)<<14)
	body = append(body, 0x88, 0x88, 8)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(12+len(body)))
	b = binary.LittleEndian.AppendUint32(append(b, "WEBPVP8L"...), uint32(len(body)))
	return append(b, body...)
}

func archive(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("hello.txt")
	if err == nil {
		_, err = f.Write([]byte("hello"))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// memory samples the peak memory of a process and its children. A child that
// has gone is counted with what it had when it was last seen.
type memory struct {
	pid  int
	stop chan struct{}
	done sync.WaitGroup

	mu   sync.Mutex
	peak int64 // kB at one moment; guarded by mu
}

func watchMemory(pid int) *memory {
	m := &memory{pid: pid, stop: make(chan struct{})}
	m.done.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			m.look()
			select {
			case <-m.stop:
				return
			case <-tick.C:
			}
		}
	})
	return m
}

func (m *memory) look() {
	total := peakRSS(m.pid)
	for _, child := range children(m.pid) {
		total += peakRSS(child)
	}
	m.mu.Lock()
	m.peak = max(m.peak, total)
	m.mu.Unlock()
}

// end stops the sampling and returns the peak in kB.
func (m *memory) end() int64 {
	close(m.stop)
	m.done.Wait()
	m.look()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.peak
}

// peakRSS is VmHWM in kB, 0 for a process that is gone.
func peakRSS(pid int) int64 {
	text, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	var kb int64
	_, _ = fmt.Sscan(between(string(text), "VmHWM:", "kB"), &kb)
	return kb
}

func children(pid int) []int {
	var out []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for f := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// TestEndToEndBadFiles: whatever is sent, the service stays up, says what it
// did not scan, and never allows that.
func TestEndToEndBadFiles(t *testing.T) {
	t.Parallel()
	const limit = 8 << 20
	s := serve(t, newAuthority(t), "ROWAN_MEDIA_MAX_FILE_BYTES="+strconv.Itoa(limit))
	service := s.key("service")
	c := caller{t, s.base(), service}
	check := func(name string, data []byte) client.Result {
		a := c.do("POST", "/v1/media/check", checkKind, checkForm(t, name, data))
		var r client.Result
		if a.status != 200 || json.Unmarshal(a.body, &r) != nil {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
		return r
	}
	check("warm", landscape(400))
	idle := watchMemory(s.pid()).end()
	m := watchMemory(s.pid())
	var table strings.Builder
	for _, f := range badFiles(t) {
		r := check(f.name, f.data)
		fmt.Fprintf(&table, "%-30s %8d bytes  %-11s %-18s %s\n", f.name, len(f.data), r.Scan, r.ScanReason, r.Verdict)
		switch {
		case r.Scan == "scanned" && r.ScanReason != "":
			t.Errorf("%s: scanned, and yet %q", f.name, r.ScanReason)
		case r.Scan != "scanned" && (r.Verdict == client.Allow || r.ScanReason == "" || strings.ContainsAny(r.ScanReason, " :/")):
			t.Errorf("%s: %+v, want a typed reason and no allow", f.name, r)
		}
		// The next good picture is none the worse.
		if r := check("after "+f.name, landscape(400)); r.Scan != "scanned" || r.Verdict != client.Allow {
			t.Fatalf("after %s a good picture got %+v", f.name, r)
		}
	}
	for _, over := range []int{1, 4 << 20} {
		a := c.do("POST", "/v1/media/check", checkKind, checkForm(t, "oversize", make([]byte, limit+over)))
		fmt.Fprintf(&table, "%-30s %8d bytes  HTTP %d\n", "oversize", limit+over, a.status)
		if a.status != 413 {
			t.Errorf("a file of %d bytes over the limit: %d %s", over, a.status, a.body)
		}
	}
	peak := m.end()
	t.Logf("memory of the server and its children: idle %d MiB, peak %d MiB\n%s", idle>>10, peak>>10, table.String())
	if grown := (peak - idle) >> 10; grown >= 256 {
		t.Errorf("bad files cost %d MiB, want under 256", grown)
	}
	if idle == 0 || len(children(s.pid())) == 0 {
		t.Error("no memory was measured, or the server has no children")
	}
	// What cannot be read is still compared byte for byte.
	cut := landscape(403)[:2000]
	s.knowing(s.key("admin"), cut)
	s.upload(service, "listed-cut", cut)
	if r := check("last", landscape(400)); r.Verdict != client.Allow || !s.alive() {
		t.Errorf("at the end: %+v, alive %v", r, s.alive())
	}
	s.stop()
}

const boundary = "end-to-end"
const checkKind = "multipart/form-data; boundary=" + boundary

// checkForm is the form of a check, also of no bytes at all.
func checkForm(t *testing.T, name string, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	meta, _ := json.Marshal(map[string]string{"content_id": name, "account_id": "acct-bad", "filename": "picture.png"})
	err := w.SetBoundary(boundary)
	if err == nil {
		err = w.WriteField("meta", string(meta))
	}
	p, fileErr := w.CreateFormFile("file", "picture.png")
	if err == nil && fileErr == nil {
		_, err = p.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil || fileErr != nil {
		t.Fatal(err, fileErr)
	}
	return b.Bytes()
}
