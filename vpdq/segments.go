package vpdq

import (
	"cmp"
	"slices"
	"time"
)

// pair is a frame of the query that matches one of the target.
type pair struct {
	q, t time.Duration
}

// maxPairs bounds what is kept for finding segments: two still scenes of an hour
// match in millions of ways. Percentages count all.
const maxPairs = 200_000

const (
	// slack is how far the two clocks of a segment may drift apart: frames are
	// taken at whole seconds, which fall differently in a cut copy.
	slack = 1500 * time.Millisecond
	// gap is the longest time without a match within a segment.
	gap = 5 * time.Second
)

// segments joins pairs that run beside each other in both videos. A still scene
// matches everywhere: what is part of a longer segment begins no other.
func segments(pairs []pair) []Segment {
	slices.SortFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(a.q, b.q), cmp.Compare(a.t, b.t)) })
	// By the difference of the clocks, in steps of slack: a run of pairs falls
	// into one step or two neighbouring ones.
	runs := map[time.Duration][]pair{}
	for _, p := range pairs {
		step := (p.t - p.q) / slack
		runs[step] = append(runs[step], p)
	}
	var all []Segment
	for step, ps := range runs {
		joined := slices.Concat(ps, runs[step+1])
		slices.SortFunc(joined, func(a, b pair) int { return cmp.Or(cmp.Compare(a.q, b.q), cmp.Compare(a.t, b.t)) })
		all = append(all, chain(joined)...)
	}
	slices.SortFunc(all, func(a, b Segment) int {
		// To the last field: the runs come in no order, and the same pairs must give
		// the same segments.
		return cmp.Or(-cmp.Compare(a.length(), b.length()), cmp.Compare(a.QueryFrom, b.QueryFrom), cmp.Compare(a.TargetFrom, b.TargetFrom),
			-cmp.Compare(a.TargetTo, b.TargetTo), -cmp.Compare(a.Frames, b.Frames))
	})
	var out []Segment
	for _, s := range all {
		if !slices.ContainsFunc(out, func(o Segment) bool { return o.covers(s) }) {
			out = append(out, s)
		}
		if len(out) == maxSegments {
			break
		}
	}
	return out
}

// maxSegments is the most that are told of one pair of videos.
const maxSegments = 16

// chain cuts a run of pairs, in order of the query, where it pauses.
func chain(ps []pair) []Segment {
	var out []Segment
	for i, p := range ps {
		if i > 0 {
			s := &out[len(out)-1]
			if p.q-s.QueryTo <= gap && p.t >= s.TargetTo-slack && p.t-s.TargetTo <= gap {
				if p.q > s.QueryTo {
					s.Frames++
				}
				s.QueryTo, s.TargetTo, s.TargetFrom = p.q, max(s.TargetTo, p.t), min(s.TargetFrom, p.t)
				continue
			}
		}
		out = append(out, Segment{p.q, p.q, p.t, p.t, 1})
	}
	return out
}

func (s Segment) length() time.Duration { return s.QueryTo - s.QueryFrom }

// covers reports whether another segment's part of the query or of the target
// lies within this one's.
func (s Segment) covers(o Segment) bool {
	return o.QueryFrom >= s.QueryFrom && o.QueryTo <= s.QueryTo || o.TargetFrom >= s.TargetFrom && o.TargetTo <= s.TargetTo && o.length() <= s.length()
}
