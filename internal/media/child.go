package media

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// childVariable in the environment makes a process a child.
const childVariable = "ROWAN_MEDIA_CHILD"

// Values of childVariable other than "1".
const (
	launcherChild = "launcher" // confines itself and becomes ffmpeg
	escapedChild  = "escaped"  // what a launcher starts to see whether it can; it cannot
)

// ChildMain turns the process into a decoding child, if a [Pool] started it as
// one, and then never returns. In any other process it does nothing. Call it
// first of all in main, and in TestMain.
func ChildMain() {
	switch os.Getenv(childVariable) {
	case "":
		return
	case launcherChild:
		launcherMain() // never returns
	case escapedChild:
		os.Exit(3)
	}
	runtime.GOMAXPROCS(1)
	if err := serve(os.Stdin, os.Stdout); err != nil && !errors.Is(err, io.EOF) {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// wasmOverhead is the memory of a child with a Wasm module besides that of the
// module: overhead, and what compiling leaves behind.
const wasmOverhead = overhead + 24<<20

// serve is the life of a child.
func serve(in io.Reader, out io.Writer) error {
	var o opening
	if err := readJSON(in, &o); err != nil {
		return err
	}
	lim := o.Limits.orDefault()
	var pictures, words *os.File
	if o.Video {
		pictures, words = os.NewFile(3, "pictures"), os.NewFile(4, "words")
	}
	// Collect garbage sooner when memory grows short, rather than meet the limit.
	debug.SetMemoryLimit(lim.ChildData * 3 / 4)
	// What is compiled here is our own; afterwards nothing can be.
	var e *engine
	if o.Module != "" {
		var err error
		if e, err = newEngine(context.Background(), o.Module, lim.ChildData-wasmOverhead); err != nil {
			return err
		}
		debug.FreeOSMemory()
	}
	if err := writeJSON(out, enterSandbox(lim, o.Trap)); err != nil {
		return err
	}
	if o.Metadata {
		return tellMetadata(in, out, lim)
	}
	if o.Video {
		report, small := watchFrames(pictures, words, lim)
		return writeJSON(out, reply{Report: report, Preview: small})
	}
	for {
		if err := answer(in, out, lim, e); err != nil {
			return err
		}
	}
}

func answer(in io.Reader, out io.Writer, lim Limits, e *engine) error {
	data, err := readMessage(in, lim.MaxBytes)
	if err != nil {
		return err
	}
	// The parent kills at Timeout. Stop between frames well before that.
	soft := time.Now().Add(lim.Timeout * 6 / 10)
	report, small := examine(data, lim, e, func() bool { return time.Now().After(soft) })
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return writeJSON(out, reply{Report: report, Preview: small, Memory: int64(m.Sys)})
}
