package main

import (
	"bytes"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// columns turns a finding's column, which counts bytes, into one that counts
// UTF-16 code units, as SARIF and editors do.
type columns struct {
	root  string
	files map[string][][]byte // the lines of files read so far
}

func newColumns(root string) *columns {
	return &columns{root: root, files: map[string][][]byte{}}
}

// utf16 returns the column of a place; if its file can't be read any more, or
// has no such line, the column unchanged.
func (c *columns) utf16(file string, line, column int) int {
	lines, ok := c.files[file]
	if !ok {
		text, err := os.ReadFile(filepath.Join(c.root, filepath.FromSlash(file)))
		if err == nil {
			lines = bytes.Split(text, []byte("\n"))
		}
		c.files[file] = lines
	}
	if line < 1 || line > len(lines) || column < 1 || column-1 > len(lines[line-1]) {
		return column
	}
	units := 1
	for before := lines[line-1][:column-1]; len(before) > 0; units++ {
		r, size := utf8.DecodeRune(before)
		if r > 0xFFFF {
			units++ // a surrogate pair
		}
		before = before[size:]
	}
	return units
}
