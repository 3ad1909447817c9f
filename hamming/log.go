package hamming

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// A log is records of 48 bytes, little-endian, one for each change:
//
//	0   1 insert, 2 delete; 3 zeros
//	4   checksum of the generation, the record's number and the rest of it
//	8   id
//	16  key, zero in a delete
//
// Log g has the changes since segment file g. A checkpoint begins log g+1
// first, then writes segment g+1, then removes log g; the segment may already
// hold changes of log g+1, which does not matter, since every record says all
// of its id.
const recordSize = 48

const (
	opInsert = 1
	opDelete = 2
)

type journal struct {
	file       *os.File
	buf        *bufio.Writer
	generation uint64
	records    uint64
	err        error // the first failure; nothing is written after it
}

func logPath(path string, generation uint64) string {
	return fmt.Sprintf("%s.log.%d", path, generation)
}

func recordSum(r *[recordSize]byte, generation, number uint64) uint32 {
	var b [16 + recordSize]byte
	binary.LittleEndian.PutUint64(b[:], generation)
	binary.LittleEndian.PutUint64(b[8:], number)
	copy(b[16:], r[:])
	clear(b[20:24])
	return crc32.Checksum(b[:], castagnoli)
}

// append adds a record. It fails silently; sync tells.
func (j *journal) append(op byte, id uint64, w words) {
	if j == nil || j.err != nil {
		return
	}
	var r [recordSize]byte
	r[0] = op
	binary.LittleEndian.PutUint64(r[8:], id)
	for i := range w {
		binary.LittleEndian.PutUint64(r[16+8*i:], w[i])
	}
	binary.LittleEndian.PutUint32(r[4:], recordSum(&r, j.generation, j.records))
	j.records++
	_, j.err = j.buf.Write(r[:])
}

func (j *journal) sync() error {
	if j.err == nil {
		j.err = j.buf.Flush()
	}
	if j.err == nil {
		j.err = j.file.Sync()
	}
	return j.err
}

// openLog opens a log for appending after its first n records, which are kept;
// what follows is cut off.
func openLog(path string, generation, n uint64) (*journal, error) {
	f, err := os.OpenFile(logPath(path, generation), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(int64(n) * recordSize)
	if err == nil {
		_, err = f.Seek(int64(n)*recordSize, 0)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &journal{file: f, buf: bufio.NewWriterSize(f, 1<<16), generation: generation, records: n}, nil
}

// replay applies the records of a log and returns their number. A last record
// that is torn, or several that were never whole, are left out; one that is
// followed by a whole one was damaged later, which is an error.
func (x *Index) replay(path string, generation uint64, last bool) (uint64, error) {
	name := logPath(path, generation)
	data, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	n, whole := uint64(0), true
	for at := 0; at+recordSize <= len(data); at += recordSize {
		r := (*[recordSize]byte)(data[at:])
		ok := (r[0] == opInsert || r[0] == opDelete) &&
			binary.LittleEndian.Uint32(r[4:]) == recordSum(r, generation, uint64(at/recordSize))
		switch {
		case ok && !whole:
			return 0, &CorruptError{name, fmt.Sprintf("record %d does not match its checksum", n)}
		case ok:
			x.apply(r)
			n++
		default:
			whole = false
		}
	}
	if !last && int(n)*recordSize != len(data) {
		return 0, &CorruptError{name, "it ends early, and a later log is there"}
	}
	return n, nil
}

func (x *Index) apply(r *[recordSize]byte) {
	id := binary.LittleEndian.Uint64(r[8:])
	if r[0] == opInsert {
		x.Insert(id, Key(r[16:]))
		return
	}
	x.Delete(id)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
