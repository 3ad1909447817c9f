package media

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed" // the modules
	"errors"
	"fmt"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// See wasm/README.md for what these are and under which licences.
var (
	//go:embed wasm/avif.wasm.gz
	avifModule []byte
	//go:embed wasm/jxl.wasm.gz
	jxlModule []byte
)

// wasmModule is the decoder of a format that is decoded by WebAssembly; nil for
// the others, which Go decodes.
func wasmModule(format string) []byte {
	switch format {
	case "avif":
		return avifModule
	case "heic":
		return heicModule
	case "jxl":
		return jxlModule
	}
	return nil
}

// needsModule reports whether a format is decoded by a Wasm module.
func needsModule(format string) bool {
	return format == "avif" || format == "heic" || format == "jxl"
}

// engine is a compiled decoder. A child makes it before it enters the sandbox,
// since afterwards no memory can become executable any more.
type engine struct {
	format   string
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	limit    uint64 // bytes of memory of an instance
}

// newEngine compiles the decoder of a format, which takes 0.2 to 0.5 s.
// Instances get at most limit bytes.
func newEngine(ctx context.Context, format string, limit int64) (*engine, error) {
	z, err := gzip.NewReader(bytes.NewReader(wasmModule(format)))
	if err != nil {
		return nil, fmt.Errorf("media: %s module: %w", format, err)
	}
	code, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("media: %s module: %w", format, err)
	}
	e := &engine{format: format, runtime: wazero.NewRuntime(ctx), limit: uint64(max(limit, 1<<20))}
	// The modules want these functions to be there. Nothing is behind them: no
	// files, no arguments, output is thrown away.
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, e.runtime); err != nil {
		return nil, fmt.Errorf("media: %s module: %w", format, err)
	}
	if e.compiled, err = e.runtime.CompileModule(ctx, code); err != nil {
		return nil, fmt.Errorf("media: %s module: %w", format, err)
	}
	return e, nil
}

// instance is a decoder with memory of its own, for one file.
type instance struct {
	module  api.Module
	memory  api.Memory
	refused *bool // it asked for more memory than it may have
}

// open makes a fresh instance: nothing of one file can reach another.
func (e *engine) open() (*instance, error) {
	refused := new(bool)
	ctx := experimental.WithMemoryAllocator(context.Background(),
		experimental.MemoryAllocatorFunc(func(_, most uint64) experimental.LinearMemory {
			return newLinearMemory(min(most, e.limit), refused)
		}))
	m, err := e.runtime.InstantiateModule(ctx, e.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return nil, fmt.Errorf("media: %s module: %w", e.format, err)
	}
	return &instance{module: m, memory: m.Memory(), refused: refused}, nil
}

func (i *instance) close() { _ = i.module.Close(context.Background()) }

// invoke calls a function of the module that returns one number. A trap in it
// is an error, as running out of memory is.
func (i *instance) invoke(name string, args ...uint64) (uint32, error) {
	out, err := i.module.ExportedFunction(name).Call(context.Background(), args...)
	switch {
	case *i.refused:
		return 0, failed(ReasonOutOfMemory)
	case err != nil || len(out) != 1:
		return 0, errModule
	}
	return uint32(out[0]), nil
}

// errModule stands for a trap: what was in the file made the decoder fail in a
// way that it does not handle.
var errModule = errors.New("media: the decoder module failed")

// reserve takes n bytes of the instance's memory.
func (i *instance) reserve(n int64) (uint32, error) {
	if n < 0 || n > 1<<31 {
		return 0, failed(ReasonTooMuchMemory)
	}
	p, err := i.invoke("malloc", uint64(n))
	if err != nil {
		return 0, err
	}
	if p == 0 {
		return 0, failed(ReasonOutOfMemory)
	}
	return p, nil
}

// put copies data into the instance.
func (i *instance) put(data []byte) (uint32, error) {
	p, err := i.reserve(int64(len(data)))
	if err != nil {
		return 0, err
	}
	if !i.memory.Write(p, data) {
		return 0, errModule
	}
	return p, nil
}

// canary is what is written where a decoder is to write, so that what it left
// out, and what it wrote too far, can be told. It depends on the place, since no
// single value is one that pictures do not have.
func canary(at uint32) byte {
	at *= 0x9e3779b1
	return byte(at >> 24)
}

// room is a place for n bytes, with a guard behind it.
type room struct {
	i *instance
	p uint32
	n uint32
}

const guard = 4096

func (i *instance) room(n int64) (room, error) {
	p, err := i.reserve(n + guard)
	if err != nil {
		return room{}, err
	}
	r := room{i, p, uint32(n)}
	b, ok := i.memory.Read(p, r.n+guard)
	if !ok {
		return room{}, errModule
	}
	for k := range b {
		b[k] = canary(uint32(k))
	}
	return r, nil
}

// bytes is what is in the room now. It is the instance's own memory: valid until
// the instance is closed. The error says that the decoder wrote past the end,
// which it does when a file tells two sizes.
func (r room) bytes() ([]byte, error) {
	b, ok := r.i.memory.Read(r.p, r.n+guard)
	if !ok || !untouched(b, int64(r.n), int64(len(b))) {
		return nil, failed(ReasonCorrupt)
	}
	return b[:r.n:r.n], nil
}

// untouched reports whether the bytes of a room from one place to another are
// as they were.
func untouched(b []byte, from, to int64) bool {
	for k := from; k < to; k++ {
		if b[k] != canary(uint32(k)) {
			return false
		}
	}
	return true
}

// words reads n 32-bit numbers.
func (i *instance) words(p uint32, n int) ([]int64, error) {
	out := make([]int64, n)
	for k := range out {
		v, ok := i.memory.ReadUint32Le(p + 4*uint32(k))
		if !ok {
			return nil, errModule
		}
		out[k] = int64(v)
	}
	return out, nil
}
