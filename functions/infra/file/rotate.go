package file

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

const gzipEnding = ".gz"

// shift makes room for Path.1 and moves the file there. It begins with the
// oldest, so that a kill leaves a gap in the numbers and no file is
// overwritten: the next shift closes the gap.
func (h *FileRotateHandle) shift() error {
	if h.cfg.Keep == 0 {
		return os.Remove(h.cfg.Path)
	}
	free := 1 // the first number that no file has
	for free < h.cfg.Keep && h.exists(free) {
		free++
	}
	for n := free; n >= 1; n-- {
		for _, ending := range []string{"", gzipEnding} {
			if n == free {
				if err := remove(h.older(n) + ending); err != nil {
					return err
				}
			}
			if n > 1 {
				if err := os.Rename(h.older(n-1)+ending, h.older(n)+ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
	}
	return os.Rename(h.cfg.Path, h.older(1))
}

func (h *FileRotateHandle) exists(n int) bool {
	for _, ending := range []string{"", gzipEnding} {
		if _, err := os.Lstat(h.older(n) + ending); err == nil {
			return true
		}
	}
	return false
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tidy compresses older files and removes those that are too old.
func (h *FileRotateHandle) tidy() {
	for n := 1; n <= h.cfg.Keep && h.exists(n); n++ {
		if err := h.tidyOne(h.older(n)); err != nil {
			h.report(&core.Error{Op: h.op + " tidy", Err: err})
		}
	}
}

func (h *FileRotateHandle) tidyOne(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) { // it is compressed already
		info, err = os.Stat(path + gzipEnding)
	} else if err == nil && h.cfg.Gzip {
		err = pack(path, info)
	}
	if err == nil && h.cfg.MaxAge > 0 && time.Since(info.ModTime()) > h.cfg.MaxAge {
		err = errors.Join(remove(path), remove(path+gzipEnding))
	}
	return err
}

// pack replaces a file by its compressed form, with the same time of its last
// line. A kill leaves the file alone, or the two, of which the next start makes
// one.
func pack(path string, info fs.FileInfo) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	content, to := io.Pipe()
	go func() {
		zip := gzip.NewWriter(to)
		_, err := io.Copy(zip, from)
		to.CloseWithError(errors.Join(err, zip.Close()))
	}()
	err = atomicfile.FileWriteAtomic(context.Background(), path+gzipEnding, content, info.Mode().Perm())
	content.Close() // ends the goroutine
	if err != nil {
		return err
	}
	if err := os.Chtimes(path+gzipEnding, time.Time{}, info.ModTime()); err != nil {
		return err
	}
	return os.Remove(path)
}
