//go:build unix

package file_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/file"
)

// A pipe that nobody reads is an error at once.
func TestFileRotate_Pipe(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := file.FileRotate(file.FileRotateConfig{Path: path}); core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
}
