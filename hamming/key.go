package hamming

import (
	"encoding/binary"
	"math/bits"
)

// Key is 256 bits. Which bit is which does not matter to distances, as long as
// all keys agree.
type Key [32]byte

// Match is one key within the radius.
type Match struct {
	ID       uint64 // as given to [Index.Insert]
	Distance int    // bits, 0 to the radius
}

// nslots is how many slots of 16 bits a key has.
const nslots = 16

// words is a key as numbers; slot i is bits 16·(i%4) and up of words[i/4].
type words [4]uint64

func (k *Key) words() words {
	var w words
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(k[8*i:])
	}
	return w
}

func (w *words) slot(i int) uint16 { return uint16(w[i/4] >> (16 * (i % 4))) }

func (w *words) distance(v *words) int {
	return bits.OnesCount64(w[0]^v[0]) + bits.OnesCount64(w[1]^v[1]) +
		bits.OnesCount64(w[2]^v[2]) + bits.OnesCount64(w[3]^v[3])
}
