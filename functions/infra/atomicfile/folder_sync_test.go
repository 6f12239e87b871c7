package atomicfile_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

// That names last is the kernel's: what can be tested is that it is asked.
func TestFolderSync(t *testing.T) {
	t.Parallel()
	if err := atomicfile.FolderSync(t.TempDir()); err != nil {
		t.Error(err)
	}
	err := atomicfile.FolderSync(filepath.Join(t.TempDir(), "missing"))
	if want := core.CodeNotFound; runtime.GOOS != "windows" && core.ErrorCode(err) != want {
		t.Errorf("a missing folder: %v", err)
	}
}
