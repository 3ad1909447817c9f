package conversation

import (
	"hash/fnv"
	"strings"

	"github.com/rowan-safety/rowan/internal/talk"
)

// opener is a SimHash (Charikar 2002) of a first message over its pairs of words, so
// that nearly the same text sent to many is seen without being kept. It is 0, none,
// for a text of fewer than four words: greetings are alike by nature.
func opener(text string) uint64 {
	words := strings.Fields(talk.Normalise(text).Plain())
	if len(words) < 4 {
		return 0
	}
	var sums [64]int
	for i := range len(words) - 1 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(words[i] + " " + words[i+1])) // never fails
		for bit, v := 0, h.Sum64(); bit < 64; bit, v = bit+1, v>>1 {
			sums[bit] += int(v&1)*2 - 1
		}
	}
	out := uint64(0)
	for bit, n := range sums {
		if n > 0 {
			out |= 1 << bit
		}
	}
	return max(out, 1)
}
