//go:build !unix

package hamming

import (
	"os"
	"unsafe"
)

// mapping is a file in memory.
type mapping struct{ data []byte }

func mapFile(path string) (*mapping, error) {
	read, err := os.ReadFile(path)
	if err != nil || len(read) == 0 {
		return &mapping{}, err
	}
	buf := make([]uint64, (len(read)+7)/8) // aligned
	data := unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), len(read))
	copy(data, read)
	return &mapping{data}, nil
}
