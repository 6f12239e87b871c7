package reuse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
)

// mostBytes is how large a file may be that is read: the go command takes no
// larger go.mod.
const mostBytes = 16 << 20

// A target may be somebody else's. So files are reached through handles of its
// folders, which are opened one by one: whoever puts a symbolic link in the
// place of a folder or a file, before or while it is read or written, gets an
// error, and nothing outside of the target is touched.

// open opens a folder of the target, given from there with slashes. With
// create, it makes those that are missing. The caller closes the handle.
func (t *Target) open(folder string, create bool) (*os.Root, error) {
	root, err := os.OpenRoot(t.Dir)
	if err != nil {
		return nil, err
	}
	for part := range strings.SplitSeq(path.Clean(folder), "/") {
		if part == "." {
			continue
		}
		next, err := step(root, part, create)
		root.Close()
		if err != nil {
			return nil, err
		}
		root = next
	}
	return root, nil
}

// step opens a folder in a folder, unless it is a link.
func step(root *os.Root, name string, create bool) (*os.Root, error) {
	info, err := root.Lstat(name)
	if create && errors.Is(err, fs.ErrNotExist) {
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		info, err = root.Lstat(name)
	}
	if err != nil {
		return nil, err
	}
	at := filepath.Join(root.Name(), name)
	if err := refuse(at, info, info.IsDir()); err != nil {
		return nil, err
	}
	next, err := root.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	opened, err := next.Stat(".")
	if err == nil && !os.SameFile(info, opened) {
		err = changed(at)
	}
	if err != nil {
		next.Close()
		return nil, err
	}
	return next, nil
}

// refuse returns an error for a link, and for what is not of the right kind: a
// pipe or a device could be read for ever.
func refuse(at string, info fs.FileInfo, fits bool) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return &core.Error{
			Code: core.CodeInvalid, Message: at + " is a symbolic link, which fn add does not follow",
			Hint: "put the file or folder itself there",
		}
	case !fits:
		return &core.Error{Code: core.CodeInvalid, Message: at + " is in the way: " + info.Mode().Type().String()}
	}
	return nil
}

func changed(at string) error {
	return &core.Error{Code: core.CodeConflict, Message: at + " changed meanwhile", Hint: "run it again"}
}

// readFile reads a file of the target, given from there with slashes. It is nil
// where there is none.
func (t *Target) readFile(name string) ([]byte, error) {
	folder, err := t.open(path.Dir(name), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	base := path.Base(name)
	info, err := folder.Lstat(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	at := filepath.Join(folder.Name(), base)
	if err := refuse(at, info, info.Mode().IsRegular()); err != nil {
		return nil, err
	}
	file, err := folder.OpenFile(base, readFlags, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	opened, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(info, opened) {
		return nil, changed(at)
	}
	return readAll(file, at)
}

// readFlags open a file for reading. A pipe that has just taken a file's place
// does not block.
const readFlags = os.O_RDONLY | syscall.O_NONBLOCK

// readPath reads a regular file by its path. Links are followed.
func readPath(name string) ([]byte, error) {
	file, err := os.OpenFile(name, readFlags, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := refuse(name, info, info.Mode().IsRegular()); err != nil {
		return nil, err
	}
	return readAll(file, name)
}

func readAll(file io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, mostBytes+1))
	if err == nil && len(text) > mostBytes {
		err = &core.Error{Code: core.CodeTooLarge, Message: fmt.Sprintf("%s has more than %d MiB", name, mostBytes>>20)}
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// writeFile writes a file of the target, given from there with slashes. One
// that exists keeps its permissions.
func (t *Target) writeFile(ctx context.Context, name string, text []byte) error {
	folder, err := t.open(path.Dir(name), true)
	if err != nil {
		return err
	}
	defer folder.Close()
	return atomicfile.FileWriteAtomicIn(ctx, folder, path.Base(name), bytes.NewReader(text), 0)
}

// removeFile removes a file of the target, given from there with slashes. One
// that is not there is no error.
func (t *Target) removeFile(name string) error {
	folder, err := t.open(path.Dir(name), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer folder.Close()
	base := path.Base(name)
	info, err := folder.Lstat(base)
	if err == nil {
		err = refuse(filepath.Join(folder.Name(), base), info, info.Mode().IsRegular())
	}
	if err == nil {
		err = folder.Remove(base)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeEmpty removes a folder of the copies, and those above it that are then
// empty.
func (t *Target) removeEmpty(folder, dir string) {
	for ; dir != "."; dir = path.Dir(dir) {
		parent, err := t.open(path.Join(folder, path.Dir(dir)), false)
		if err != nil {
			return
		}
		err = parent.Remove(path.Base(dir)) // fails where it is not empty
		parent.Close()
		if err != nil {
			return
		}
	}
}
