package media_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/media"
)

// seeds are files to damage: our own, and the test data and fuzz corpora of the
// toolchain and of x/image as far as they are on this machine.
// They come in groups of one format each.
func seeds(t testing.TB) [][][]byte {
	t.Helper()
	dirs := []string{"testdata"}
	goroot := runtime.GOROOT() //nolint:staticcheck // the only way to the toolchain's files
	dirs = append(dirs, filepath.Join(goroot, "src", "image"), filepath.Join(goroot, "src", "compress"))
	if out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/image").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	var all [][]byte
	for _, dir := range dirs {
		n := len(all)
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(path, "testdata") {
				return nil //nolint:nilerr // what cannot be read is left out
			}
			b, err := os.ReadFile(path)
			if err != nil || len(b) > 200_000 || slices.Contains([]string{".go", ".md", ".ttf", ".bz2"}, filepath.Ext(path)) {
				return nil //nolint:nilerr // likewise
			}
			if strings.Contains(path, string(filepath.Separator)+"fuzz"+string(filepath.Separator)) {
				b = fuzzSeed(b)
			}
			all = append(all, b)
			return nil
		})
		if len(all) == n {
			t.Logf("ABSENT: no files in %s", dir)
		}
	}
	drawn := samples(t)
	for _, name := range []string{"jpeg", "png", "apng", "gif", "bmp", "tiff", "tiff plain"} {
		all = append(all, drawn[name])
	}
	if len(all) < 30 {
		t.Fatalf("only %d files to damage", len(all))
	}
	t.Logf("%d files to damage", len(all))
	byFormat := map[string][][]byte{}
	for _, b := range all {
		format := media.Sniff(b)
		byFormat[format] = append(byFormat[format], b)
	}
	var out [][][]byte
	for _, format := range slices.Sorted(maps.Keys(byFormat)) {
		out = append(out, byFormat[format])
	}
	return out
}

// fuzzSeed is the first []byte of a file of Go's fuzzing cache format.
func fuzzSeed(b []byte) []byte {
	for line := range strings.Lines(string(b)) {
		if s, ok := strings.CutPrefix(strings.TrimSpace(line), "[]byte("); ok {
			if s, err := strconv.Unquote(strings.TrimSuffix(s, ")")); err == nil {
				return []byte(s)
			}
		}
	}
	return b
}

// lure is what a decoder that reads what it must not would be led to.
type lure struct{ file, tcp, socket string }

// factory makes hostile files. The n-th is the same each time.
type factory struct {
	t     testing.TB
	seeds [][][]byte // by format
	lure  lure
}

// mutant is the n-th file, and the way it was made.
func (f *factory) mutant(n int) (string, []byte) {
	r := rand.New(rand.NewPCG(20261124, uint64(n)))
	ways := []struct {
		name string
		make func(*rand.Rand) []byte
	}{
		{"bit flips", f.flips}, {"bit flips in headers", f.headerFlips}, {"splice", f.splice}, {"truncation", f.truncation},
		{"lying header", f.lies}, {"dimension bomb", f.dimensions}, {"chunk bomb", f.chunks}, {"polyglot", f.polyglot},
		{"lying signature", f.signature}, {"chain of directories", f.directories}, {"compression bomb", f.packed},
		{"boxes in boxes", f.boxes}, {"look-alike", f.alike}, {"stretched", f.stretched},
	}
	w := ways[n%len(ways)]
	return w.name, w.make(r)
}

// seed is one of the files, each format as often as any other.
func (f *factory) seed(r *rand.Rand) []byte {
	kind := f.seeds[r.IntN(len(f.seeds))]
	return bytes.Clone(kind[r.IntN(len(kind))])
}

