package atomicfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"fnregistry.dev/functions/core"
)

// FileCreateAtomic makes a new file with what content gives, to its end, in one
// step, and never touches one that is there already: that is a CodeConflict,
// also when another process makes the file meanwhile. Nobody sees a part of the
// content. A symbolic link counts as a file, wherever it leads.
//
// mode is the file's permission bits whatever the umask; zero: 0666 less the
// umask. On failure, and when ctx is cancelled, nothing is left behind. Other
// errors are those of [FileWriteAtomic].
//
// More in file_create_atomic.md:
//   - Whether the path is free is looked at first and decided last: a large
//     content may be read in vain.
//   - A file system without hard links (FAT) shows the new file empty for a
//     moment.
func FileCreateAtomic(ctx context.Context, path string, content io.Reader, mode fs.FileMode) error {
	err := createAtomic(ctx, path, content, mode)
	if errors.Is(err, fs.ErrExist) {
		return &core.Error{
			Code: core.CodeConflict, Op: "file_create_atomic path=" + path, Message: "there is a file already", Err: fs.ErrExist,
		}
	}
	if err != nil {
		return coded("file_create_atomic path="+path, err)
	}
	return nil
}

func createAtomic(ctx context.Context, path string, content io.Reader, mode fs.FileMode) error {
	if mode != mode.Perm() {
		return &core.Error{Code: core.CodeInvalid, Message: "the mode has more than permission bits"}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if name := filepath.Base(path); path == "" || name == "." || name == ".." || os.IsPathSeparator(path[len(path)-1]) {
		return &core.Error{Code: core.CodeInvalid, Message: "the path names no file"}
	}
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	perm := mode
	if mode == 0 {
		perm = 0o666
	}
	folder, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	temp, err := writeTemp(ctx, folder, filepath.Base(path), content, perm, mode != 0)
	if err != nil {
		return err
	}
	return place(filepath.Join(filepath.Dir(path), temp), path, os.Link)
}

// place gives a finished file a name that must be free. rename(2) would replace
// what has the name. link is os.Link, but for tests.
func place(temp, path string, link func(from, to string) error) error {
	err := link(temp, path)
	if err == nil {
		return errors.Join(os.Remove(temp), FolderSync(filepath.Dir(path)))
	}
	if errors.Is(err, fs.ErrExist) {
		return errors.Join(fs.ErrExist, os.Remove(temp))
	}
	// Without hard links the name is taken by an empty file first.
	holder, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := holder.Close(); err != nil {
		return errors.Join(err, os.Remove(temp), os.Remove(path))
	}
	if err := rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
