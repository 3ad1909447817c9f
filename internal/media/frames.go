package media

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// This is the part of watching a video that a confined child does: it hashes the
// pictures that ffmpeg writes (PPM, one after the other) and reads its log, which
// tells the time of each, and whether anything went wrong.

// watchFrames hashes what comes from pictures until both pipes end.
func watchFrames(pictures, words io.Reader, lim Limits) (Report, preview) {
	told := make(chan *account, 1)
	go func() {
		a := readAccount(words)
		discard(words)
		told <- a
	}()
	v := &viewer{in: bufio.NewReaderSize(pictures, 1<<16), lim: lim}
	err := v.run()
	discard(v.in)
	return v.report(<-told, err), v.still.preview()
}

// viewer hashes a stream of pictures.
type viewer struct {
	in     *bufio.Reader
	lim    Limits
	w, h   int // of the last picture
	frames []viewed
	cut    bool // there were more frames than may be hashed
	still  still
	row    []byte
}

type viewed struct {
	result pdq.Result
	w, h   int
}

func (v *viewer) run() error {
	for {
		switch err := v.header(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if len(v.frames) == v.lim.VideoFrames {
			v.cut = true
			return nil
		}
		if err := v.frame(); err != nil {
			return err
		}
	}
}

var errPPM = errors.New("media: not a picture as ffmpeg writes it")

// header reads "P6\nW H\n255\n". The end of the stream before it is io.EOF.
func (v *viewer) header() error {
	var part [3]string
	for i := range part {
		line, err := v.in.ReadSlice('\n')
		if err != nil && (i > 0 || len(line) > 0) {
			return errPPM
		}
		if err != nil {
			return err
		}
		part[i] = strings.TrimSuffix(string(line), "\n")
	}
	w, h, _ := strings.Cut(part[1], " ")
	var errW, errH error
	v.w, errW = strconv.Atoi(w)
	v.h, errH = strconv.Atoi(h)
	if part[0] != "P6" || part[2] != "255" || errW != nil || errH != nil || v.w < 1 || v.h < 1 {
		return errPPM
	}
	switch {
	case v.w > v.lim.MaxSide || v.h > v.lim.MaxSide:
		return failed(ReasonSideTooLong)
	case int64(v.w)*int64(v.h) > v.lim.MaxPixels:
		return failed(ReasonTooManyPixels)
	}
	return nil
}

// frame hashes one picture as its rows come in.
func (v *viewer) frame() error {
	v.row = append(v.row[:0], make([]byte, 3*v.w)...)
	var broken error
	next := 0
	v.still.begin(v.w, v.h)
	read := func() {
		if broken == nil {
			_, broken = io.ReadFull(v.in, v.row)
			v.still.take(next, v.row)
		}
		next++
	}
	r, err := pdq.Compute(v.w, v.h, func(_ int, luma []float32) {
		read()
		for x := range luma {
			luma[x] = pdq.Luma(v.row[3*x], v.row[3*x+1], v.row[3*x+2])
		}
	})
	for next < v.h { // of a picture too small to hash
		read()
	}
	if broken != nil || err != nil {
		return errPPM
	}
	v.still.end(r.Quality)
	v.frames = append(v.frames, viewed{r, v.w, v.h})
	return nil
}

// report joins the hashes with what ffmpeg told of them.
func (v *viewer) report(a *account, broken error) Report {
	r := verdict(safety.ScanScanned, "")
	r.Frames, r.Animated, r.Duration = len(v.frames), true, a.duration
	r.Streams = a.streams
	names := pdq.VariantNames()
	for i, f := range v.frames {
		if i == 0 {
			r.Width, r.Height = f.w, f.h
		}
		at := time.Duration(0)
		if i < len(a.shown) {
			at = a.shown[i].at
		}
		for j, h := range f.result.Dihedral() {
			r.Hashes = append(r.Hashes, FrameHash{Frame: i, Variant: names[j], PDQ: h, Quality: f.result.Quality, At: at})
		}
	}
	if reason := v.doubt(a, broken); reason != "" {
		r.worsen(reason)
	}
	if len(v.frames) == 0 && (r.Reason == ReasonUnsupportedCoding || r.Reason == ReasonNoVideoStream) {
		r.Scan = safety.ScanUnsupported
	}
	return r
}

// doubt is why not all of the video has been seen, "" if it has.
func (v *viewer) doubt(a *account, broken error) string {
	var h halt
	switch {
	case v.cut:
		return ReasonTooManyFrames
	case a.trouble != "":
		return a.trouble
	case errors.As(broken, &h):
		return h.reason
	case broken != nil:
		return ReasonTruncated
	case len(v.frames) == 0:
		return ReasonNoVideoStream
	case len(a.shown) != len(v.frames):
		return ReasonCorrupt // the log and the pictures do not tell the same
	}
	first := v.frames[0]
	if first.w < 5 || first.h < 5 {
		return ReasonTooSmall
	}
	// Later pictures are scaled to the size of the first. PDQ looks at 64 × 64
	// samples, so that this does no harm unless the first was smaller than that.
	for _, s := range a.shown {
		if (s.w != first.w || s.h != first.h) && (first.w < 64 || first.h < 64) {
			return ReasonSizeChanges
		}
	}
	return ""
}

// account is what ffmpeg's log tells.
type account struct {
	shown    []shownFrame
	streams  int // of video in the file
	duration time.Duration
	trouble  string // a reason, if anything went wrong
}

type shownFrame struct {
	at   time.Duration
	w, h int
}

// maxAccount bounds the lines that are kept in mind; what comes after is trouble
// enough.
const maxAccount = 1 << 20

// readAccount reads a log of the level "repeat+level+info". Names and titles in
// the file turn up in it and may imitate lines: such a line can add a frame, a
// stream or an error, each of which makes the video less than scanned, but can
// take nothing away.
func readAccount(r io.Reader) *account {
	a := &account{streams: -1} // ffmpeg's own output is counted too
	in := bufio.NewReaderSize(r, 1<<16)
	for range maxAccount {
		begun, err := in.ReadSlice('\n')
		line := strings.TrimRight(string(begun[:min(len(begun), 2048)]), "\r\n")
		for errors.Is(err, bufio.ErrBufferFull) { // only the beginning counts
			_, err = in.ReadSlice('\n')
		}
		a.line(line)
		if err != nil {
			a.streams = max(a.streams, 0)
			return a
		}
	}
	a.note(ReasonCorrupt)
	return a
}

func (a *account) line(s string) {
	// Before the level stand the names of components, each in brackets, or none.
	for _, level := range []string{"[panic] ", "[fatal] ", "[error] "} {
		if _, text, found := strings.Cut(s, level); found {
			if !strings.HasPrefix(text, "Codec (") || !strings.Contains(text, "not on whitelist") { // of sound and subtitles; for a video stream more errors follow
				a.note(troubleOf(text))
			}
			return
		}
	}
	if _, text, found := strings.Cut(s, "[warning] "); found {
		if strings.Contains(text, "orrupt") || strings.Contains(text, "runcat") {
			a.note(troubleOf(text))
		}
		return
	}
	if component, text, found := strings.Cut(s, "[info] "); found {
		a.info(component, text)
	}
}

func (a *account) info(component, text string) {
	switch {
	case strings.HasPrefix(component, "[Parsed_showinfo") && strings.HasPrefix(text, "n:"):
		if len(a.shown) < maxAccount {
			a.shown = append(a.shown, shown(text))
		}
	case strings.HasPrefix(text, "  Stream #0:") && strings.Contains(text, ": Video: "):
		a.streams++
	case strings.HasPrefix(text, "  Duration: ") && a.duration == 0:
		clock, _, _ := strings.Cut(strings.TrimPrefix(text, "  Duration: "), ",")
		a.duration = clockTime(clock)
	}
}

// shown reads the filter's "n:   1 pts:  12800 pts_time:1 … s:320x240 …".
func shown(text string) (f shownFrame) {
	for word := range strings.FieldsSeq(text) {
		if s, ok := strings.CutPrefix(word, "pts_time:"); ok {
			if v, err := strconv.ParseFloat(s, 64); err == nil {
				f.at = seconds(v)
			}
		}
		if s, ok := strings.CutPrefix(word, "s:"); ok {
			w, h, _ := strings.Cut(s, "x")
			f.w, _ = strconv.Atoi(w)
			f.h, _ = strconv.Atoi(h)
		}
	}
	return f
}

// seconds keeps a time within sense: 0 to 115 days, in milliseconds.
func seconds(v float64) time.Duration {
	if !(v > 0) {
		return 0
	}
	return time.Duration(math.Round(min(v, 1e7)*1000)) * time.Millisecond
}

// clockTime reads "01:02:03.45"; 0 if it is not one.
func clockTime(s string) time.Duration {
	var h, m int
	var sec float64
	if _, err := fmt.Sscanf(s, "%d:%d:%f", &h, &m, &sec); err != nil {
		return 0
	}
	return seconds(float64(h)*3600 + float64(m)*60 + sec)
}

// note keeps the reason that says most: a later one that is more than "corrupt"
// replaces that.
func (a *account) note(reason string) {
	if a.trouble == "" || a.trouble == ReasonCorrupt {
		a.trouble = reason
	}
}

// troubleOf sorts ffmpeg's messages. One that is not known is "corrupt".
func troubleOf(text string) string {
	for _, k := range []struct{ part, reason string }{
		{"max pixel count", ReasonTooManyPixels},
		{"icture size", ReasonTooManyPixels},
		{"Cannot allocate memory", ReasonOutOfMemory},
		{"matches no streams", ReasonNoVideoStream},
		{"artial file", ReasonTruncated},
		{"ended prematurely", ReasonTruncated},
		{"moov atom not found", ReasonTruncated},
		{"runcated", ReasonTruncated},
		{"none) not found", ReasonUnsupportedCoding},
		{"could not find codec parameters", ReasonUnsupportedCoding},
		{"Could not find codec parameters", ReasonUnsupportedCoding},
		{"Error while opening decoder", ReasonUnsupportedCoding},
		{"patch welcome", ReasonUnsupportedCoding},
		{"not implemented", ReasonUnsupportedCoding},
	} {
		if strings.Contains(text, k.part) {
			return k.reason
		}
	}
	if strings.Contains(text, "Decoder") && strings.Contains(text, "not found") {
		return ReasonUnsupportedCoding
	}
	return ReasonCorrupt
}

// still keeps a coarse copy of the frame that shows most, for the preview.
type still struct {
	w, h, step int // of the frame that is being read
	now, best  *image.NRGBA
	quality    int // of best
}

// stillSide is the longer side of the copy: a preview is much coarser yet.
const stillSide = 256

func (s *still) begin(w, h int) {
	s.w, s.h, s.step = w, h, max(1, (max(w, h)+stillSide-1)/stillSide)
	s.now = image.NewNRGBA(image.Rect(0, 0, (w+s.step-1)/s.step, (h+s.step-1)/s.step))
}

func (s *still) take(y int, row []byte) {
	if y%s.step != 0 {
		return
	}
	for x := 0; x < s.w; x += s.step {
		s.now.SetNRGBA(x/s.step, y/s.step, color.NRGBA{R: row[3*x], G: row[3*x+1], B: row[3*x+2], A: 255})
	}
}

func (s *still) end(quality int) {
	if s.best == nil || quality > s.quality {
		s.best, s.quality = s.now, quality
	}
}

func (s *still) preview() preview {
	if s.best == nil {
		return preview{}
	}
	return newPreview(newRaster(s.best))
}
