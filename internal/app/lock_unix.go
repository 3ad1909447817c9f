//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/rowan-safety/rowan/internal/store"
)

// takeLock makes sure that one process serves a SQLite data folder. The lock
// goes with the process, however it ends.
func (a *App) takeLock() error {
	if a.Store.Engine() != store.SQLite {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(a.Config.Data, "rowan.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("locking data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return errors.New("another Rowan is serving this data folder")
	}
	a.lock = f
	return nil
}
