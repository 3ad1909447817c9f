package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

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
	Video            VideoConfig

	trap bool // see opening
}

// Pool examines files in child processes. It is safe for concurrent use.
type Pool struct {
	config  Config
	sandbox string
	// turns holds one place for each file that may be looked at at a time.
	turns chan struct{}
	// films likewise for videos, which take longer, so that pictures need not wait
	// behind them.
	films     chan struct{}
	seek      sync.Once // findVideo
	video     *program  // nil if there is none that can be confined; set by seek
	noVideo   string    // why not; set by seek
	closed    chan struct{}
	closeOnce sync.Once
	breaker   breaker
	died      atomic.Int64
	trapped   atomic.Int64 // of those, killed by the system call filter
	spared    atomic.Int64

	mu   sync.Mutex // guards idle
	idle []*worker  // the longest idle first
}

// Stats count what became of children since the pool was made.
type Stats struct {
	Died   int64 // children that died or were killed over a file
	Spared int64 // files answered at once, because they had killed a child before
}

// Stats returns the counts so far.
func (p *Pool) Stats() Stats { return Stats{Died: p.died.Load(), Spared: p.spared.Load()} }

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
	first, err := startWorker(ctx, &c, opening{})
	if err != nil {
		return nil, err
	}
	p := &Pool{config: c, sandbox: first.test.Sandbox, turns: make(chan struct{}, c.Children),
		films: make(chan struct{}, (c.Children+1)/2), closed: make(chan struct{}), idle: []*worker{first}}
	if first.test.Holes != "" {
		p.sandbox = "does not hold: " + first.test.Holes
	}
	for range cap(p.turns) {
		p.turns <- struct{}{}
	}
	for range cap(p.films) {
		p.films <- struct{}{}
	}
	if c.Video.Require {
		if why, ok := p.Video(ctx); !ok {
			p.Close()
			return nil, fmt.Errorf("media: videos cannot be examined: %s", why)
		}
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
	turns := p.turns
	format := sniff(data)
	if demuxer(format) != "" {
		turns = p.films
	}
	if err := p.take(ctx, turns); err != nil {
		return Report{}, err
	}
	defer func() { turns <- struct{}{} }()
	// Looked up now, not before waiting: the same file may have been in front.
	if r, known := p.breaker.look(data); known {
		p.spared.Add(1)
		return r, nil
	}
	if demuxer(format) != "" {
		return p.watch(ctx, data, format)
	}
	return p.attempt(ctx, data)
}

// take waits for a turn.
func (p *Pool) take(ctx context.Context, turns chan struct{}) error {
	// First what is certain: the second select picks among those that are ready.
	select {
	case <-p.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	select {
	case <-turns:
		return nil
	case <-p.closed:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// worker returns an idle child of a kind, or starts one.
func (p *Pool) worker(ctx context.Context, module string) (*worker, error) {
	p.mu.Lock()
	for i, w := range p.idle {
		if w.module == module {
			p.idle = slices.Delete(p.idle, i, i+1)
			p.mu.Unlock()
			return w, nil
		}
	}
	p.mu.Unlock()
	return startWorker(ctx, &p.config, opening{Module: module})
}

// keep puts a child among the idle ones, unless it is time to replace it. Of
// those with a Wasm module, which take some 60 MiB each, only as many are kept
// as files may be looked at at a time, but one for each format.
func (p *Pool) keep(w *worker) {
	if w.files >= recycleAfter || w.memory >= w.limit/2 {
		w.stop()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, w)
	var modules []int
	for i, o := range p.idle {
		if o.module != "" {
			modules = append(modules, i)
		}
	}
	if len(modules) > max(p.config.Children, 3) {
		oldest := p.idle[modules[0]]
		p.idle = slices.Delete(p.idle, modules[0], modules[0]+1)
		oldest.stop()
	}
}

// attempt asks a child, and once more a fresh one if the first died of something
// that another try may not meet: a crash, or lack of memory in a child that had
// worked before.
func (p *Pool) attempt(ctx context.Context, data []byte) (Report, error) {
	format := sniff(data)
	module := ""
	if wasmModule(format) != nil {
		module = format
	}
	for try := 0; ; try++ {
		w, err := p.worker(ctx, module)
		if err != nil {
			return Report{}, err
		}
		used := w.files > 0
		limited, cancel := context.WithTimeout(ctx, p.config.Limits.Timeout)
		report, err := w.ask(limited, data)
		if err == nil {
			cancel()
			p.keep(w)
			return report, nil
		}
		w.stop()
		report = w.died(limited)
		cancel()
		if ctx.Err() != nil {
			return Report{}, ctx.Err()
		}
		p.died.Add(1)
		if w.trapped() {
			p.trapped.Add(1)
		}
		again := report.Reason == ReasonDecoderCrashed || report.Reason == ReasonOutOfMemory && used
		if try > 0 || !again {
			report.Format = format
			p.breaker.hold(data, report)
			return report, nil
		}
	}
}

// Close ends all children. It waits for examinations that are under way.
func (p *Pool) Close() {
	p.closeOnce.Do(func() {
		close(p.closed)
		for range p.config.Children {
			<-p.turns
		}
		for range cap(p.films) {
			<-p.films
		}
		for _, w := range p.idle {
			w.stop()
		}
	})
}
