package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestColumns_UTF16(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.md"), []byte("first\nGröße: 👍 x\n\xff x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newColumns(dir)
	for _, at := range []struct {
		file               string
		line, column, want int
	}{
		{"a.md", 1, 1, 1}, {"a.md", 1, 3, 3}, {"a.md", 1, 6, 6},
		{"a.md", 2, 3, 3}, {"a.md", 2, 5, 4}, {"a.md", 2, 8, 6}, // behind ö and ß
		{"a.md", 2, 10, 8}, {"a.md", 2, 14, 10}, // before and behind 👍
		{"a.md", 3, 2, 2}, {"a.md", 3, 3, 3},
		{"a.md", 2, 99, 99}, {"a.md", 9, 2, 2}, {"a.md", 0, 0, 0}, {"gone.md", 1, 5, 5},
	} {
		if got := c.utf16(at.file, at.line, at.column); got != at.want {
			t.Errorf("%s:%d:%d: %d, want %d", at.file, at.line, at.column, got, at.want)
		}
	}
}
