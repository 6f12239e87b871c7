// Package testtree writes small trees of files for tests, from one readable
// text: "-- name --" lines, each followed by the file's content.
package testtree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// File is one file of an archive.
type File struct{ Name, Text string }

// Parse splits an archive. What stands before the first name is the comment.
func Parse(archive string) (comment string, files []File) {
	for i, part := range strings.Split("\n"+archive, "\n-- ") {
		name, text, ok := strings.Cut(part, " --\n")
		if i == 0 {
			comment = strings.TrimPrefix(part, "\n")
			continue
		}
		if !ok {
			name, text = strings.TrimSuffix(part, " --"), ""
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		files = append(files, File{name, text})
	}
	return comment, files
}

// New writes the archive's files to a new folder and returns it.
func New(t testing.TB, archive string) string {
	t.Helper()
	dir := t.TempDir()
	Write(t, dir, archive)
	return dir
}

// Write writes the archive's files below dir.
func Write(t testing.TB, dir, archive string) {
	t.Helper()
	_, files := Parse(archive)
	for _, f := range files {
		Put(t, dir, f.Name, f.Text)
	}
}

// Put writes one file below dir.
func Put(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
