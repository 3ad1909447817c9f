package hamming

import (
	"cmp"
	"runtime"
	"slices"
)

// job makes one segment of several parts while searches and changes go on.
type job struct {
	deltas   []*delta
	segments []*segment
	deleted  []uint64 // ids that ended in these parts since; guarded by Index.mu
	made     *segment // once done is closed
	done     chan struct{}
}

// tidy starts what needs doing. x.mu is held.
func (x *Index) tidy() {
	if d := x.active(); d.used >= x.tuning.delta {
		switch {
		case len(d.at) <= d.used/2:
			x.rewrite(d)
		case x.flushing == nil:
			x.freeze()
			x.flushing = x.start(nil, []*delta{d})
		}
	}
	if x.merging != nil {
		return
	}
	if segs := mergeable(x.parts.Load().segments); segs != nil {
		x.merging = x.start(segs, nil)
	}
}

// rewrite copies a delta that is mostly deleted entries. x.mu is held.
func (x *Index) rewrite(d *delta) {
	fresh := newDelta()
	for id, p := range d.at {
		w := d.key(p)
		fresh.add(id, &w)
	}
	now := *x.parts.Load()
	now.deltas = append(slices.Clone(now.deltas[:len(now.deltas)-1]), fresh)
	x.parts.Store(&now)
}

// freeze gives inserts a new delta. x.mu is held.
func (x *Index) freeze() {
	now := *x.parts.Load()
	now.deltas = append(slices.Clone(now.deltas), newDelta())
	x.parts.Store(&now)
}

// mergeable picks the smaller segments up to the first that is more than twice
// what comes before it, so that sizes at least double and an entry is copied a
// few times per doubling; or one that is a quarter deleted.
func mergeable(segs []*segment) []*segment {
	free := slices.DeleteFunc(slices.Clone(segs), func(s *segment) bool { return s.job != nil })
	slices.SortFunc(free, func(a, b *segment) int { return cmp.Compare(a.live(), b.live()) })
	sum, n := 0, 0
	for _, s := range free {
		if n > 0 && s.live() > 2*sum {
			break
		}
		sum += s.live()
		n++
	}
	if n > 1 {
		return free[:n]
	}
	for _, s := range free {
		if s.ndead*4 > len(s.ids) {
			return []*segment{s}
		}
	}
	return nil
}

// start runs a job over parts that no other has. x.mu is held.
func (x *Index) start(segs []*segment, deltas []*delta) *job {
	j := &job{segments: segs, deltas: deltas, done: make(chan struct{})}
	for _, s := range segs {
		s.job = j
	}
	for _, d := range deltas {
		d.job = j
	}
	go x.run(j)
	return j
}

func (x *Index) run(j *job) {
	var runs []run
	for _, s := range j.segments {
		runs = append(runs, s.run())
	}
	for _, d := range j.deltas {
		runs = append(runs, d.run())
	}
	made := build(runs, 1, x.tuning.bits)
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, id := range j.deleted {
		if p, ok := made.find(id); ok {
			made.kill(p)
		}
	}
	j.made = made
	x.replace(j, made)
	if x.flushing == j {
		x.flushing = nil
	}
	if x.merging == j {
		x.merging = nil
	}
	close(j.done)
	x.tidy()
}

// replace puts a job's result in the place of its parts. x.mu is held.
func (x *Index) replace(j *job, made *segment) {
	old := x.parts.Load()
	now := &parts{
		segments: slices.DeleteFunc(slices.Clone(old.segments), func(s *segment) bool { return slices.Contains(j.segments, s) }),
		deltas:   slices.DeleteFunc(slices.Clone(old.deltas), func(d *delta) bool { return slices.Contains(j.deltas, d) }),
	}
	if made.live() > 0 {
		now.segments = append(now.segments, made)
	}
	x.parts.Store(now)
}

// Compact merges everything into one segment, which searches read quickest, and
// returns when that is done. Searches and changes go on meanwhile. There is no
// need to call it: an index that is searched much does so by itself.
func (x *Index) Compact() { _, _ = x.compact(func() error { return nil }) }

