//go:build unix

package json_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fnregistry.dev/functions/core"
	fnjson "fnregistry.dev/functions/infra/json"
)

// A pipe without a writer is refused immediately.
func TestJSONFileRead_Pipe(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := fnjson.JSONFileRead[named](pipe, fnjson.JSONFileReadConfig{})
	if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), "it is not a regular file") {
		t.Error(err)
	}
}
