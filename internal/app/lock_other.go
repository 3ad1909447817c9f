//go:build !unix

package app

import (
	"errors"

	"github.com/rowan-safety/rowan/internal/store"
)

// takeLock: without flock nobody can say that a process is alone.
func (a *App) takeLock() error {
	if a.Store.Engine() == store.SQLite {
		return errors.New("serving on SQLite needs a Unix system; give a database_url")
	}
	return nil
}
