package atomicfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

func TestFileReplace_NewAndOld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	for _, content := range []string{"one", "two"} {
		write(t, from, content, 0o640)
		if err := atomicfile.FileReplace(from, to); err != nil {
			t.Fatal(err)
		}
		wantContent(t, to, content)
		wantOnly(t, dir, "to")
	}
	if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestFileReplace_Errors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	write(t, to, "old", 0)
	err := atomicfile.FileReplace(from, to)
	if core.ErrorCode(err) != core.CodeNotFound || !strings.HasPrefix(err.Error(), "file_replace from="+from+" to="+to+": ") {
		t.Errorf("no file: %v", err)
	}
	write(t, from, "new", 0)
	if err := atomicfile.FileReplace(from, filepath.Join(dir, "none", "to")); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("no folder: %v", err)
	}
	wantContent(t, to, "old")
	wantOnly(t, dir, "to")
}
