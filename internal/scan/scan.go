// Package scan checks the files of a folder or a bucket against the lists: what an
// operator does once with everything that was uploaded before Rowan came.
//
// Results go out as JSON Lines, one for each file, and the output is also the
// memory: a scan that was broken off goes on where it was, and asks again for
// what could not be looked at. Nothing here opens a case.
package scan

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rowan-safety/rowan/internal/intake"
	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/objects"
	"github.com/rowan-safety/rowan/internal/safety"
)

// Line is the outcome of one file.
type Line struct {
	Path     string           `json:"path"` // as it was found, with slashes
	Size     int64            `json:"size"`
	Modified time.Time        `json:"modified"`
	ETag     string           `json:"etag,omitempty"` // of an object in a bucket
	SHA256   string           `json:"sha256,omitempty"`
	Scan     safety.ScanState `json:"scan"`
	Reason   string           `json:"scan_reason,omitempty"`
	Verdict  safety.Verdict   `json:"verdict,omitempty"`
	Findings []Finding        `json:"findings,omitempty"`
}

// Finding is one match, without the signal or the distance: the output may be
// handed on.
type Finding struct {
	Detector string           `json:"detector"`
	List     string           `json:"list"`
	Kind     safety.ListKind  `json:"kind"`
	Match    safety.MatchKind `json:"match"`
	Variant  string           `json:"variant,omitempty"`
	Frame    int              `json:"frame,omitempty"`
}

// ReasonUnreadable is the reason of a file that could not be read from the disk.
const ReasonUnreadable = "unreadable"

// ReasonUnavailable is the reason of a file that could not be examined at the
// moment.
const ReasonUnavailable = "unavailable"

// ReasonChanged is the reason of an object that was written again or removed after
// it was listed. The next run looks at what is there then.
const ReasonChanged = "changed"

// Config says how to scan.
type Config struct {
	// Objects opens the roots that begin with [objects.Scheme]; nil refuses them.
	Objects *objects.Client
	// Look answers for one file, as [intake.Desk.Look] does.
	Look    func(context.Context, intake.Content) (intake.Answer, string, error)
	Content intake.Content // what is the same for every file: surface, jurisdiction
	Workers int            // default one a core
	MaxFile int64          // bytes; of larger files only the digests are looked up
	// Progress, if not nil, is called now and then, and at the end.
	Progress func(Totals)
}

// Totals is how far a scan is.
type Totals struct {
	Files    int64 // that are to be looked at, as far as is known
	Done     int64 // in this run
	Skipped  int64 // done in an earlier run
	Matched  int64 // with findings other than on allow lists
	NotSeen  int64 // not scanned whole; files in no known format have only digests to look up
	Bytes    int64
	Complete bool // Files is final
}

