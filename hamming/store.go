package hamming

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Open opens the index that is kept in the file at path, or a new one if there
// is none. The file is mapped into memory and checked; nothing is rebuilt. The
// changes since it was written are read from the log beside it, and further
// changes are added to that log. Only one process may have an index open.
//
// A change lasts once [Index.Sync], [Index.Checkpoint] or [Index.Close] has
// returned nil after it. After a crash the index has these changes, and of the
// later ones those up to some point. A damaged file is a [*CorruptError], never
// an index that misses keys: all of it is checked before Open returns. A file of
// another version of this package is a [*VersionError]. Checksums protect from accidents, not from
// somebody who writes to the files.
func Open(path string) (*Index, error) {
	x := New()
	s, generation, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if s != nil && len(s.ids) > 0 {
		now := *x.parts.Load()
		now.segments = []*segment{s}
		x.parts.Store(&now)
		x.live.Store(int64(len(s.ids)))
	}
	x.path, x.base = path, generation
	if x.journal, err = x.replayAll(path, generation, s == nil); err != nil {
		return nil, err
	}
	for g := generation; g > 0 && exists(logPath(path, g-1)); g-- {
		_ = os.Remove(logPath(path, g-1)) // left by a crash; it does no harm
	}
	return x, nil
}

// replayAll reads the logs from a generation on, and opens the last. That there
// is none is right only where nothing has been kept before.
func (x *Index) replayAll(path string, generation uint64, fresh bool) (*journal, error) {
	logs, err := filepath.Glob(quote(path) + ".log.*")
	if err != nil {
		return nil, err
	}
	if !exists(logPath(path, generation)) && (!fresh || len(logs) > 0) {
		return nil, &CorruptError{logPath(path, generation), "it is missing"}
	}
	for exists(logPath(path, generation+1)) {
		if _, err := x.replay(path, generation, false); err != nil {
			return nil, err
		}
		generation++
	}
	n := uint64(0)
	if len(logs) > 0 {
		if n, err = x.replay(path, generation, true); err != nil {
			return nil, err
		}
	}
	return openLog(path, generation, n)
}

// quote makes a pattern that matches only path.
func quote(path string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
}

var (
	errNoFile = errors.New("hamming: the index was not opened from a file")
	errClosed = errors.New("hamming: the index is closed")
)

// Sync writes the changes so far to the disk. An index that could not write a
// change answers with that failure ever after, and goes on in memory.
func (x *Index) Sync() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.journal == nil {
		return errNoFile
	}
	return x.journal.sync()
}

// Close is [Index.Sync], and ends the writing of changes. The index can still
// be searched.
func (x *Index) Close() error {
	x.checkpoint.Lock()
	defer x.checkpoint.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.journal == nil {
		return errNoFile
	}
	err := errors.Join(x.journal.sync(), x.journal.file.Close())
	x.journal.err = errClosed
	return err
}

// Checkpoint compacts the index, writes it to its file and begins a new log, so
// that the next [Open] is quick. Searches and changes go on meanwhile.
func (x *Index) Checkpoint() error {
	x.checkpoint.Lock()
	defer x.checkpoint.Unlock()
	generation := uint64(0)
	s, err := x.compact(func() (err error) {
		generation, err = x.turn()
		return err
	})
	if err != nil {
		return err
	}
	if err := writeFile(x.path, s, generation); err != nil {
		return err
	}
	runtime.KeepAlive(s)
	for ; x.base < generation; x.base++ {
		if err := os.Remove(logPath(x.path, x.base)); err != nil {
			return err
		}
	}
	return nil
}

// turn ends the log and begins the next. x.mu is held.
func (x *Index) turn() (uint64, error) {
	if x.journal == nil {
		return 0, errNoFile
	}
	if err := x.journal.sync(); err != nil {
		return 0, err
	}
	next, err := openLog(x.path, x.journal.generation+1, 0)
	if err != nil {
		return 0, err
	}
	err = x.journal.file.Close()
	x.journal = next
	return next.generation, err
}
