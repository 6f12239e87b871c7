package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"fnregistry.dev/functions/core"
)

// rename puts a file that is on the disk in another's place, and flushes the
// folder. On failure the file is gone, or in place.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	return syncFolder(func() (*os.File, error) { return os.Open(filepath.Dir(to)) })
}

// syncFolder makes the renaming last. Windows has no such call; some file
// systems refuse it, and need none.
func syncFolder(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := open()
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// coded adds the code to a file system error.
func coded(op string, err error) error {
	result := &core.Error{Op: op, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		result.Code, result.Hint = core.CodeUnavailable, "make room on the disk"
	case errors.Is(err, syscall.EFBIG):
		result.Code = core.CodeTooLarge
	}
	return result
}
