package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"fnregistry.dev/functions/core"
)

// rename moves a flushed file to another path and flushes the folder. On
// failure the file has been removed, or is already in place.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	return syncFolder(filepath.Dir(to))
}

// syncFolder makes the rename durable. Windows has no such call; some file
// systems refuse it and don't need it.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// coded wraps a file system error with a code.
func coded(op string, err error) error {
	result := &core.Error{Op: op, Err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		result.Code, result.Hint = core.CodeUnavailable, "free disk space"
	case errors.Is(err, syscall.EFBIG):
		result.Code = core.CodeTooLarge
	}
	return result
}