func (f *factory) flips(r *rand.Rand) []byte {
	b := f.seed(r)
	for range 1 + r.IntN(20) {
		if len(b) > 0 {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
	}
	return b
}

func (f *factory) headerFlips(r *rand.Rand) []byte {
	b := f.seed(r)
	for range 1 + r.IntN(6) {
		if len(b) > 0 {
			b[r.IntN(min(len(b), 400))] = byte(r.Uint32())
		}
	}
	return b
}

func (f *factory) splice(r *rand.Rand) []byte {
	a, b := f.seed(r), f.seed(r)
	if len(a) == 0 || len(b) == 0 {
		return a
	}
	return append(a[:r.IntN(len(a))], b[r.IntN(len(b)):]...)
}

func (f *factory) truncation(r *rand.Rand) []byte {
	b := f.seed(r)
	return b[:r.IntN(len(b)+1)]
}

// lies puts extreme numbers where headers have sizes.
func (f *factory) lies(r *rand.Rand) []byte {
	b := f.seed(r)
	values := []uint32{0, 1, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 1 << 24, 0x7fffffff, 0x80000000, 0xffffffff, uint32(len(b))}
	for range 1 + r.IntN(3) {
		if len(b) < 12 {
			return b
		}
		at, v := r.IntN(min(len(b)-4, 600)), values[r.IntN(len(values))]
		switch r.IntN(4) {
		case 0:
			binary.BigEndian.PutUint32(b[at:], v)
		case 1:
			binary.LittleEndian.PutUint32(b[at:], v)
		case 2:
			binary.BigEndian.PutUint16(b[at:], uint16(v))
		case 3:
			binary.LittleEndian.PutUint16(b[at:], uint16(v))
		}
	}
	return b
}

func (f *factory) dimensions(r *rand.Rand) []byte {
	sides := []uint32{1, 5, 4000, 7700, 7746, 8000, 16383, 16384, 30000, 65535}
	w, h := sides[r.IntN(len(sides))], sides[r.IntN(len(sides))]
	switch r.IntN(9) {
	case 0:
		return bigJPEG(f.t, uint16(w), uint16(h), r.IntN(2) == 0)
	case 1:
		return bigPNG(w, h, []byte{0, 2, 3, 4, 6}[r.IntN(5)])
	case 2:
		return bigGIF(uint16(w), uint16(h))
	case 3:
		return bigBMP(w, h)
	case 4:
		return bigWebP(min(w, 16384), min(h, 16384))
	case 5:
		return bigTIFF(f.t, w)
	case 6:
		return lieISO(f.t, []string{"small.heic", "scene.heic", "alpha.heic"}[r.IntN(3)], w, h)
	case 7:
		return lieISO(f.t, []string{"small.avif", "scene.avif", "animated.avif"}[r.IntN(3)], w, h)
	}
	return bigJXL(uint64(w))
}

// chunks repeats a stretch of a file many times.
func (f *factory) chunks(r *rand.Rand) []byte {
	b := f.seed(r)
	if len(b) < 16 {
		return b
	}
	from := r.IntN(len(b) - 8)
	to := from + 1 + r.IntN(min(len(b)-from-1, 300))
	piece := b[from:to]
	return slices.Concat(b[:from], bytes.Repeat(piece, min(20_000, 400_000/len(piece))), b[to:])
}

func (f *factory) polyglot(r *rand.Rand) []byte {
	a, b := f.seed(r), f.seed(r)
	switch r.IntN(3) {
	case 0:
		return append(a, b...)
	case 1:
		return slices.Concat([]byte("%PDF-1.7\nPK\x03\x04")[:1+r.IntN(12)], a, b)
	}
	return slices.Concat(a, []byte("PK\x03\x04"), b)
}

// signature puts the first bytes of one format before the rest of another.
func (f *factory) signature(r *rand.Rand) []byte {
	a, b := f.seed(r), f.seed(r)
	n := min(len(a), len(b), 2+r.IntN(30))
	copy(b[:n], a[:n])
	return b
}

// directories is a TIFF of many pages, maybe in a circle.
func (f *factory) directories(r *rand.Rand) []byte {
	b, n := []byte("II*\x00\x08\x00\x00\x00"), 1+r.IntN(3000)
	for i := range n {
		next := uint32(8 + (i+1)*(2+12*2+4))
		if i == n-1 {
			next = []uint32{0, 8, 0xfffffff0, uint32(8 + i*30)}[r.IntN(4)]
		}
		b = append(b, 2, 0)
		for _, tag := range []uint16{256, uint16(250 + r.IntN(40))} {
			b = append(b, le16(tag, uint16(r.IntN(14)))...)
			b = binary.LittleEndian.AppendUint32(b, r.Uint32()>>r.IntN(32))
			b = binary.LittleEndian.AppendUint32(b, r.Uint32()>>r.IntN(32))
		}
		b = binary.LittleEndian.AppendUint32(b, next)
	}
	return b
}

// packed are files of which a few bytes unpack to very many.
func (f *factory) packed(r *rand.Rand) []byte {
	zeros := func(n int) []byte {
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		block := make([]byte, 1<<16)
		for range n >> 16 {
			_, _ = w.Write(block)
		}
		_ = w.Close()
		return z.Bytes()
	}
	n := 1 << (20 + r.IntN(6))
	side := uint32(1000 + r.IntN(6000))
	head := append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(be32(side, side), 8, []byte{0, 2, 3, 6}[r.IntN(4)], 0, 0, byte(r.IntN(2))))...)
	switch r.IntN(5) {
	case 0:
		return slices.Concat(head, pngChunk("IDAT", zeros(n)), pngChunk("IEND", nil))
	case 1:
		return iCCP(f.t, asPNG(f.t, scene(24, 16)), make([]byte, n))
	case 2:
		return packedTIFF(n)
	case 3:
		long := bytes.Repeat([]byte{0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4c, 1, 0}, 1+r.IntN(20_000))
		return slices.Concat(append([]byte("GIF89a"), le16(uint16(side/4), uint16(side/4))...), []byte{0x80, 0, 0, 0, 0, 0, 255, 255, 255}, long, []byte{0x3b})
	}
	return bigWebP(side, side)
}

