package media

import (
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// childVariable in the environment makes a process a child.
const childVariable = "ROWAN_MEDIA_CHILD"

// ChildMain turns the process into a decoding child, if a [Pool] started it as
// one, and then never returns. In any other process it does nothing. Call it
// first of all in main, and in TestMain.
func ChildMain() {
	if os.Getenv(childVariable) == "" {
		return
	}
	runtime.GOMAXPROCS(1)
	if err := serve(os.Stdin, os.Stdout); err != nil && !errors.Is(err, io.EOF) {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is the life of a child.
func serve(in io.Reader, out io.Writer) error {
	var lim Limits
	if err := readJSON(in, &lim); err != nil {
		return err
	}
	lim = lim.orDefault()
	// Collect garbage sooner when memory grows short, rather than meet the limit.
	debug.SetMemoryLimit(lim.ChildData * 3 / 4)
	if err := writeJSON(out, enterSandbox(lim)); err != nil {
		return err
	}
	for {
		if err := answer(in, out, lim); err != nil {
			return err
		}
	}
}

func answer(in io.Reader, out io.Writer, lim Limits) error {
	data, err := readMessage(in, lim.MaxBytes)
	if err != nil {
		return err
	}
	// The parent kills at Timeout. Stop between frames well before that.
	soft := time.Now().Add(lim.Timeout * 6 / 10)
	report, small := examine(data, lim, func() bool { return time.Now().After(soft) })
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return writeJSON(out, reply{Report: report, Preview: small, Memory: int64(m.Sys)})
}
