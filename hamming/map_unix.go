//go:build unix

package hamming

import (
	"os"
	"runtime"
	"syscall"
)

// mapping is a file in memory. It is unmapped when nothing points to it.
type mapping struct{ data []byte }

func mapFile(path string) (*mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	m := &mapping{}
	if info.Size() == 0 {
		return m, nil
	}
	m.data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, &os.PathError{Op: "mmap", Path: path, Err: err}
	}
	runtime.AddCleanup(m, func(data []byte) { _ = syscall.Munmap(data) }, m.data)
	return m, nil
}
