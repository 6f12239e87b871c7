package atomicfile_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

func openFolder(t *testing.T, path string) *os.Root {
	t.Helper()
	folder, err := os.OpenRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { folder.Close() })
	return folder
}

func TestFileWriteAtomicIn_NewAndReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder, path := openFolder(t, dir), filepath.Join(dir, "x")
	if err := atomicfile.FileWriteAtomicIn(t.Context(), folder, "x", strings.NewReader("one"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.FileWriteAtomicIn(t.Context(), folder, "x", strings.NewReader("two"), 0); err != nil {
		t.Fatal(err)
	}
	wantContent(t, path, "two")
	wantOnly(t, dir, "x")
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// While the content is read, the folder is moved away and a link to another one
// takes its place: the file is in the folder that was opened.
func TestFileWriteAtomicIn_FolderReplaced(t *testing.T) {
	t.Parallel()
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	folder := openFolder(t, filepath.Join(dir, "a"))
	swap := readerFunc(func([]byte) (int, error) {
		if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
			return 0, err
		}
		if err := os.Symlink(outside, filepath.Join(dir, "a")); err != nil {
			return 0, err
		}
		return 0, io.EOF
	})
	content := io.MultiReader(strings.NewReader("new"), swap)
	if err := atomicfile.FileWriteAtomicIn(t.Context(), folder, "x", content, 0); err != nil {
		t.Fatal(err)
	}
	wantContent(t, filepath.Join(dir, "b", "x"), "new")
	wantOnly(t, filepath.Join(dir, "b"), "x")
	wantOnly(t, outside)
}

func TestFileWriteAtomicIn_Refused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := openFolder(t, dir)
	write(t, filepath.Join(dir, "old"), "old", 0)
	if err := os.Symlink("old", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "folder", "folder/x", "../x", "link", filepath.Join(dir, "x")} {
		err := atomicfile.FileWriteAtomicIn(t.Context(), folder, name, strings.NewReader("new"), 0)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.HasPrefix(err.Error(), "file_write_atomic_in folder="+dir+" name="+name+": ") {
			t.Errorf("%q: %v", name, err)
		}
	}
	wantContent(t, filepath.Join(dir, "old"), "old")
	wantOnly(t, dir, "folder", "link", "old")
}