// boxes nests boxes deeply, or puts very many in a row, with counts that lie.
func (f *factory) boxes(r *rand.Rand) []byte {
	kinds := []string{"meta", "iprp", "ipco", "ispe", "iinf", "infe", "iref", "dimg", "moov", "trak", "mdia", "minf", "stbl", "stsd", "ipma", "pitm", "irot", "colr", "mdat", "jxlc", "jxlp"}
	var inner []byte
	for range 1 + r.IntN(400) {
		body := inner
		if r.IntN(3) == 0 {
			body = append(bytes.Clone(inner), be32(r.Uint32()>>r.IntN(32), r.Uint32()>>r.IntN(32))...)
		}
		size := uint32(8 + len(body))
		if r.IntN(30) == 0 {
			size = []uint32{0, 1, 7, 0xffffffff}[r.IntN(4)]
		}
		inner = slices.Concat(be32(size), []byte(kinds[r.IntN(len(kinds))]), body)
		if r.IntN(20) == 0 && len(inner) < 10_000 {
			inner = bytes.Repeat(inner, 1+r.IntN(20))
		}
	}
	brand := []string{"heic", "avif", "avis", "mif1", "msf1", "hevc"}[r.IntN(6)]
	head := slices.Concat(be32(24), []byte("ftyp"+brand), be32(0), []byte("mif1"+brand))
	if r.IntN(2) == 0 { // a real file's parts after or within them
		s := fixture(f.t, []string{"small.heic", "small.avif", "animated.avif", "boxed.jxl"}[r.IntN(4)])
		at := r.IntN(len(s))
		return slices.Concat(s[:at], inner, s[at:])
	}
	return append(head, inner...)
}

// alike are files that ask a careless reader to fetch something.
func (f *factory) alike(r *rand.Rand) []byte {
	place := []string{"file://" + f.lure.file, "http://" + f.lure.tcp + "/x", f.lure.file, "unix:" + f.lure.socket, "concat:" + f.lure.file + "|x"}[r.IntN(5)]
	text := []string{
		"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n",
		"<?xml version='1.0'?><!DOCTYPE s [<!ENTITY x SYSTEM '%s'>]><svg xmlns='http://www.w3.org/2000/svg'><image href='%[1]s'/>&x;</svg>",
		"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 '%s'\n",
		"%%!PS\n(%s) (r) file\n", "ffconcat version 1.0\nfile '%s'\n",
	}[r.IntN(5)]
	b := fmt.Appendf(nil, text, place)
	switch r.IntN(4) {
	case 0:
		return slices.Concat(be32(24), []byte("ftypisom"), be32(0x200), []byte("isommp42"), b)
	case 1:
		return slices.Concat(be32(24), []byte("ftypheic"), be32(0), []byte("mif1heic"), be32(uint32(8+len(b))), []byte("mdat"), b)
	case 2:
		return append(f.seed(r), b...)
	}
	return b
}

// stretched puts junk into the middle.
func (f *factory) stretched(r *rand.Rand) []byte {
	b := f.seed(r)
	at := r.IntN(len(b) + 1)
	junk := make([]byte, 1<<r.IntN(18))
	if r.IntN(2) == 0 {
		for i := range junk {
			junk[i] = byte(r.Uint32())
		}
	}
	return slices.Concat(b[:at], junk, b[at:])
}
