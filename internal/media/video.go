package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/vpdq"
)

// Videos are decoded by the system's ffmpeg program and hashed by a child like
// those for pictures:
//
//	server ── memory file ──▶ ffmpeg ── pictures ──▶ child ── report ──▶ server
//	                              └── its log ──────▶
//
// Both processes are made for one stream of one file. Of what ffmpeg says, the
// server reads nothing but how it ended.

// demuxer is ffmpeg's name for the container of a format, "" if videos in it
// are not read. The list is short: playlists and everything else that names
// other files can never be on it.
func demuxer(format string) string {
	switch format {
	case "mp4", "quicktime":
		return "mov"
	case "matroska", "webm":
		return "matroska"
	case "avi":
		return "avi"
	}
	return ""
}

// videoCodecs are ffmpeg's decoders that a file may ask for.
const videoCodecs = "h264,hevc,vp8,vp9,libdav1d,libaom-av1,av1,mpeg4,msmpeg4,msmpeg4v2,msmpeg4v1,mpeg1video,mpeg2video," +
	"h261,h263,h263i,flv,vp6,vp6a,vp6f,wmv1,wmv2,wmv3,vc1,theora,mjpeg,mjpegb,png,dvvideo,prores,svq1,svq3,rawvideo"

// crowded is how many frames may pass between two that are hashed, however close
// together their times are said to be.
const crowded = 60

// videoArgs are the arguments with which ffmpeg decodes the n-th video stream of
// its standard input. Of the pictures, which go to standard output as PPM, it
// takes those that are at least lim.VideoEvery from the last one taken, in
// either direction, and those without a time.
func videoArgs(format string, n int, lim Limits, sync []string) []string {
	name := demuxer(format)
	every := max(0, lim.VideoEvery.Seconds()-0.001) // times are rounded to milliseconds in places
	choose := fmt.Sprintf("select='isnan(t)+isnan(prev_selected_t)+gte(abs(t-prev_selected_t),%.6f)+gte(n-prev_selected_n,%d)'", every, crowded)
	args := []string{
		"ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-loglevel", "repeat+level+info",
		"-max_alloc", strconv.FormatInt(lim.VideoData/2, 10), "-filter_threads", "1",
		"-threads", "1", "-max_pixels", strconv.FormatInt(lim.MaxPixels, 10), "-noautorotate",
		"-protocol_whitelist", "file", "-format_whitelist", name, "-codec_whitelist", videoCodecs, "-max_streams", "64",
		"-an", "-sn", "-dn", "-f", name, "-i", "file:/proc/self/fd/0",
		"-map", "0:v:" + strconv.Itoa(n), "-vf", choose + ",showinfo=checksum=0,format=rgb24",
	}
	args = append(args, sync...)
	return append(args, "-frames:v", strconv.Itoa(lim.VideoFrames+1), "-c:v", "ppm", "-f", "image2pipe", "pipe:1")
}

// Video is the frames of a report on a video in the form that package vpdq
// compares: as stored, without regard to a turn that the file asks for, as the
// reference does. variant is one of pdq.VariantNames.
func (r *Report) Video(variant string) []vpdq.Frame {
	var out []vpdq.Frame
	for _, h := range r.Hashes {
		if h.Variant == variant {
			out = append(out, vpdq.Frame{Number: h.Frame, At: h.At, Hash: h.PDQ, Quality: h.Quality})
		}
	}
	return out
}

// maxVideoStreams is how many video streams of a file are looked at. Films with
// several angles and files with a cover picture have two or three.
const maxVideoStreams = 4

// watch examines a video: every video stream of it in turn.
func (p *Pool) watch(ctx context.Context, data []byte, format string) (Report, error) {
	unable := func(state safety.ScanState, reason string) Report {
		r := verdict(state, reason)
		r.Format = format
		return r
	}
	if _, ok := p.Video(ctx); !ok {
		return unable(safety.ScanUnsupported, ReasonNoVideoDecoder), nil
	}
	file, err := memoryFile(data)
	if err != nil {
		return Report{}, err
	}
	defer func() { _ = file.Close() }()
	lim := p.config.Limits
	end := time.Now().Add(lim.VideoTimeout)
	var all Report
	for n := 0; ; n++ {
		r, err := p.watchStream(ctx, file, format, n, lim, end)
		if err != nil {
			return Report{}, err
		}
		if n == 0 {
			all = r
		} else {
			all.join(r)
		}
		lim.VideoFrames -= len(r.Hashes) / 8
		switch {
		case n+1 >= r.Streams:
		case n+1 == maxVideoStreams:
			all.worsen(ReasonTooManyStreams)
		case lim.VideoFrames < 1:
			all.worsen(ReasonTooManyFrames)
		case !time.Now().Before(end):
			all.worsen(ReasonTimeout)
		default:
			continue
		}
		break
	}
	all.Format = format
	switch {
	case riffCut(data):
		all.worsen(ReasonTruncated)
	case all.Scan != safety.ScanScanned && encrypted(data, format):
		all.Reason = ReasonEncrypted
	}
	if len(all.Hashes) == 0 && (all.Reason == ReasonTimeout || all.Reason == ReasonDecoderCrashed) {
		p.breaker.hold(data, all)
	}
	return all, nil
}

