package match

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/vpdq"
)

// What is kept of an upload is everything that its check looked up, so that a list
// which grows later finds in it what a fresh check would. The form: a byte of
// version; scan state, reason and format; then the hashes, of which names are
// written once and the frames of videos as places among the pictures' hashes.

const (
	rememberVersion = 1
	// maxRemembered bounds what is kept of one upload: some 29,000 hashes, an hour
	// of video at a frame a second in eight orientations.
	maxRemembered = 1 << 20
)

// remember writes an upload's hashes. whole is false when they are too many:
// then only those of the original orientation are kept, as far as there is room.
func remember(u *Upload) (body []byte, whole bool) {
	if body := writeRemembered(u); len(body) <= maxRemembered {
		return body, true
	}
	part := *u
	part.Query.Video = slices.DeleteFunc(slices.Clone(u.Query.Video), func(v Video) bool { return v.Variant != "original" })
	part.Query.Near = slices.DeleteFunc(slices.Clone(u.Query.Near), func(n Near) bool { return n.Variant != "original" })
	for {
		if body := writeRemembered(&part); len(body) <= maxRemembered {
			return body, false
		}
		// Prints are short and few, so that this comes to an end.
		part.Query.Near = part.Query.Near[:len(part.Query.Near)/2]
		for i, v := range part.Query.Video {
			part.Query.Video[i].Frames = v.Frames[:len(v.Frames)/2]
		}
	}
}

type rememberer struct {
	out   []byte
	names []string
}

func (w *rememberer) number(n int64) { w.out = binary.AppendVarint(w.out, n) }

func (w *rememberer) text(s string) {
	w.number(int64(len(s)))
	w.out = append(w.out, s...)
}

// name writes a word that comes often.
func (w *rememberer) name(s string) {
	i := slices.Index(w.names, s)
	if i >= 0 {
		w.number(int64(i))
		return
	}
	w.number(int64(len(w.names)))
	w.text(s)
	w.names = append(w.names, s)
}

// shown is what a frame of a video has in common with a hash to look up.
type shown struct {
	hash    pdq.Hash
	quality int
	frame   int
	at      time.Duration
}

func writeRemembered(u *Upload) []byte {
	w := rememberer{out: []byte{rememberVersion}}
	w.text(string(u.Scan))
	w.text(u.Reason)
	w.text(u.Format)
	w.number(int64(len(u.Query.Exact)))
	for _, h := range u.Query.Exact {
		w.name(string(h.Type))
		w.text(string(h.Bytes()))
	}
	w.number(int64(len(u.Query.Prints)))
	for _, h := range u.Query.Prints {
		w.name(string(h.Type))
		w.text(string(h.Bytes()))
	}
	w.number(int64(len(u.Query.Near)))
	at := map[shown]int{}
	for i, n := range u.Query.Near {
		s := shown{n.Hash, n.Quality, n.Frame, n.At}
		at[s] = i
		w.name(n.Variant)
		w.shown(s)
	}
	w.number(int64(len(u.Query.Video)))
	for _, v := range u.Query.Video {
		w.name(v.Variant)
		w.number(int64(len(v.Frames)))
		last := -1
		for _, f := range v.Frames {
			s := shown{f.Hash, f.Quality, f.Number, f.At}
			i, there := at[s]
			if !there {
				w.number(0)
				w.shown(s)
				continue
			}
			if i <= last { // two hashes may be the same
				w.number(int64(-i - 1))
			} else {
				w.number(int64(i - last))
			}
			last = i
		}
	}
	return w.out
}

func (w *rememberer) shown(s shown) {
	w.out = append(w.out, s.hash[:]...)
	w.number(int64(s.quality))
	w.number(int64(s.frame))
	w.number(int64(s.at))
}

// errRemembered: what is kept of an upload cannot be read.
var errRemembered = safety.Errorf(safety.Internal, "what is kept of an upload cannot be read")

type recaller struct {
	in    []byte
	names []string
	bad   bool
}

func (r *recaller) number() int64 {
	n, size := binary.Varint(r.in)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.in = r.in[size:]
	return n
}

// count reads how many things follow, each of least bytes.
func (r *recaller) count(least int) int {
	n := r.number()
	if n < 0 || n > int64(len(r.in)/least) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *recaller) take(n int) []byte {
	if r.bad || n > len(r.in) {
		r.bad = true
		return make([]byte, n)
	}
	out := r.in[:n]
	r.in = r.in[n:]
	return out
}

func (r *recaller) text() string { return string(r.take(r.count(1))) }

func (r *recaller) name() string {
	i := r.number()
	switch {
	case i < 0 || i > int64(len(r.names)):
		r.bad = true
		return ""
	case i < int64(len(r.names)):
		return r.names[i]
	}
	s := r.text()
	r.names = append(r.names, s)
	return s
}

func (r *recaller) shown() (s shown) {
	s.hash = pdq.Hash(r.take(len(s.hash)))
	s.quality, s.frame, s.at = int(r.number()), int(r.number()), time.Duration(r.number())
	return s
}

func (r *recaller) hashes(parse func(safety.HashType, string) (safety.Hash, error)) (out []safety.Hash) {
	for range r.count(2) {
		t := safety.HashType(r.name())
		raw := r.text()
		h, err := parse(t, hex.EncodeToString([]byte(raw)))
		if err != nil {
			r.bad = true
			return nil
		}
		out = append(out, h)
	}
	return out
}

// recall reads what remember has written.
func recall(body []byte, u *Upload) error {
	if len(body) == 0 || body[0] != rememberVersion {
		return errRemembered
	}
	r := recaller{in: body[1:]}
	u.Scan, u.Reason, u.Format = safety.ScanState(r.text()), r.text(), r.text()
	q := Query{Exact: r.hashes(safety.ParseHash), Prints: r.hashes(safety.ParseSignal)}
	for range r.count(36) {
		v, s := r.name(), r.shown()
		q.Near = append(q.Near, Near{Hash: s.hash, Quality: s.quality, Variant: v, Frame: s.frame, At: s.at})
	}
	for range r.count(2) {
		v := Video{Variant: r.name()}
		last := -1
		for range r.count(1) {
			step := int(r.number())
			i := last + step
			if step < 0 {
				i = -step - 1
			}
			switch {
			case step == 0:
				s := r.shown()
				v.Frames = append(v.Frames, vpdq.Frame{Number: s.frame, At: s.at, Hash: s.hash, Quality: s.quality})
			case i < 0 || i >= len(q.Near):
				r.bad = true
			default:
				n := q.Near[i]
				v.Frames = append(v.Frames, vpdq.Frame{Number: n.Frame, At: n.At, Hash: n.Hash, Quality: n.Quality})
				last = i
			}
		}
		q.Video = append(q.Video, v)
	}
	if r.bad || len(r.in) > 0 {
		return errRemembered
	}
	u.Query = q
	return nil
}
