package match

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

// Video is a video to look up, in one orientation.
type Video struct {
	Variant string // which: one of pdq.VariantNames
	Frames  []vpdq.Frame
}

const (
	// leastOfQuery is how many percent of a video's frames must be those of a
	// known one: the default of the reference's Python library.
	leastOfQuery = 80
	// leastOfKnown finds a known video inside a longer one, which the reference's
	// defaults do not: so many percent of the known one's frames must be there,
	// and it must have leastFrames, since a few frames may be only a title.
	leastOfKnown = 80
	leastFrames  = 5
)

// lookupFrames looks up pictures, frame by frame, and tells the closest of each
// list. What is near an allow list's entry is taken out of its own frame only: a
// harmless frame excuses no other. x.mu is held.
func (x *Index) lookupFrames(q Query, lot int, now time.Time) []safety.Finding {
	best := map[string]int{} // place in found, by list
	var found []safety.Finding
	seen := map[string][]int{} // places in spans, by list
	var spans []span
	byFrame := func(a, b Near) int { return cmp.Compare(a.Frame, b.Frame) }
	near := q.Near
	if !slices.IsSortedFunc(near, byFrame) {
		near = slices.Clone(near)
		slices.SortStableFunc(near, byFrame)
	}
	for i := 0; i < len(near); {
		j := i + 1
		for j < len(near) && near[j].Frame == near[i].Frame {
			j++
		}
		s := span{from: near[i].At, to: near[i].At + lastFrame}
		if j < len(near) && near[j].At > s.from {
			s.to = near[j].At
		}
		spans = append(spans, s)
		for _, f := range withoutAllowed(x.lookupNear(near[i:j], lot, now)) {
			seen[f.List] = append(seen[f.List], len(spans)-1)
			if len(q.Video) > 0 {
				f.From, f.To = s.from, s.to
			}
			if n, ok := best[f.List]; !ok {
				best[f.List] = len(found)
				found = append(found, f)
			} else if better(f, found[n]) {
				found[n] = f
			}
		}
		i = j
	}
	if len(q.Video) > 0 {
		for i := range found {
			widen(&found[i], spans, seen[found[i].List])
		}
	}
	return found
}

// lastFrame is how long a frame is taken to last after which there is no other.
const lastFrame = time.Second

// span is when a frame is shown.
type span struct{ from, to time.Duration }

// widen makes a finding's time the whole stretch of frames one after the other
// that met the list.
func widen(f *safety.Finding, spans []span, met []int) {
	at := slices.IndexFunc(met, func(i int) bool { return spans[i] == span{f.From, f.To} })
	if at < 0 {
		return
	}
	lo, hi := at, at
	for lo > 0 && met[lo-1] == met[lo]-1 && spans[met[lo-1]].to == spans[met[lo]].from {
		lo--
	}
	for hi+1 < len(met) && met[hi+1] == met[hi]+1 && spans[met[hi]].to == spans[met[hi+1]].from {
		hi++
	}
	f.From, f.To = spans[met[lo]].from, spans[met[hi]].to
}

// lookupVideos looks a video up among known ones: one finding for each list, the
// video of which most is there. An allow list's takes away those of which no
// more is there. x.mu is held.
func (x *Index) lookupVideos(videos []Video, lot int, now time.Time) []safety.Finding {
	best := map[*list]int{}
	var found []safety.Finding
	for _, v := range videos {
		for _, m := range x.videos.Search(v.Frames, vpdq.Thresholds{}) {
			e := &x.table.entries[m.ID]
			l := x.lists[e.list]
			inside := m.TargetPercent >= leastOfKnown && x.usable[uint32(m.ID)] >= leastFrames
			if m.QueryPercent < leastOfQuery && !inside || !l.counts(lot, now) || now.Before(x.off[e.content]) {
				continue
			}
			id := e.id.String()
			f := safety.Finding{Detector: "vpdq/1", List: l.name, Kind: l.kind, Match: safety.MatchNear, Variant: v.Variant,
				SignalID: id, Distance: int(math.Round(100 - max(m.QueryPercent, m.TargetPercent))), Quarantined: x.quarantined[id]}
			if len(m.Segments) > 0 {
				place(&f, v.Frames, m.Segments[0])
			}
			if i, ok := best[l]; !ok {
				best[l] = len(found)
				found = append(found, f)
			} else if better(f, found[i]) {
				found[i] = f
			}
		}
	}
	return withoutAllowed(found)
}

// place says where in the video the longest stretch of a match is.
func place(f *safety.Finding, frames []vpdq.Frame, s vpdq.Segment) {
	f.From, f.To = s.QueryFrom, s.QueryTo+lastFrame
	for _, g := range frames {
		if g.At == s.QueryFrom {
			f.Frame = g.Number
			break
		}
	}
	for _, g := range frames {
		if g.At > s.QueryTo {
			f.To = g.At
			break
		}
	}
}

// A body begins with this byte; then come the frames: 32 bytes of hash, one of
// quality, and the milliseconds since the frame before (since the beginning, for
// the first) as a uvarint. Frames are in order of time.
const bodyVersion = 1

