//go:build !linux

package media

// linearMemory is the memory of a Wasm instance.
type linearMemory struct {
	all     []byte
	most    uint64
	refused *bool
}

func newLinearMemory(most uint64, refused *bool) *linearMemory {
	return &linearMemory{most: most, refused: refused}
}

// Reallocate grows the memory, or returns nil if there is no more.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.most {
		*m.refused = true
		return nil
	}
	if size > uint64(cap(m.all)) {
		grown := make([]byte, size)
		copy(grown, m.all)
		m.all = grown
	}
	m.all = m.all[:size]
	return m.all
}

// Free gives it back.
func (m *linearMemory) Free() { m.all = nil }
