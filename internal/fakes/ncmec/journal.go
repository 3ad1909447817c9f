package ncmec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// journal is the append-only file of events, one JSON object a line. A nil
// journal keeps nothing.
type journal struct {
	f   *os.File
	end int64 // of the last whole line
}

// openJournal opens the journal in dir and applies what it holds to m. A last
// line without its newline was never answered for: it is cut off.
func openJournal(dir string, m *memory) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("ncmec: %w", err)
	}
	path := filepath.Join(dir, "standin.jsonl")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("ncmec: %w", err)
	}
	j := &journal{f: f}
	if err := errors.Join(j.replay(path, m), syncDir(dir)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return j, nil
}

func (j *journal) replay(path string, m *memory) error {
	all, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("ncmec: %w", err)
	}
	for {
		line, rest, whole := bytes.Cut(all, []byte("\n"))
		if !whole {
			return j.f.Truncate(j.end)
		}
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("ncmec: journal: byte %d: not an event", j.end)
		}
		if err := m.apply(e); err != nil {
			return err
		}
		j.end += int64(len(line)) + 1
		all = rest
	}
}

// append writes e and waits until it is on the disk. After an error the file
// is put back, so that a later event does not follow half a line.
func (j *journal) append(e event) error {
	if j == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("ncmec: %w", err)
	}
	line = append(line, '\n')
	if _, err = j.f.WriteAt(line, j.end); err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("ncmec: %w", err), j.f.Truncate(j.end))
	}
	j.end += int64(len(line))
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return j.f.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("ncmec: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