// compact merges everything, and returns a segment with at least all that was
// in the index when begin was called and was not deleted since. No change is
// made while begin runs.
func (x *Index) compact(begin func() error) (*segment, error) {
	for {
		x.mu.Lock()
		if j := cmp.Or(x.merging, x.flushing); j != nil {
			x.mu.Unlock()
			<-j.done
			continue
		}
		if err := begin(); err != nil {
			x.mu.Unlock()
			return nil, err
		}
		now, j := x.parts.Load(), x.mergeAll()
		x.mu.Unlock()
		switch {
		case j != nil:
			<-j.done
			return j.made, nil
		case len(now.segments) > 0:
			return now.segments[0], nil
		}
		return build(nil, 1, x.tuning.bits), nil
	}
}

// mergeAll starts to merge all parts, if there is anything to gain. x.mu is
// held and no job runs.
func (x *Index) mergeAll() *job {
	d := x.active()
	if now := x.parts.Load(); d.used == 0 && (len(now.segments) == 0 || len(now.segments) == 1 && now.segments[0].ndead == 0) {
		return nil
	}
	x.freeze()
	x.merging = x.start(slices.Clone(x.parts.Load().segments), []*delta{d})
	return x.merging
}

// pay counts the segments that a search read beyond one. When they have cost
// about what merging them would, they are merged.
func (x *Index) pay(segments int) {
	if segments < 2 || x.excess.Add(int64(segments-1)) < max(1000, x.live.Load()/16) || !x.mu.TryLock() {
		return
	}
	defer x.mu.Unlock()
	x.excess.Store(0)
	if segs := x.parts.Load().segments; x.merging == nil && len(segs) > 1 {
		x.merging = x.start(slices.Clone(segs), nil)
	}
}

// Entry is a key and its id.
type Entry struct {
	ID  uint64
	Key Key
}

// InsertBatch does what [Index.Insert] does with each entry, much quicker for
// many. An id that occurs several times gets its last key.
func (x *Index) InsertBatch(entries []Entry) {
	if len(entries) < x.tuning.delta {
		x.mu.Lock()
		defer x.mu.Unlock()
		for i := range entries {
			x.insert(entries[i].ID, entries[i].Key.words())
			x.tidy()
		}
		return
	}
	made := build([]run{sorted(entries)}, runtime.GOMAXPROCS(0), x.tuning.bits)
	x.mu.Lock()
	defer x.mu.Unlock()
	old, ids := x.replaced(made)
	added := made.live() - len(old)
	now := *x.parts.Load()
	now.segments = append(slices.Clone(now.segments), made)
	x.parts.Store(&now)
	for i, p := range old {
		p.kill(ids[i])
	}
	x.live.Add(int64(added))
	for i, id := range made.ids {
		x.journal.append(opInsert, id, made.keys[i])
	}
	x.tidy()
}

// replaced returns the places of the entries that made replaces. What is there
// already stays, and ends in made: a search that does not know of made must go
// on finding it. x.mu is held.
func (x *Index) replaced(made *segment) (old []place, ids []uint64) {
	for i, id := range made.ids {
		switch p, ok := x.locate(id); {
		case ok && p.key() == made.keys[i]:
			made.kill(uint32(i))
		case ok:
			old, ids = append(old, p), append(ids, id)
		}
	}
	return old, ids
}

// sorted orders entries by id; of equal ids the last remains.
func sorted(entries []Entry) run {
	inOrder := true
	for i := 1; i < len(entries) && inOrder; i++ {
		inOrder = entries[i-1].ID < entries[i].ID
	}
	if inOrder {
		return run{entries: entries}
	}
	order := make([]uint32, len(entries))
	for i := range order {
		order[i] = uint32(i)
	}
	byID := func(a, b uint32) int { return cmp.Compare(entries[a].ID, entries[b].ID) }
	slices.SortStableFunc(order, byID)
	r := run{ids: make([]uint64, 0, len(entries)), keys: make([]words, 0, len(entries))}
	for _, i := range order {
		e := &entries[i]
		if n := len(r.ids); n > 0 && r.ids[n-1] == e.ID {
			r.keys[n-1] = e.Key.words()
			continue
		}
		r.ids, r.keys = append(r.ids, e.ID), append(r.keys, e.Key.words())
	}
	return r
}
