package media

import (
	"context"
	"io"
	"os"
)

// RunConfined starts a program as ffmpeg is started and returns its status and
// what it wrote to its standard error.
func RunConfined(ctx context.Context, program string, args ...string) (status int, said string, err error) {
	in, err := memoryFile([]byte("nothing"))
	if err != nil {
		return 0, "", err
	}
	defer in.Close()
	out, w, err := os.Pipe()
	if err != nil {
		return 0, "", err
	}
	defer out.Close()
	self, err := executable()
	if err != nil {
		return 0, "", err
	}
	l, err := launch(ctx, self, order{Program: program, Args: args, Libraries: librariesOf(ctx, program), Limits: DefaultLimits()}, in, w, w)
	_ = w.Close()
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(io.LimitReader(out, 1<<16))
	l.stop()
	return l.cmd.ProcessState.ExitCode(), string(b), err
}
