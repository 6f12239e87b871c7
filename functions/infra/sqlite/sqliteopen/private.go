package sqliteopen

import (
	"errors"
	"io/fs"
	"os"

	"fnregistry.dev/functions/core"
)

// makePrivate lets nobody else read the database, before SQLite writes to it.
// SQLite gives -wal and -shm the mode of the file; those that a former process
// left keep theirs, and are changed here.
func (s *settings) makePrivate() error {
	if s.path == "" {
		return nil
	}
	const private = 0o600
	if !s.ReadOnly {
		// A new file has no locks yet that closing it could drop.
		file, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, private)
		if err == nil {
			err = file.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return &core.Error{Op: s.op, Err: err}
		}
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := restrict(s.path+suffix, private); err != nil {
			return &core.Error{Op: s.op, Err: err, Hint: "only the file's owner can make it private"}
		}
	}
	return nil
}

// restrict changes a file's mode by its name alone: to open and close it would
// drop this process's locks on it.
func restrict(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // or SQLite removed it in between
	}
	if err != nil || info.Mode().Perm()&^mode == 0 {
		return err
	}
	if err := os.Chmod(path, mode); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
