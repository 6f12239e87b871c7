package file

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Each sign of a change is enough by itself: the size, the time, another file.
func TestChanged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	file := func(name, content string, modified time.Time) fs.FileInfo {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	before := file("a", "one", at)
	for _, c := range []struct {
		what string
		now  fs.FileInfo
		want bool
	}{
		{"nothing", file("a", "one", at), false},
		{"the size", file("a", "three", at), true},
		{"the time", file("a", "two", at.Add(time.Second)), true},
		{"the file", file("b", "one", at), true},
	} {
		if got := changed(before, c.now); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
