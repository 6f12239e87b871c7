//go:build unix

package catalog

import (
	"errors"
	"io/fs"
	"syscall"
)

// rawFile is a file for reading from start to end. An os.File first asks the
// kernel whether it can be polled, which regular files can't: that would be a
// twentieth of the first start of a large registry.
type rawFile struct {
	fd   int
	name string
}

func openFile(name string) (*rawFile, error) {
	for {
		fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0) // a pipe that replaced the file must not block
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		default:
			return &rawFile{fd, name}, nil
		}
	}
}

// Read reads the next bytes; 0 without an error is the end.
func (f *rawFile) Read(buf []byte) (int, error) {
	for {
		n, err := syscall.Read(f.fd, buf)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, &fs.PathError{Op: "read", Path: f.name, Err: err}
		default:
			return n, nil
		}
	}
}

func (f *rawFile) Close() { _ = syscall.Close(f.fd) } // it was only read, so an error doesn't matter