// maxVideoFrames is the most frames of one video on a list: six hours at one a
// second.
const maxVideoFrames = 21_600

// maxMillis is the latest that a frame can be: 115 days, as package vpdq has it.
const maxMillis = 10_000_000_000

// VideoBody is the compact form in which the frames of a video are kept. Frames
// that cannot be matched because they show too little are left out; a video of
// which nothing is left is an error.
func VideoBody(frames []vpdq.Frame) ([]byte, error) {
	frames = slices.Clone(frames)
	frames = slices.DeleteFunc(frames, func(f vpdq.Frame) bool { return f.Quality < pdq.MinQuality || f.Hash == pdq.Hash{} })
	switch {
	case len(frames) == 0:
		return nil, safety.Errorf(safety.Invalid, "vpdq has no frame of a quality that can be matched")
	case len(frames) > maxVideoFrames:
		return nil, safety.Errorf(safety.Invalid, "vpdq has over %d frames", maxVideoFrames)
	}
	slices.SortStableFunc(frames, func(a, b vpdq.Frame) int { return cmp.Compare(a.At, b.At) })
	out := []byte{bodyVersion}
	before := int64(0)
	for _, f := range frames {
		at := f.At.Milliseconds()
		out = append(append(out, f.Hash[:]...), byte(f.Quality))
		out = binary.AppendUvarint(out, uint64(at-before))
		before = at
	}
	return out, nil
}

// parseBody reads what [VideoBody] writes.
func parseBody(body []byte) ([]vpdq.Frame, error) {
	bad := safety.Errorf(safety.Internal, "the frames of a video on a list cannot be read")
	if len(body) < 1 || body[0] != bodyVersion {
		return nil, bad
	}
	var out []vpdq.Frame
	at := int64(0)
	for b := body[1:]; len(b) > 0; {
		if len(b) < 34 || b[32] > 100 || len(out) == maxVideoFrames {
			return nil, bad
		}
		ms, n := binary.Uvarint(b[33:])
		if n <= 0 || ms > maxMillis {
			return nil, bad
		}
		if at += int64(ms); at > maxMillis {
			return nil, bad
		}
		out = append(out, vpdq.Frame{Number: len(out), At: time.Duration(at) * time.Millisecond, Hash: pdq.Hash(b[:32]), Quality: int(b[32])})
		b = b[33+n:]
	}
	if len(out) == 0 {
		return nil, bad
	}
	return out, nil
}

// videoSignal reads a video in either of the reference's forms.
func videoSignal(text []byte) (safety.Hash, []byte, error) {
	text = bytes.TrimSpace(text)
	var frames []vpdq.Frame
	var err error
	if bytes.HasPrefix(text, []byte("[")) {
		frames, err = vpdq.ParseJSON(text)
	} else {
		frames, err = vpdq.Parse(bytes.NewReader(text))
	}
	if err != nil { // it never repeats the text
		return safety.Hash{}, nil, safety.Errorf(safety.Invalid, "%s", err.Error())
	}
	body, err := VideoBody(frames)
	if err != nil {
		return safety.Hash{}, nil, err
	}
	sum := sha256.Sum256(body)
	return safety.Hash{Type: safety.VPDQ, Value: "sha256:" + hex.EncodeToString(sum[:])}, body, nil
}

// maxVideoText bounds the text of one video: some 100 bytes a frame.
const maxVideoText = 4 << 20

func parseVideo(r io.Reader, fn func(Row, error) error) error {
	text, err := io.ReadAll(io.LimitReader(withoutBOM(r), maxVideoText+1))
	switch {
	case err != nil:
		return safety.Wrap(safety.Invalid, err, "the file cannot be read to its end")
	case len(text) > maxVideoText:
		return safety.Errorf(safety.Invalid, "the file is over %d bytes: import one video at a time", maxVideoText)
	}
	h, body, err := videoSignal(text)
	return fn(Row{Line: 1, Hash: h, Body: body}, err)
}

// putBody stores what a row has beside its hash.
func putBody(ctx context.Context, tx *store.Tx, r Row) error {
	if len(r.Body) == 0 {
		return nil
	}
	if err := tx.AddPrintBody(ctx, r.Hash.Value, r.Body); err != nil {
		return fmt.Errorf("storing the frames of a video: %w", err)
	}
	return nil
}

// videoFrames reads the frames of the videos among signals, by value. A video
// without them is an error: a list must not be thought of as loaded without it.
func videoFrames(ctx context.Context, q *db.Queries, signals []db.Signal) (map[string][]vpdq.Frame, error) {
	out := map[string][]vpdq.Frame{}
	for _, s := range signals {
		if s.HashType != string(safety.VPDQ) || out[s.HashValue] != nil {
			continue
		}
		body, err := q.PrintBody(ctx, s.HashValue)
		if err != nil {
			return nil, fmt.Errorf("reading the frames of signal %s: %w", s.ID, err)
		}
		if out[s.HashValue], err = parseBody(body); err != nil {
			return nil, fmt.Errorf("signal %s: %w", s.ID, err)
		}
	}
	return out, nil
}
