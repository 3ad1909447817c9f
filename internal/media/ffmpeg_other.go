//go:build !linux

package media

import (
	"context"
	"errors"
	"os"
)

var errNoConfinement = errors.New("media: programs cannot be confined on this system")

type order struct {
	Program   string
	Args      []string
	Libraries []string
	Limits    Limits
}

type launched struct{}

func launch(context.Context, string, order, *os.File, *os.File, *os.File) (*launched, error) {
	return nil, errNoConfinement
}

func (*launched) kill()        {}
func (*launched) stop() string { return "" }

func launcherMain() { os.Exit(1) }

func memoryFile([]byte) (*os.File, error) { return nil, errNoConfinement }

func librariesOf(context.Context, string) []string { return nil }

func describe(context.Context, string, *program) (box, version string) { return "", "" }
