//go:build !unix

package catalog

import (
	"errors"
	"io"
	"os"
)

// rawFile is a file for reading from start to end.
type rawFile struct{ file *os.File }

func openFile(name string) (*rawFile, error) {
	file, err := os.Open(name)
	return &rawFile{file}, err
}

// Read reads the next bytes; 0 without an error is the end.
func (f *rawFile) Read(buf []byte) (int, error) {
	n, err := f.file.Read(buf)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *rawFile) Close() { _ = f.file.Close() } // it was only read, so an error doesn't matter
