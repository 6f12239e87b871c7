package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"fnregistry.dev/functions/core"
)

// rename puts a file that is on the disk in another's place, and flushes the
// folder. On failure the file is gone, or in place.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Remove(from))
	}
	return FolderSync(filepath.Dir(to))
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
