package custody

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/rowan-safety/rowan/internal/safety"
)

// plainZip writes a ZIP file in the one form that bundles have: members stored,
// nothing beside them, the format's first date. archive/zip would add data
// descriptors, in which a checker must trust what it has not read yet.
type plainZip struct {
	w     io.Writer
	at    int64
	table []byte
	n     int
}

// maxArchive is where the format's old form ends; the new one has more than one
// way to say a size, and bundles have one.
const maxArchive = 1<<32 - 1

func (z *plainZip) add(name string, data []byte) error {
	if z.at+int64(len(data))+int64(len(z.table))+1024 > maxArchive || z.n >= 20_000 {
		return safety.Errorf(safety.TooLarge, "the bundle would be larger than 4 GiB: export it without content, and hand the files over apart")
	}
	common := []byte{20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0}
	common = binary.LittleEndian.AppendUint32(common, crc32.ChecksumIEEE(data))
	common = binary.LittleEndian.AppendUint32(common, uint32(len(data)))
	common = binary.LittleEndian.AppendUint32(common, uint32(len(data)))
	common = binary.LittleEndian.AppendUint16(common, uint16(len(name)))
	common = append(common, 0, 0)
	z.table = append(append(z.table, "PK\x01\x02\x14\x03"...), common...)
	z.table = append(z.table, 0, 0, 0, 0, 0, 0, 0, 0, 0xA4, 0x81) // mode 0644
	z.table = append(binary.LittleEndian.AppendUint32(z.table, uint32(z.at)), name...)
	z.n++
	if err := z.write(append(append([]byte("PK\x03\x04"), common...), name...)); err != nil {
		return err
	}
	return z.write(data)
}

func (z *plainZip) write(b []byte) error {
	n, err := z.w.Write(b)
	z.at += int64(n)
	return err
}

func (z *plainZip) close() error {
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = binary.LittleEndian.AppendUint16(end, uint16(z.n))
	end = binary.LittleEndian.AppendUint16(end, uint16(z.n))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(z.table)))
	end = binary.LittleEndian.AppendUint32(end, uint32(z.at))
	return z.write(append(z.table, append(end, 0, 0)...))
}
