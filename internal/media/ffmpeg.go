package media

import (
	"bytes"
	"context"
	_ "embed" // the video for the self-test
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// VideoConfig says how videos are decoded.
type VideoConfig struct {
	// Program is ffmpeg: a path, a name that is looked for in PATH, "" for
	// "ffmpeg", or "off".
	Program string
	// Require makes a pool fail to start where videos cannot be examined. Without
	// it they are answered "unsupported".
	Require bool
}

// program is an ffmpeg that has passed its test in its sandbox.
type program struct {
	path      string
	libraries []string // what it loads
	sync      []string // how this version is told to keep frames as they come
	note      string
}

// Video describes what decodes videos, such as "ffmpeg 5.1.9, landlock abi 7,
// seccomp", or says why nothing does. The first call, or the first video, looks
// for ffmpeg and tries it, which takes half a second.
func (p *Pool) Video(ctx context.Context) (note string, ok bool) {
	p.seek.Do(func() {
		if p.config.Video.Program == "off" {
			p.noVideo = "switched off"
		} else if err := p.tryVideo(context.WithoutCancel(ctx)); err != nil {
			p.video, p.noVideo = nil, err.Error()
		}
	})
	if p.video == nil {
		return p.noVideo, false
	}
	return p.video.note, true
}

//go:embed testpattern.mp4
var testPattern []byte

// tryVideo decodes a video of our own, in the sandbox, the way that all others
// will be.
func (p *Pool) tryVideo(ctx context.Context) error {
	name := p.config.Video.Program
	if name == "" {
		name = "ffmpeg"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return errors.New("ffmpeg is not installed")
	}
	if path, err = filepath.EvalSymlinks(path); err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return fmt.Errorf("ffmpeg: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	found := &program{path: path, libraries: librariesOf(ctx, path)}
	file, err := memoryFile(testPattern)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	lim := DefaultLimits()
	lim.VideoTimeout = startTime / 2
	var last string
	// The first is for ffmpeg 5.1 and later, the second for versions before.
	for _, sync := range [][]string{{"-fps_mode", "passthrough"}, {"-vsync", "passthrough"}} {
		found.sync = sync
		p.video = found
		r, err := p.watchStream(ctx, file, "mp4", 0, lim, time.Now().Add(lim.VideoTimeout))
		if err != nil {
			return err
		}
		if r.Scan == safety.ScanScanned && r.Frames == 2 && r.Streams == 1 && r.Hashes[0].Quality > 0 {
			box, version := describe(ctx, p.config.Executable, found)
			found.note = "ffmpeg " + version + ", " + box
			return nil
		}
		last = fmt.Sprintf("%s %s, %d frames", r.Scan, r.Reason, r.Frames)
	}
	return fmt.Errorf("ffmpeg does not decode the test video in its sandbox: %s", last)
}

var versionLine = regexp.MustCompile(`^ffmpeg version ([0-9A-Za-z.+:~-]{1,60})`)

// versionIn is the version in what "ffmpeg -version" prints.
func versionIn(out []byte) string {
	if m := versionLine.FindSubmatch(bytes.TrimSpace(out)); m != nil {
		return string(m[1])
	}
	return "of unknown version"
}
