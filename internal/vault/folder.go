package vault

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"
)

// Folder keeps sealed bodies as files of one directory tree. Names come from
// the vault, and os.Root keeps whatever they hold inside the tree.
type Folder struct{ root *os.Root }

// OpenFolder opens dir, making it (mode 0700) if needed.
func OpenFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making blob folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening blob folder: %w", err)
	}
	return &Folder{root: root}, nil
}

// Close releases the folder.
func (f *Folder) Close() error { return f.root.Close() }

// shard spreads files over 1,024 directories by the random end of the name.
func shard(name string) string {
	if len(name) < 4 {
		return path.Join("short", name)
	}
	return path.Join(name[len(name)-2:], name)
}

// Put writes body under name so that it survives a power cut once Put returns:
// file and directory entries are synchronised, and the name appears only with
// the whole content.
func (f *Folder) Put(name string, body []byte) (err error) {
	final := shard(name)
	dir := path.Dir(final)
	if err := f.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	} else if err == nil {
		if err := f.syncDir("."); err != nil {
			return err
		}
	}
	temp := final + ".tmp-" + rand.Text()
	file, err := f.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.root.Remove(temp)
		}
	}()
	_, err = file.Write(body)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = f.root.Rename(temp, final); err != nil {
		return err
	}
	return f.syncDir(dir)
}

func (f *Folder) syncDir(dir string) error {
	d, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Get returns the body of name.
func (f *Folder) Get(name string) ([]byte, error) { return f.root.ReadFile(shard(name)) }

// Delete removes name, so that it stays removed after a power cut; a name that is
// not there is no error.
func (f *Folder) Delete(name string) error {
	file := shard(name)
	err := f.root.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.syncDir(path.Dir(file))
}

// Has reports whether there is a file of this name.
func (f *Folder) Has(name string) (bool, error) {
	_, err := f.root.Stat(shard(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Each calls fn with the name and time of every file, whole or temporary.
func (f *Folder) Each(fn func(name string, modified time.Time) error) error {
	return fs.WalkDir(f.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return fn(d.Name(), info.ModTime())
	})
}

// Writable reports whether the folder takes writes at the moment.
func (f *Folder) Writable() error {
	const name = "probe"
	if err := f.Put(name, []byte("rowan")); err != nil {
		return err
	}
	return f.Delete(name)
}
