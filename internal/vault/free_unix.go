//go:build linux || darwin

package vault

import "syscall"

// Free is how many bytes of the disk an ordinary process may still use. known is
// false where the system does not tell.
func (f *Folder) Free() (bytes uint64, known bool, err error) {
	dir, err := f.root.Open(".")
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = dir.Close() }()
	var s syscall.Statfs_t
	if err := syscall.Fstatfs(int(dir.Fd()), &s); err != nil {
		return 0, false, err
	}
	return s.Bavail * uint64(s.Bsize), true, nil
}
