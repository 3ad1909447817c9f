package media

import (
	"golang.org/x/sys/unix"
)

// linearMemory is the memory of a Wasm instance. Addresses for all of it are
// reserved at once; pages are made usable as it grows, so that growing copies
// nothing and RLIMIT_DATA counts no more than what is used.
type linearMemory struct {
	all     []byte
	usable  int
	refused *bool
}

const pageSize = 1 << 16 // of WebAssembly, a multiple of every system's

func newLinearMemory(most uint64, refused *bool) *linearMemory {
	all, err := unix.Mmap(-1, 0, int(most/pageSize*pageSize), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		all = nil
	}
	return &linearMemory{all: all, refused: refused}
}

// Reallocate grows the memory, or returns nil if there is no more.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.all)) {
		*m.refused = true
		return nil
	}
	if n := (int(size) + pageSize - 1) / pageSize * pageSize; n > m.usable {
		if unix.Mprotect(m.all[m.usable:n], unix.PROT_READ|unix.PROT_WRITE) != nil {
			*m.refused = true
			return nil
		}
		m.usable = n
	}
	return m.all[:size:m.usable]
}

// Free gives it back.
func (m *linearMemory) Free() {
	if m.all != nil {
		_ = unix.Munmap(m.all)
		m.all = nil
	}
}
