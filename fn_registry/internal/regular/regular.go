// Package regular reads regular files only. Reading a pipe or a device in place
// of a file could block or never end.
package regular

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
)

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("too large")
)

// Open opens a file for reading. Links are followed.
func Open(file string) (*os.File, error) {
	info, err := os.Stat(file) // before opening it: opening a pipe blocks
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: file, Err: errNotRegular}
	}
	return os.Open(file)
}

// Read reads a file of at most limit bytes.
func Read(file string, limit int64) ([]byte, error) {
	in, err := Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	var src bytes.Buffer
	src.Grow(int(min(info.Size(), limit)) + bytes.MinRead)
	_, err = src.ReadFrom(io.LimitReader(in, limit+1))
	if err == nil && int64(src.Len()) > limit {
		err = &fs.PathError{Op: "read", Path: file, Err: errTooLarge}
	}
	if err != nil {
		return nil, err
	}
	return src.Bytes(), nil
}