// join adds what was found in another stream of the same file.
func (r *Report) join(o Report) {
	first := r.Frames
	for _, h := range o.Hashes {
		h.Frame += first
		r.Hashes = append(r.Hashes, h)
	}
	r.Frames += o.Frames
	r.Duration = max(r.Duration, o.Duration)
	if r.PreviewPNG == nil {
		r.PreviewPNG = o.PreviewPNG
	}
	if o.Scan != safety.ScanScanned {
		r.worsen(o.Reason)
	}
	if r.Scan == safety.ScanFailed && len(r.Hashes) > 0 {
		r.Scan = safety.ScanPartial
	}
}

// worsen notes that something was not examined. What was said first stays.
func (r *Report) worsen(reason string) {
	if r.Scan != safety.ScanScanned {
		return
	}
	r.Scan, r.Reason = safety.ScanPartial, reason
	if len(r.Hashes) == 0 {
		r.Scan = safety.ScanFailed
	}
}

// watchStream has one stream decoded and hashed.
func (p *Pool) watchStream(ctx context.Context, file *os.File, format string, n int, lim Limits, end time.Time) (Report, error) {
	ctx, cancel := context.WithDeadline(ctx, end.Add(lim.VideoTimeout/4+2*time.Second))
	defer cancel()
	pictures, picturesIn, err := os.Pipe()
	if err != nil {
		return Report{}, fmt.Errorf("media: pipe: %w", err)
	}
	words, wordsIn, err := os.Pipe()
	if err != nil {
		return Report{}, errors.Join(fmt.Errorf("media: pipe: %w", err), pictures.Close(), picturesIn.Close())
	}
	config := p.config
	config.Limits = lim
	hasher, err := startWorker(ctx, &config, opening{Video: true}, pictures, words)
	_, _ = pictures.Close(), words.Close() // the child has them
	if err != nil {
		return Report{}, errors.Join(err, picturesIn.Close(), wordsIn.Close())
	}
	defer hasher.stop()
	decoder, err := launch(ctx, p.config.Executable, order{Program: p.video.path, Libraries: p.video.libraries,
		Args: videoArgs(format, n, lim, p.video.sync), Limits: lim}, file, picturesIn, wordsIn)
	_, _ = picturesIn.Close(), wordsIn.Close()
	if err != nil {
		return Report{}, err
	}
	defer decoder.stop()
	// When the time is up only the decoder is killed: what has been hashed by
	// then is not lost.
	late := time.AfterFunc(time.Until(end), decoder.kill)
	defer late.Stop()
	r, err := hasher.watched(ctx)
	decoder.kill() // it has closed its output, or is not needed any more
	how := decoder.stop()
	if err != nil {
		hasher.stop()
		p.died.Add(1)
		if ctx.Err() != nil && !time.Now().After(end) {
			return Report{}, ctx.Err()
		}
		return hasher.died(ctx), nil
	}
	switch {
	case !late.Stop(): // whatever the cut looked like to the child
		p.died.Add(1)
		r.Scan = safety.ScanScanned
		r.worsen(ReasonTimeout)
	case how != "":
		if how != ReasonCorrupt {
			p.died.Add(1)
		}
		r.worsen(how)
	}
	return r, nil
}

// watched waits for a child's report on the frames that reach it.
func (w *worker) watched(ctx context.Context) (Report, error) {
	defer context.AfterFunc(ctx, w.kill)()
	var r reply
	if err := readJSON(w.out, &r); err != nil {
		return Report{}, err
	}
	if err := r.check(); err != nil {
		return Report{}, err
	}
	png, err := r.Preview.encode()
	r.Report.PreviewPNG = png
	return r.Report, err
}

// riffCut reports whether a RIFF file (AVI) is shorter than it says: ffmpeg
// takes what there is of it without a word.
func riffCut(data []byte) bool {
	if len(data) < 12 || string(data[:4]) != "RIFF" {
		return false
	}
	size := int64(data[4]) | int64(data[5])<<8 | int64(data[6])<<16 | int64(data[7])<<24
	return size+8 > int64(len(data))
}

// encrypted guesses why a video that could not be read cannot be: it only gives
// the outcome another name.
func encrypted(data []byte, format string) bool {
	switch demuxer(format) {
	case "mov":
		return bytes.Contains(data, []byte("encv")) && bytes.Contains(data, []byte("schm"))
	case "matroska": // ContentEncryption with a ContentEncAlgo in it
		i := bytes.Index(data, []byte{0x50, 0x35})
		return i >= 0 && bytes.Contains(data[i:min(len(data), i+64)], []byte{0x47, 0xe1})
	}
	return false
}

// discard reads a pipe to its end, so that whoever writes is not held up.
func discard(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
