package hamming

import (
	"math/bits"
	"sync"
)

const (
	// nslots is how many slots of 16 bits a key has.
	nslots = 16
	// maxProbeRadius is the radius up to which a slot's allowance is at most 2
	// (137 values); one more costs 560 values more in a slot, and scanning wins.
	maxProbeRadius = 3*nslots - 1
	// flatPerProbe is how many keys are scanned in the time of one look-up.
	flatPerProbe = 16
	// flatBelow is the least number of keys worth tables: that at which a search
	// of radius 31 with its 272 look-ups would use them.
	flatBelow = flatPerProbe * 272
)

// allowance says for each slot up to which distance its values are looked up;
// -1 is not at all.
type allowance [nslots]int

// spread splits a radius evenly: Σ(tᵢ+1) = radius+1.
func spread(radius int) allowance {
	var a allowance
	for i := range a {
		a[i] = (radius+1)/nslots - 1
		if i < (radius+1)%nslots {
			a[i]++
		}
	}
	return a
}

// probes counts the look-ups of a search.
func (a *allowance) probes() int {
	n := 0
	for _, t := range a {
		for d := range t + 1 {
			n += len(masks()[d])
		}
	}
	return n
}

// masks lists the 16-bit numbers of 0, 1 and 2 set bits.
var masks = sync.OnceValue(func() *[3][]uint16 {
	var m [3][]uint16
	for v := range 1 << 16 {
		if n := bits.OnesCount16(uint16(v)); n < len(m) {
			m[n] = append(m[n], uint16(v))
		}
	}
	return &m
})

// tables holds for every slot and value the positions of the keys with that
// value there. A bucket is a chain of blocks of one cache line each; all but
// the first block are full.
type tables struct {
	buckets [nslots][1 << 16]bucket
	arena   [][]block // block b is arena[b/arenaSize][b%arenaSize]
	used    uint32    // blocks ever given out
	free    uint32    // 1 + the first block of the chain of unused ones, 0 if none
}

type bucket struct {
	first uint32 // block; only if n > 0
	n     uint32 // postings
}

// blockSize postings and a link fill 64 bytes.
const blockSize = 10

type block struct {
	pos  [blockSize]uint32 // positions of keys
	next [blockSize]uint16 // the value of the next slot of each
	link uint32            // the following block; in the chain of unused blocks 1 + it
}

const arenaSize = 4096

func (t *tables) block(b uint32) *block { return &t.arena[b/arenaSize][b%arenaSize] }

// top is how many postings the first block of a bucket with n > 0 holds.
func top(n uint32) uint32 { return (n-1)%blockSize + 1 }

func (t *tables) add(p uint32, w *words) {
	for i := range nslots {
		t.push(&t.buckets[i][w.slot(i)], p, w.slot((i+1)%nslots))
	}
}

func (t *tables) push(b *bucket, p uint32, next uint16) {
	if b.n%blockSize == 0 {
		fresh := t.take()
		t.block(fresh).link = b.first
		b.first = fresh
	}
	b.n++
	blk := t.block(b.first)
	blk.pos[top(b.n)-1], blk.next[top(b.n)-1] = p, next
}

// take gives out an unused block.
func (t *tables) take() uint32 {
	if t.free > 0 {
		b := t.free - 1
		t.free = t.block(b).link
		return b
	}
	if int(t.used) == len(t.arena)*arenaSize {
		t.arena = append(t.arena, make([]block, arenaSize))
	}
	t.used++
	return t.used - 1
}

func (t *tables) remove(p uint32, w *words) {
	for i := range nslots {
		t.drop(&t.buckets[i][w.slot(i)], p)
	}
}

// drop takes position p out of a bucket that holds it, by putting the newest
// posting in its place.
func (t *tables) drop(b *bucket, p uint32) {
	first := t.block(b.first)
	last := top(b.n) - 1
	blk, k := t.find(b, p)
	blk.pos[k], blk.next[k] = first.pos[last], first.next[last]
	b.n--
	if b.n%blockSize == 0 {
		emptied := b.first
		b.first = first.link
		first.link = t.free
		t.free = emptied + 1
	}
}

func (t *tables) find(b *bucket, p uint32) (*block, uint32) {
	blk := t.block(b.first)
	for n := b.n; ; {
		count := top(n)
		for k := range count {
			if blk.pos[k] == p {
				return blk, k
			}
		}
		n -= count
		blk = t.block(blk.link)
	}
}

// candidates appends the positions that may lie within the radius that a was
// spread from: those that pass the pigeonring test of two slots somewhere.
func (t *tables) candidates(w *words, a *allowance, dst []uint32) []uint32 {
	m := masks()
	for i := range nslots {
		j := (i + 1) % nslots
		value, next := w.slot(i), w.slot(j)
		t.touch(i, value, a[i], m)
		for d := range a[i] + 1 {
			most := a[i] + a[j] + 1 - d
			for _, mask := range m[d] {
				dst = t.sift(&t.buckets[i][value^mask], next, most, dst)
			}
		}
	}
	return dst
}

// touch reads the first line of each bucket that is about to be sifted. None
// of these reads waits for another, so the memory answers them together, which
// makes searches of a large index a third quicker. The sum has no meaning but
// to keep the reads.
func (t *tables) touch(slot int, value uint16, allowed int, m *[3][]uint16) (sum uint32) {
	for d := range allowed + 1 {
		for _, mask := range m[d] {
			if b := &t.buckets[slot][value^mask]; b.n > 0 {
				sum += t.block(b.first).link
			}
		}
	}
	return sum
}

// sift appends the positions in a bucket whose next slot differs from next by
// at most most bits.
func (t *tables) sift(b *bucket, next uint16, most int, dst []uint32) []uint32 {
	if b.n == 0 {
		return dst
	}
	blk := t.block(b.first)
	for n := b.n; ; {
		count := top(n)
		for k := range count {
			if bits.OnesCount16(blk.next[k]^next) <= most {
				dst = append(dst, blk.pos[k])
			}
		}
		n -= count
		if n == 0 {
			return dst
		}
		blk = t.block(blk.link)
	}
}