// Run scans the files below the roots and appends a line for each to out, which
// is read first: what it has as looked at is left out. Files that could not be
// looked at are tried again, and have their last line last.
func Run(ctx context.Context, out *os.File, roots []string, c Config) (Totals, error) {
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	done, err := resume(out)
	if err != nil {
		return Totals{}, err
	}
	s := &scan{Config: c, done: done, out: bufio.NewWriter(out)}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	jobs := make(chan job, 4*c.Workers)
	var wg sync.WaitGroup
	for range c.Workers {
		wg.Go(func() {
			for j := range jobs {
				if err := s.file(ctx, j); err != nil {
					stop(err)
				}
			}
		})
	}
	ticker := s.report(ctx)
	err = s.walk(ctx, roots, jobs)
	close(jobs)
	wg.Wait()
	for _, r := range s.roots {
		_ = r.Close() // nothing was written through it
	}
	s.complete.Store(err == nil)
	ticker()
	if cause := context.Cause(ctx); cause != nil && err == nil {
		err = cause
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.totals(), errors.Join(err, s.out.Flush(), out.Sync())
}

// job is one file.
type job struct {
	name     string
	size     int64
	modified time.Time
	etag     string
	open     func(context.Context) (io.ReadCloser, error)
}

// earlier is what matters of a file's line of an earlier run.
type earlier struct {
	size           int64
	modified       time.Time
	etag           string
	matched, whole bool
}

type scan struct {
	Config
	done map[string]earlier

	files, count, skipped, matched, unseen, bytes atomic.Int64
	complete                                      atomic.Bool

	roots []*os.Root // open until the last file is read

	mu  sync.Mutex // guards out
	out *bufio.Writer
}

func (s *scan) totals() Totals {
	return Totals{Files: s.files.Load(), Done: s.count.Load(), Skipped: s.skipped.Load(), Matched: s.matched.Load(), NotSeen: s.unseen.Load(),
		Bytes: s.bytes.Load(), Complete: s.complete.Load()}
}

// report calls Progress each second until the returned function is called.
func (s *scan) report(ctx context.Context) (stop func()) {
	if s.Progress == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				s.Progress(s.totals())
				return
			case <-tick.C:
				s.Progress(s.totals())
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// walk finds the regular files. It follows no symbolic links: a scan of one
// folder does not wander into others.
func (s *scan) walk(ctx context.Context, roots []string, jobs chan<- job) error {
	for _, root := range roots {
		if strings.HasPrefix(root, objects.Scheme) {
			if err := s.list(ctx, root, jobs); err != nil {
				return err
			}
			continue
		}
		info, err := os.Stat(root)
		if err != nil {
			return err
		}
		dir, file := root, "."
		if !info.IsDir() {
			dir, file = path.Dir(root), path.Base(root)
		}
		tree, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		s.roots = append(s.roots, tree)
		err = fs.WalkDir(tree.FS(), file, func(p string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil && d != nil && d.IsDir() && p != ".":
				// A folder that cannot be listed is not a folder without files.
				return s.write(Line{Path: path.Join(dir, p), Scan: safety.ScanFailed, Reason: ReasonUnreadable})
			case err != nil:
				return err
			case !d.Type().IsRegular():
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return s.write(Line{Path: path.Join(dir, p), Scan: safety.ScanFailed, Reason: ReasonUnreadable})
			}
			return s.put(ctx, jobs, job{name: path.Join(dir, p), size: info.Size(), modified: info.ModTime(),
				open: func(context.Context) (io.ReadCloser, error) { return tree.FS().Open(p) }})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// list finds the objects of a bucket. A listing that breaks off ends the scan: what
// it did not name was not looked at.
func (s *scan) list(ctx context.Context, root string, jobs chan<- job) error {
	bucket, prefix, err := objects.ParseURL(root)
	if err != nil {
		return err
	}
	if s.Objects == nil {
		return errors.New("no object store is configured")
	}
	return s.Objects.List(ctx, bucket, prefix, func(o objects.Object) error {
		if o.Size == 0 && strings.HasSuffix(o.Key, "/") {
			return nil // stands for a folder
		}
		return s.put(ctx, jobs, job{name: objects.Scheme + bucket + "/" + o.Key, size: o.Size, modified: o.Modified, etag: o.ETag,
			open: func(ctx context.Context) (io.ReadCloser, error) { return s.Objects.Open(ctx, bucket, o) }})
	})
}

// put hands a file to the workers, unless an earlier run is done with it.
func (s *scan) put(ctx context.Context, jobs chan<- job, j job) error {
	s.files.Add(1)
	if l, ok := s.done[j.name]; ok && l.size == j.size && l.modified.Equal(j.modified) && l.etag == j.etag {
		s.skipped.Add(1)
		s.tally(l.matched, l.whole)
		return nil
	}
	select {
	case jobs <- j:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *scan) file(ctx context.Context, j job) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // not done, and so not in the output; Run tells why it ended
	}
	line, err := s.look(ctx, j)
	if err != nil {
		return err
	}
	s.count.Add(1)
	s.bytes.Add(line.Size)
	return s.write(line)
}

func (s *scan) look(ctx context.Context, j job) (Line, error) {
	line := Line{Path: j.name, Size: j.size, Modified: j.modified, ETag: j.etag, Scan: safety.ScanFailed}
	c := s.Content
	c.ContentID = line.Path
	sum, err := s.read(ctx, j, &c)
	if err != nil && j.etag != "" && !errors.Is(err, objects.ErrChanged) && ctx.Err() == nil {
		sum, err = s.read(ctx, j, &c) // a body that broke off; requests are repeated by package objects
	}
	switch {
	case ctx.Err() != nil:
		return line, context.Cause(ctx)
	case errors.Is(err, objects.ErrChanged):
		line.Reason = ReasonChanged
		return line, nil
	case err != nil:
		line.Reason = ReasonUnreadable
		return line, nil //nolint:nilerr // the line says it
	}
	a, whole, err := s.Look(ctx, c)
	switch {
	case ctx.Err() != nil:
		return line, context.Cause(ctx)
	case err != nil && safety.KindOf(err) == safety.Unavailable:
		line.Reason = ReasonUnavailable
		return line, nil
	case err != nil:
		return line, err
	}
	line.SHA256, line.Scan, line.Reason, line.Verdict = whole, a.Scan, a.ScanReason, a.Verdict
	if sum != "" { // only its digests were looked up
		line.SHA256, line.Reason = sum, media.ReasonTooManyBytes
	}
	for _, f := range a.Findings {
		line.Findings = append(line.Findings, Finding{f.Detector, f.List, f.Kind, f.Match, f.Variant, f.Frame})
	}
	return line, nil
}

// read reads a file into the content. Of one that is too large for a decoder it
// takes the digests, and returns its SHA-256.
func (s *scan) read(ctx context.Context, j job, c *intake.Content) (sum string, err error) {
	f, err := j.open(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if j.size <= s.MaxFile {
		c.File, err = io.ReadAll(io.LimitReader(f, s.MaxFile))
		return "", err
	}
	d, err := media.Digest(f)
	if err != nil {
		return "", err
	}
	c.Hashes = []safety.Hash{d.SHA256, d.SHA1, d.MD5}
	return d.SHA256.Value, nil
}

// tally counts the outcome of a file.
func (s *scan) tally(matched, whole bool) {
	if matched {
		s.matched.Add(1)
	}
	if !whole {
		s.unseen.Add(1)
	}
}

func (l Line) matched() bool {
	return slices.ContainsFunc(l.Findings, func(f Finding) bool { return f.Kind != safety.ListAllow })
}

// whole reports whether all was looked at that there is to look at: a file in no
// known format has nothing but its digests.
func (l Line) whole() bool {
	return l.Scan == safety.ScanScanned || l.Scan == safety.ScanUnsupported && l.Reason == media.ReasonUnknownFormat
}

func (s *scan) write(l Line) error {
	s.tally(l.matched(), l.whole())
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("a line of the output: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err = s.out.Write(append(text, '\n'))
	return err
}

// resume reads what an earlier run has written, cuts off a line that it did not
// finish, and leaves the file at its end. Files that could not be looked at are
// not among what is returned.
func resume(out *os.File) (map[string]earlier, error) {
	done := map[string]earlier{}
	in := bufio.NewReaderSize(out, 1<<16)
	whole := int64(0)
	for {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the output of an earlier scan: %w", err)
		}
		var l Line
		if err := json.Unmarshal(bytes.TrimSpace(text), &l); err != nil || l.Path == "" {
			return nil, errors.New("the output file exists and is not the output of a scan")
		}
		whole += int64(len(text))
		if !l.whole() && l.Scan != safety.ScanPartial { // part of a file stays that
			delete(done, l.Path)
		} else {
			done[l.Path] = earlier{l.Size, l.Modified, l.ETag, l.matched(), l.whole()}
		}
	}
	if err := out.Truncate(whole); err != nil {
		return nil, fmt.Errorf("the output file: %w", err)
	}
	_, err := out.Seek(whole, io.SeekStart)
	return done, err
}
