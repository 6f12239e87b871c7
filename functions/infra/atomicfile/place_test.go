package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Without hard links a new file is put in place as well, and a file that is
// there stays.
func TestPlace_WithoutLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new")
	noLinks := func(string, string) error { return syscall.EPERM }
	for i, content := range []string{"one", "two"} {
		temp := filepath.Join(dir, ".temp")
		if err := os.WriteFile(temp, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		err := place(temp, path, noLinks)
		if i == 0 && err != nil || i == 1 && !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", content, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != "one" {
			t.Errorf("the file has %q, %v", got, err)
		}
		if _, err := os.Lstat(temp); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the temporary file is left: %v", content, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}
