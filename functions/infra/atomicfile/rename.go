package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"fnregistry.dev/functions/core"
)

// rename moves a flushed file to another path and flushes the folder. On
// failure the file has been removed, or is already in place.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	return FolderSync(filepath.Dir(to))
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
