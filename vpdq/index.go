package vpdq

import (
	"cmp"
	"slices"
	"sync"

	"github.com/rowan-safety/rowan/hamming"
	"github.com/rowan-safety/rowan/pdq"
)

// Index finds videos among many. It is safe for concurrent use. Make one with
// [NewIndex].
type Index struct {
	options Options
	frames  *hamming.Index

	mu     sync.RWMutex
	videos map[uint64]*video // by id
	owner  map[uint64]slot   // by frame id
	next   uint64
}

// video is the usable frames of one video and the ids under which they are in
// the index.
type video struct {
	frames []Frame
	ids    []uint64
}

// slot is one frame of one video.
type slot struct {
	video uint64
	frame int
}

// NewIndex returns an empty index. The options hold for all videos in it, and
// for all searches.
func NewIndex(o Options) *Index {
	return &Index{options: o.orDefault(), frames: hamming.New(), videos: map[uint64]*video{}, owner: map[uint64]slot{}}
}

// Insert puts a video into the index. One that was there under the id is
// replaced. It returns how many of its frames are usable; a video without any
// can never be found.
func (x *Index) Insert(id uint64, frames []Frame) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.delete(id)
	v := &video{frames: x.options.usable(frames)}
	entries := make([]hamming.Entry, len(v.frames))
	for i, f := range v.frames {
		x.next++
		v.ids = append(v.ids, x.next)
		x.owner[x.next] = slot{id, i}
		entries[i] = hamming.Entry{ID: x.next, Key: hamming.Key(f.Hash)}
	}
	x.frames.InsertBatch(entries)
	x.videos[id] = v
	return len(v.frames)
}

// Delete takes a video out and reports whether there was one.
func (x *Index) Delete(id uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.delete(id)
}

func (x *Index) delete(id uint64) bool {
	v, ok := x.videos[id]
	if !ok {
		return false
	}
	for _, f := range v.ids {
		x.frames.Delete(f)
		delete(x.owner, f)
	}
	delete(x.videos, id)
	return true
}

// Len is the number of videos.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.videos)
}

// Match is one video that a search found.
type Match struct {
	ID uint64
	Result
}

// Thresholds are the least percentages of a match that is told; 0 asks for any
// match at all. The reference's Python library asks for 80 percent of the query
// and any of the target.
type Thresholds struct{ Query, Target float64 }

// Search returns the videos that match, the most of the query first. It is
// exact: the percentages are those of [Compare].
func (x *Index) Search(query []Frame, least Thresholds) []Match {
	q := x.options.usable(query)
	x.mu.RLock()
	defer x.mu.RUnlock()
	type tally struct {
		matched map[int]bool // frames of the query
		hit     map[int]bool // frames of the video
		pairs   []pair
	}
	by := map[uint64]*tally{}
	radius := x.options.radius()
	var near []hamming.Match
	for i, f := range q {
		near, _ = x.frames.Search(hamming.Key(f.Hash), radius, near[:0], 0)
		for _, m := range near {
			s, ok := x.owner[m.ID]
			if !ok {
				continue
			}
			t := by[s.video]
			if t == nil {
				t = &tally{matched: map[int]bool{}, hit: map[int]bool{}}
				by[s.video] = t
			}
			t.matched[i], t.hit[s.frame] = true, true
			if len(t.pairs) < maxPairs {
				t.pairs = append(t.pairs, pair{f.At, x.videos[s.video].frames[s.frame].At})
			}
		}
	}
	var out []Match
	for id, t := range by {
		r := Result{QueryPercent: percent(len(t.matched), len(q)), TargetPercent: percent(len(t.hit), len(x.videos[id].frames))}
		if r.QueryPercent >= least.Query && r.TargetPercent >= least.Target {
			r.Segments = segments(t.pairs)
			out = append(out, Match{id, r})
		}
	}
	slices.SortFunc(out, func(a, b Match) int {
		return cmp.Or(-cmp.Compare(a.QueryPercent, b.QueryPercent), -cmp.Compare(a.TargetPercent, b.TargetPercent), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// FrameMatch is a frame of a video in the index that a picture is near to.
type FrameMatch struct {
	ID       uint64
	Frame    Frame
	Distance int
}

// Picture finds the frames near one picture, the nearest first, at most limit.
func (x *Index) Picture(h pdq.Hash, limit int) []FrameMatch {
	x.mu.RLock()
	defer x.mu.RUnlock()
	near, _ := x.frames.Search(hamming.Key(h), x.options.radius(), nil, limit)
	var out []FrameMatch
	for _, m := range near {
		if s, ok := x.owner[m.ID]; ok {
			out = append(out, FrameMatch{s.video, x.videos[s.video].frames[s.frame], m.Distance})
		}
	}
	return out
}
