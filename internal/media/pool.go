package media

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"

	"github.com/rowan-safety/rowan/internal/safety"
)

// recycleAfter files a child is replaced, whatever its health.
const recycleAfter = 500

// Config is how a [Pool] is made. The zero value is a good one.
type Config struct {
	Children   int    // at most; default one for each processor
	Limits     Limits // of each file
	Executable string // started as a child; default the running program
	// AllowUnsandboxed lets the pool start where the sandbox does not hold, or
	// does not exist, as on systems other than Linux. Children are then still
	// separate processes that can be killed.
	AllowUnsandboxed bool
}

// Pool examines files in child processes. It is safe for concurrent use.
type Pool struct {
	config  Config
	sandbox string
	// slots holds one place for each child; nil stands for one to be started.
	slots     chan *worker
	closed    chan struct{}
	closeOnce sync.Once
}

// ErrClosed is returned by [Pool.Examine] after [Pool.Close].
var ErrClosed = errors.New("media: the pool is closed")

// NewPool starts a first child and has it prove its sandbox. The error says
// that the child does not come up, or that the sandbox does not hold and
// AllowUnsandboxed is not set. ctx bounds the start only.
func NewPool(ctx context.Context, c Config) (*Pool, error) {
	if os.Getenv(childVariable) != "" {
		return nil, errors.New("media: a child must not start children: main must call media.ChildMain first")
	}
	fill(&c.Children, runtime.NumCPU())
	c.Limits = c.Limits.orDefault()
	if c.Executable == "" {
		path, err := executable()
		if err != nil {
			return nil, err
		}
		c.Executable = path
	}
	first, err := startWorker(ctx, &c)
	if err != nil {
		return nil, err
	}
	p := &Pool{config: c, sandbox: first.test.Sandbox, slots: make(chan *worker, c.Children), closed: make(chan struct{})}
	if first.test.Holes != "" {
		p.sandbox = "does not hold: " + first.test.Holes
	}
	p.slots <- first
	for range c.Children - 1 {
		p.slots <- nil
	}
	return p, nil
}

// Sandbox describes the confinement of the children, such as
// "landlock abi 7, seccomp", for logs and for operators.
func (p *Pool) Sandbox() string { return p.sandbox }

// Examine decodes and hashes a file in a child, waiting for a free one. What a
// file is or does is in the report, never in the error: that says that ctx
// ended, the pool is closed, or no child can be started.
func (p *Pool) Examine(ctx context.Context, data []byte) (Report, error) {
	switch {
	case len(data) == 0:
		return verdict(safety.ScanFailed, ReasonEmpty), nil
	case int64(len(data)) > p.config.Limits.MaxBytes:
		r := verdict(safety.ScanFailed, ReasonTooManyBytes)
		r.Format = sniff(data)
		return r, nil
	}
	w, err := p.take(ctx)
	if err != nil {
		return Report{}, err
	}
	report, w, err := p.attempt(ctx, w, data)
	p.slots <- w
	return report, err
}

// take waits for a slot.
func (p *Pool) take(ctx context.Context) (*worker, error) {
	select {
	case <-p.closed:
		return nil, ErrClosed
	default:
	}
	select {
	case w := <-p.slots:
		return w, nil
	case <-p.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// attempt asks the slot's worker, and once more a fresh one if the first died
// of something that another try may not meet: a crash, or lack of memory in a
// child that had worked before. It returns what to put back into the slot.
func (p *Pool) attempt(ctx context.Context, w *worker, data []byte) (Report, *worker, error) {
	for try := 0; ; try++ {
		if w == nil {
			fresh, err := startWorker(ctx, &p.config)
			if err != nil {
				return Report{}, nil, err
			}
			w = fresh
		}
		used := w.files > 0
		limited, cancel := context.WithTimeout(ctx, p.config.Limits.Timeout)
		report, err := w.ask(limited, data)
		if err == nil {
			cancel()
			return report, p.rested(w), nil
		}
		w.stop()
		report = w.died(limited)
		cancel()
		w = nil
		if ctx.Err() != nil {
			return Report{}, nil, ctx.Err()
		}
		again := report.Reason == ReasonDecoderCrashed || report.Reason == ReasonOutOfMemory && used
		if try > 0 || !again {
			report.Format = sniff(data)
			return report, nil, nil
		}
	}
}

// rested is the worker, or nil if it is time to replace it.
func (p *Pool) rested(w *worker) *worker {
	if w.files < recycleAfter && w.memory < p.config.Limits.ChildData/2 {
		return w
	}
	w.stop()
	return nil
}

// Close ends all children. It waits for examinations that are under way.
func (p *Pool) Close() {
	p.closeOnce.Do(func() {
		close(p.closed)
		for range p.config.Children {
			if w := <-p.slots; w != nil {
				w.stop()
			}
		}
	})
}
