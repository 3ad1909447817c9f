package hamming

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// CorruptError says that a file of an index is damaged. What it held has to be
// loaded again from where it came.
type CorruptError struct {
	Path   string
	Reason string
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s is damaged: %s", e.Path, e.Reason) }

// VersionError says that a file is of another version of this package. What it
// holds has to be loaded again from where it came.
type VersionError struct{ Path string }

func (e *VersionError) Error() string {
	return e.Path + " is in the format of another version"
}

// A segment file is the memory of a segment. Its first page begins with a
// header, in the order of bytes of the machine that wrote it:
//
//	0   magic, 16 bytes
//	16  number of entries
//	24  number of different keys
//	32  bits of a position in a table
//	40  generation, see log.go
//	48  checksums of the chunks of what follows the first page, 4 bytes each
//	…   checksum of the header before it
//
// A file is cut into at most maxChunks chunks of equal size, which are checked
// side by side.
const (
	magic     = "rowan hamming 2\n"
	maxChunks = 256
	sumsAt    = 48
	headerSum = sumsAt + 4*maxChunks
)

var isVersion = regexp.MustCompile(`^rowan hamming [1-9]\n$`)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is the first page of the segment's file.
func (s *segment) header(generation uint64) []byte {
	h := make([]byte, headerSize)
	copy(h, magic)
	for i, v := range []uint64{uint64(s.shape.entries), uint64(s.shape.postings), uint64(s.shape.bits), generation} {
		binary.NativeEndian.PutUint64(h[16+8*i:], v)
	}
	for i, sum := range sums(s.data[headerSize:]) {
		binary.NativeEndian.PutUint32(h[sumsAt+4*i:], sum)
	}
	binary.NativeEndian.PutUint32(h[headerSum:], crc32.Checksum(h[:headerSum], castagnoli))
	return h
}

// sums returns the checksums of the chunks of data.
func sums(data []byte) [maxChunks]uint32 {
	var out [maxChunks]uint32
	size := (len(data)/maxChunks + 4096) &^ 4095
	parallel(maxChunks, runtime.GOMAXPROCS(0), func(i int) {
		if from := i * size; from < len(data) {
			out[i] = checksum(data[from:min(len(data), from+size)])
		}
	})
	return out
}

// checksum reads a piece in order first, which the processor foresees: what
// hash/crc32 does, several places at a time, it does not, and waits four times
// as long as it computes.
func checksum(data []byte) uint32 {
	const piece, cacheLine = 16 << 10, 64
	sum := uint32(0)
	for ; len(data) > 0; data = data[min(piece, len(data)):] {
		near, seen := data[:min(piece, len(data))], uint16(0)
		for i := 0; i < len(near); i += cacheLine {
			seen += uint16(near[i])
		}
		sink(seen)
		sum = crc32.Update(sum, castagnoli, near)
	}
	return sum
}

// unseal makes a segment of the bytes of a file, if nothing is wrong with them.
func unseal(data []byte) (s *segment, generation uint64, reason string) {
	if len(data) < headerSize || !bytes.HasPrefix(data, []byte(magic)) {
		return nil, 0, "it is not a segment of this version"
	}
	h := data[:headerSize]
	if binary.NativeEndian.Uint32(h[headerSum:]) != crc32.Checksum(h[:headerSum], castagnoli) {
		return nil, 0, "its header does not match the checksum; or it is of a machine with another order of bytes"
	}
	n, m, bits := binary.NativeEndian.Uint64(h[16:]), binary.NativeEndian.Uint64(h[24:]), binary.NativeEndian.Uint64(h[32:])
	most := uint64(len(data)) / 40
	sh := shape{int(min(n, most)), int(min(m, n, most)), int(min(max(bits, 1), 8*posSize))}
	if uint64(sh.entries) != n || uint64(sh.postings) != m || uint64(sh.bits) != bits || layoutOf(sh).size != len(data) {
		return nil, 0, "its length is not that of its number of entries"
	}
	for i, sum := range sums(data[headerSize:]) {
		if binary.NativeEndian.Uint32(h[sumsAt+4*i:]) != sum {
			return nil, 0, "its content does not match the checksum"
		}
	}
	s = newSegment(sh, data)
	if !s.valid() {
		return nil, 0, "its tables point outside of it"
	}
	s.mark()
	return s, binary.NativeEndian.Uint64(h[40:]), ""
}

// valid checks what a search relies on not to read outside of the segment, for
// a file made with intent has matching checksums. Positions are checked where
// they are read.
func (s *segment) valid() bool {
	for i := range s.slot {
		off := s.slot[i].off
		if off[0] != 0 || off[1<<16] != uint32(s.shape.postings) || !slices.IsSorted(off[:]) {
			return false
		}
	}
	for _, pair := range s.twins {
		if n := uint64(len(s.ids)); uint64(uint32(pair)) >= n || pair>>32 >= n {
			return false
		}
	}
	return true
}

// writeFile puts a segment at path, whole or not at all.
func writeFile(path string, s *segment, generation uint64) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err = f.Write(s.header(generation)); err != nil {
		return err
	}
	if _, err = f.Write(s.data[headerSize:]); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename or a new file in a directory last.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readFile opens a segment. A file that is not there is no segment and no error.
func readFile(path string) (*segment, uint64, error) {
	m, err := mapFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if head := m.data[:min(len(m.data), len(magic))]; isVersion.Match(head) && string(head) != magic {
		return nil, 0, &VersionError{path}
	}
	s, generation, reason := unseal(m.data)
	if reason != "" {
		return nil, 0, &CorruptError{path, reason}
	}
	s.owner = m
	return s, generation, nil
}

// parallel calls fn with 0 to n-1, workers of them at a time.
func parallel(n, workers int, fn func(i int)) {
	var next atomic.Int32
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	wg.Wait()
}
