package hamming

import (
	"sync"
	"sync/atomic"
)

// Index is a set of keys, each under an id of the caller's choice. Different
// ids may hold equal keys. Make one with [New]; it is safe for concurrent use.
type Index struct {
	parts  atomic.Pointer[parts] // what searches read; replaced under mu
	live   atomic.Int64          // entries
	excess atomic.Int64          // segments that searches had to read beyond one
	kernel *kernel
	tuning tuning

	path       string     // of the file; empty if there is none
	checkpoint sync.Mutex // held by Checkpoint; taken before mu
	base       uint64     // generation of the file; guarded by checkpoint

	mu       sync.Mutex // held by changes, never by searches; guards what follows
	journal  *journal   // of the file; nil if there is none
	flushing *job       // makes a segment of a delta
	merging  *job       // makes one segment of several
}

// parts is one state of the index. An id is live in at most one part.
type parts struct {
	segments []*segment
	deltas   []*delta // the last takes inserts, the others are being merged
}

// tuning holds what tests make small.
type tuning struct {
	delta        int // entries of a delta before it becomes a segment
	flatPerProbe int // keys that are scanned in the time of one look-up
	bits         int // of a position in a table
}

// New returns an empty index.
func New() *Index {
	x := &Index{kernel: bestKernel(), tuning: tuning{delta: 32 << 10, flatPerProbe: 16, bits: 8 * posSize}}
	x.parts.Store(&parts{deltas: []*delta{newDelta()}})
	return x
}

// Len is the number of keys.
func (x *Index) Len() int { return int(x.live.Load()) }

// Insert adds the key under the id. A key that was there under the same id is
// replaced. Searches that start after Insert has returned find it.
func (x *Index) Insert(id uint64, key Key) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.insert(id, key.words())
	x.tidy()
}

func (x *Index) insert(id uint64, w words) {
	old, known := x.locate(id)
	if known && old.key() == w {
		return
	}
	d := x.active()
	x.journal.append(opInsert, id, w)
	// The new before the end of the old: a search may meet both, but not neither.
	d.add(id, &w)
	if known {
		old.kill(id)
		d.at[id] = uint32(d.used - 1)
	} else {
		x.live.Add(1)
	}
}

// Delete removes the key under the id and reports whether there was one.
func (x *Index) Delete(id uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	p, known := x.locate(id)
	if !known {
		return false
	}
	x.journal.append(opDelete, id, words{})
	p.kill(id)
	x.live.Add(-1)
	x.tidy()
	return true
}

func (x *Index) active() *delta {
	ds := x.parts.Load().deltas
	return ds[len(ds)-1]
}

// place is where a live entry is: in a delta or a segment.
type place struct {
	delta   *delta
	segment *segment
	pos     uint32
}

// locate finds a live id. x.mu is held.
func (x *Index) locate(id uint64) (place, bool) {
	now := x.parts.Load()
	for _, d := range now.deltas {
		if p, ok := d.at[id]; ok {
			return place{delta: d, pos: p}, true
		}
	}
	for _, s := range now.segments {
		if p, ok := s.find(id); ok {
			return place{segment: s, pos: p}, true
		}
	}
	return place{}, false
}

func (p place) key() words {
	if p.delta != nil {
		return p.delta.key(p.pos)
	}
	return p.segment.keys[p.pos]
}

// kill ends the entry, also in the segment that a job is making of it. x.mu is
// held.
func (p place) kill(id uint64) {
	var j *job
	if p.delta != nil {
		p.delta.kill(p.pos)
		delete(p.delta.at, id)
		j = p.delta.job
	} else {
		p.segment.kill(p.pos)
		j = p.segment.job
	}
	if j != nil {
		j.deleted = append(j.deleted, id)
	}
}
