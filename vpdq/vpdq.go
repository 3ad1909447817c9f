package vpdq

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/pdq"
)

// Frame is one hashed frame of a video.
type Frame struct {
	Number  int           // of the frame in the video, from 0; 0 where a format does not say
	At      time.Duration // from the beginning
	Hash    pdq.Hash
	Quality int // 0 to 100
}

// SyntaxError says where a text is not what it should be. It never repeats the
// text: hashes on a list are secrets.
type SyntaxError struct {
	Line    int // or place in the list, from 1
	Problem string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("vpdq: frame %d: %s", e.Line, e.Problem) }

// MaxFrames is the most frames that a text may have: a day at ten a second.
const MaxFrames = 864_000

// Parse reads the reference's text, one frame a line. Empty lines are left out.
func Parse(r io.Reader) ([]Frame, error) {
	var out []Frame
	in := bufio.NewScanner(r)
	for line := 1; in.Scan(); line++ {
		text := strings.TrimSpace(in.Text())
		if text == "" {
			continue
		}
		parts := strings.Split(text, ",")
		if len(parts) != 4 {
			return nil, &SyntaxError{line, "want number, quality, hash and seconds"}
		}
		n, err := strconv.Atoi(parts[0])
		if err != nil || n < 0 {
			return nil, &SyntaxError{line, "the number is not one"}
		}
		f, problem := parse(parts[2], parts[1], parts[3])
		if problem != "" {
			return nil, &SyntaxError{line, problem}
		}
		f.Number = n
		if out = append(out, f); len(out) > MaxFrames {
			return nil, &SyntaxError{line, "too many frames"}
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return nil, &SyntaxError{len(out) + 1, "the line is too long"}
	}
	return out, in.Err()
}

func parse(hash, quality, seconds string) (f Frame, problem string) {
	var err error
	if f.Hash, err = pdq.ParseHash(hash); err != nil {
		return f, "the hash is not one"
	}
	if f.Quality, err = strconv.Atoi(quality); err != nil || f.Quality < 0 || f.Quality > 100 {
		return f, "the quality is not 0 to 100"
	}
	s, err := strconv.ParseFloat(seconds, 64)
	if err != nil || !(s >= 0 && s < 1e7) {
		return f, "the time is not one"
	}
	f.At = time.Duration(math.Round(s*1000)) * time.Millisecond
	return f, ""
}

// Format writes the reference's text.
func Format(w io.Writer, frames []Frame) error {
	b := bufio.NewWriter(w)
	for _, f := range frames {
		fmt.Fprintf(b, "%d,%d,%s,%.3f\n", f.Number, f.Quality, f.Hash, f.At.Seconds())
	}
	return b.Flush()
}

// ParseJSON reads the list of "hash,quality,seconds" of the reference's Python
// library. Frames have no numbers in it.
func ParseJSON(data []byte) ([]Frame, error) {
	var lines []string
	if err := json.Unmarshal(data, &lines); err != nil {
		return nil, &SyntaxError{1, "not a JSON list of strings"}
	}
	if len(lines) > MaxFrames {
		return nil, &SyntaxError{MaxFrames + 1, "too many frames"}
	}
	out := make([]Frame, len(lines))
	for i, line := range lines {
		parts := strings.Split(line, ",")
		if len(parts) != 3 {
			return nil, &SyntaxError{i + 1, "want hash, quality and seconds"}
		}
		f, problem := parse(parts[0], parts[1], parts[2])
		if problem != "" {
			return nil, &SyntaxError{i + 1, problem}
		}
		out[i] = f
	}
	return out, nil
}

// FormatJSON writes what [ParseJSON] reads, with milliseconds.
func FormatJSON(frames []Frame) ([]byte, error) {
	lines := make([]string, len(frames))
	for i, f := range frames {
		lines[i] = fmt.Sprintf("%s,%d,%.3f", f.Hash, f.Quality, f.At.Seconds())
	}
	return json.Marshal(lines)
}

// Options say what counts as a match. A zero field takes the default of the
// reference's Python library.
type Options struct {
	Distance int  // bits of 256; default 31, -1 for equal hashes only
	Below    bool // distances must be below Distance and not up to it
	Quality  int  // frames with less are left out; default 50, -1 for none
	Repeated bool // equal frames count each, and not once
}

func (o Options) orDefault() Options {
	switch {
	case o.Distance == 0:
		o.Distance = pdq.MatchThreshold
	case o.Distance < 0:
		o.Distance = 0
	}
	switch {
	case o.Quality == 0:
		o.Quality = pdq.MinQuality
	case o.Quality < 0:
		o.Quality = 0
	}
	return o
}

// radius is the greatest distance that counts, -1 if none does.
func (o Options) radius() int {
	if o.Below {
		return o.Distance - 1
	}
	return o.Distance
}

// Reference is what the reference's C++ tools do.
var Reference = Options{Below: true, Repeated: true}

// usable are the frames that are compared.
func (o Options) usable(frames []Frame) []Frame {
	out := make([]Frame, 0, len(frames))
	seen := make(map[pdq.Hash]bool, len(frames))
	for _, f := range frames {
		if f.Quality < o.Quality || !o.Repeated && seen[f.Hash] {
			continue
		}
		seen[f.Hash] = true
		out = append(out, f)
	}
	return out
}

// Result is how much two videos have in common.
type Result struct {
	// QueryPercent and TargetPercent are how many of the usable frames of each
	// video match one of the other, 0 to 100; 0 for a video without any.
	QueryPercent, TargetPercent float64
	// Segments are the stretches that correspond, the longest first.
	Segments []Segment
}

// Segment is a stretch of one video that runs beside one of another.
type Segment struct {
	QueryFrom, QueryTo   time.Duration
	TargetFrom, TargetTo time.Duration
	Frames               int // that match, of the query
}

// Compare compares two videos frame by frame.
func Compare(query, target []Frame, o Options) Result {
	o = o.orDefault()
	radius := o.radius()
	q, t := o.usable(query), o.usable(target)
	hit := make([]bool, len(t))
	matched := 0
	var pairs []pair
	for i := range q {
		found := false
		for j := range t {
			if q[i].Hash.Distance(t[j].Hash) > radius {
				continue
			}
			hit[j], found = true, true
			if len(pairs) < maxPairs {
				pairs = append(pairs, pair{q[i].At, t[j].At})
			}
		}
		if found {
			matched++
		}
	}
	back := 0
	for _, h := range hit {
		if h {
			back++
		}
	}
	return Result{percent(matched, len(q)), percent(back, len(t)), segments(pairs)}
}

func percent(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return 100 * float64(n) / float64(of)
}
