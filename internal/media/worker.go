package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// worker is the parent's end of one child. It belongs to one goroutine at a
// time.
type worker struct {
	module string // the format whose Wasm module it has, or ""
	limit  int64  // of its memory
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.ReadCloser
	last   *tail
	test   selfTest
	files  int   // answered
	memory int64 // as the child reported last
}

// startTime is how long a child may take to come up.
const startTime = 20 * time.Second

// startWorker starts a child and waits until it has passed its self-test. The
// opening's limits are filled in here. The child gets files as descriptors 3 and
// on.
func startWorker(ctx context.Context, c *Config, o opening, files ...*os.File) (*worker, error) {
	w := &worker{module: o.Module, last: new(tail)}
	o.Limits, o.Trap = c.Limits, c.trap
	if o.Module != "" {
		o.Limits.ChildData = max(o.Limits.ChildData, o.Limits.WasmData)
	}
	w.limit = o.Limits.ChildData
	w.cmd = exec.Command(c.Executable) //nolint:noctx // a child outlives the request that started it; the pool kills it
	w.cmd.Args = []string{"rowan-media"}
	w.cmd.Env = []string{childVariable + "=1"}
	w.cmd.Stderr = w.last
	w.cmd.ExtraFiles = files
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("media: child: %w", err)
	}
	if w.out, err = w.cmd.StdoutPipe(); err != nil {
		return nil, fmt.Errorf("media: child: %w", err)
	}
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("media: child: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer context.AfterFunc(ctx, w.kill)()
	err = writeJSON(w.in, o)
	if err == nil {
		err = readJSON(w.out, &w.test)
	}
	if err != nil {
		w.stop()
		return nil, fmt.Errorf("media: a child did not come up (does main call media.ChildMain first?): %w", err)
	}
	if w.test.Holes != "" && !c.AllowUnsandboxed {
		w.stop()
		return nil, fmt.Errorf("media: the sandbox does not hold: %s", w.test.Holes)
	}
	return w, nil
}

// kill ends the child at once; stop must follow. It is safe at any time.
func (w *worker) kill() { _ = w.cmd.Process.Kill() }

// stop ends the child and waits for it.
func (w *worker) stop() {
	w.kill()
	_ = w.in.Close()
	_ = w.cmd.Wait()
}

// ask sends a file and waits for the answer until ctx ends, which kills the
// child. After an error the worker is of no more use.
func (w *worker) ask(ctx context.Context, data []byte) (Report, error) {
	defer context.AfterFunc(ctx, w.kill)()
	if err := writeMessage(w.in, data); err != nil {
		return Report{}, err
	}
	var r reply
	if err := readJSON(w.out, &r); err != nil {
		return Report{}, err
	}
	if err := r.check(); err != nil {
		return Report{}, err
	}
	png, err := r.Preview.encode()
	if err != nil {
		return Report{}, err
	}
	r.Report.PreviewPNG = png
	w.files++
	w.memory = r.Memory
	return r.Report, nil
}

// died is the report for a file during which the child died; ctx is the one of
// ask. The child has been stopped, so its last words are complete.
func (w *worker) died(ctx context.Context) Report {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return verdict(safety.ScanFailed, ReasonTimeout)
	case w.last.has("out of memory"), w.last.has("cannot allocate memory"):
		return verdict(safety.ScanFailed, ReasonOutOfMemory)
	}
	return verdict(safety.ScanFailed, ReasonDecoderCrashed)
}

// tail keeps the first and last of what a child writes to its standard error:
// the Go runtime names the cause of death first. It is read for that only and
// never logged.
type tail struct {
	mu    sync.Mutex // guards the rest: exec copies in a goroutine of its own
	first []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := tailSize - len(t.first); room > 0 {
		t.first = append(t.first, p[:min(room, len(p))]...)
	}
	return len(p), nil
}

func (t *tail) has(words string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.first, []byte(words))
}

// executable is the running program, for starting it again.
func executable() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("media: own executable: %w", err)
	}
	return path, nil
}
