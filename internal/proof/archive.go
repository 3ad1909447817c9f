package proof

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strings"
)

// member is one file of an archive.
type member struct {
	name   string
	size   int64
	crc    uint32
	header int64 // where its local header begins
}

func (m member) data() int64 { return m.header + localSize + int64(len(m.name)) }

func (m member) end() int64 { return m.data() + m.size }

const (
	localSize   = 30
	centralSize = 46
	endSize     = 22
	maxMembers  = 20_000
	maxName     = 200
)

var cleanName = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$`)

// archive reads the table of a ZIP file that has the one form in which bundles
// are written: members stored one after the other from the first byte on, no
// extra fields, no comments, no dates, nothing between and nothing after. Every
// byte that is not a member's data follows from names, sizes and checksums, and
// is compared; so there is no room for data that this check does not cover, and no
// second way to read the file.
func archive(r io.ReaderAt, size int64) ([]member, error) {
	var end [endSize]byte
	if size < endSize || readAt(r, end[:], size-endSize) != nil {
		return nil, errors.New("this is no bundle: it is too short")
	}
	n := int64(binary.LittleEndian.Uint16(end[10:]))
	length, at := int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
	if !bytes.Equal(end[:], endRecord(n, length, at)) {
		return nil, errors.New("the end of the archive is not as bundles have it")
	}
	if n > maxMembers || at+length+endSize != size || length < n*centralSize || length > n*(centralSize+maxName) {
		return nil, errors.New("the archive's table does not fit the file")
	}
	table := make([]byte, length)
	if err := readAt(r, table, at); err != nil {
		return nil, err
	}
	return members(r, table, n, at)
}

func members(r io.ReaderAt, table []byte, n, tableAt int64) ([]member, error) {
	var out []member
	seen := map[string]bool{}
	next := int64(0)
	for range n {
		m, rest, err := entry(table)
		if err != nil {
			return nil, err
		}
		table = rest
		switch folded := strings.ToLower(m.name); {
		case seen[folded]:
			return nil, fmt.Errorf("%s is there twice", m.name)
		case m.header != next || m.end() > tableAt:
			return nil, fmt.Errorf("%s does not follow the member before it", m.name)
		default:
			seen[folded] = true
		}
		local := make([]byte, localSize+len(m.name))
		if err := readAt(r, local, m.header); err != nil {
			return nil, err
		}
		if !bytes.Equal(local, localHeader(m)) {
			return nil, fmt.Errorf("%s: its header and the archive's table disagree", m.name)
		}
		out, next = append(out, m), m.end()
	}
	if len(table) != 0 || next != tableAt {
		return nil, errors.New("there is data in the archive that belongs to no member")
	}
	return out, nil
}

// entry reads one row of the table.
func entry(table []byte) (member, []byte, error) {
	if len(table) < centralSize {
		return member{}, nil, errors.New("the archive's table is cut off")
	}
	length := int(binary.LittleEndian.Uint16(table[28:]))
	if length > maxName || len(table) < centralSize+length {
		return member{}, nil, errors.New("the archive's table is cut off")
	}
	if table[10] == 99 {
		return member{}, nil, errors.New("this archive is locked with a passphrase: open it (7-Zip does) and check the bundle that is in it")
	}
	m := member{name: string(table[centralSize : centralSize+length]), crc: binary.LittleEndian.Uint32(table[16:]),
		size: int64(binary.LittleEndian.Uint32(table[20:])), header: int64(binary.LittleEndian.Uint32(table[42:]))}
	if !cleanName.MatchString(m.name) {
		return m, nil, errors.New("a member's name is not as bundles have it")
	}
	if !bytes.Equal(table[:centralSize+length], centralHeader(m)) {
		return m, nil, fmt.Errorf("%s: its row in the archive's table is not as bundles have it", m.name)
	}
	return m, table[centralSize+length:], nil
}

// The three headers, as APPNOTE.TXT 4.3 has them; the date is the format's first.
func localHeader(m member) []byte {
	b := []byte("PK\x03\x04\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00")
	b = sizes(b, m)
	return append(append(b, 0, 0), m.name...)
}

func centralHeader(m member) []byte {
	b := []byte("PK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x00\x00\x21\x00")
	b = sizes(b, m)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xA4, 0x81)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.header))
	return append(b, m.name...)
}

func sizes(b []byte, m member) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.crc)
	b = binary.LittleEndian.AppendUint32(b, uint32(m.size))
	b = binary.LittleEndian.AppendUint32(b, uint32(m.size))
	return binary.LittleEndian.AppendUint16(b, uint16(len(m.name)))
}

func endRecord(n, length, at int64) []byte {
	b := []byte("PK\x05\x06\x00\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	b = binary.LittleEndian.AppendUint16(b, uint16(n))
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	b = binary.LittleEndian.AppendUint32(b, uint32(at))
	return append(b, 0, 0)
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading the bundle: %w", err)
}

// checksum is the checksum that the archive keeps of a member.
func checksum(r io.Reader) (uint32, error) {
	h := crc32.NewIEEE()
	_, err := io.Copy(h, r)
	return h.Sum32(), err
}
