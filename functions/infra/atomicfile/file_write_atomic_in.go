package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
)

// FileWriteAtomicIn is [FileWriteAtomic] in a folder that is open: the file is
// that folder's even if, meanwhile, the folder is moved or a link takes its
// place. Use it where someone else may write to the folders above.
//
// The name is one element, without slashes. A symbolic link of that name is
// refused and never followed. The mode, what is kept, and what holds after a
// failure are as for FileWriteAtomic. The caller closes folder.
//
// More in file_write_atomic_in.md:
//   - Open the folder without following links, or the handle leads elsewhere
//     from the start.
//   - It makes no folders: use folder.Mkdir before.
func FileWriteAtomicIn(ctx context.Context, folder *os.Root, name string, content io.Reader, mode fs.FileMode) error {
	err := writeIn(ctx, folder, name, content, mode)
	if err == nil {
		return nil
	}
	return coded("file_write_atomic_in folder="+folder.Name()+" name="+name, err)
}

func writeIn(ctx context.Context, folder *os.Root, name string, content io.Reader, mode fs.FileMode) error {
	if mode != mode.Perm() {
		return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("mode %v has more than permission bits", mode)}
	}
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return &core.Error{Code: core.CodeInvalid, Message: "the name is not that of a file in the folder"}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	perm, exact, err := targetMode(folder, name, mode)
	if err != nil {
		return err
	}
	temp, err := writeTemp(ctx, folder, name, content, perm, exact)
	if err != nil {
		return err
	}
	if err := folder.Rename(temp, name); err != nil {
		return errors.Join(err, folder.Remove(temp))
	}
	return syncFolder(func() (*os.File, error) { return folder.Open(".") })
}

// writeTemp writes a file to the folder and to the disk, and returns its name.
func writeTemp(
	ctx context.Context,
	folder *os.Root,
	target string,
	content io.Reader,
	perm fs.FileMode,
	exact bool,
) (name string, err error) {
	tempName, temp, err := createTemp(folder, target, perm)
	if err != nil {
		return "", err
	}
	done := false // and not err, for content's Read may panic
	defer func() {
		if !done {
			temp.Close()
			err = errors.Join(err, folder.Remove(tempName))
		}
	}()
	if err := fill(ctx, temp, content, perm, exact); err != nil {
		return "", err
	}
	if err := temp.Close(); err != nil { // file systems over a network may report only here that the disk is full
		return "", err
	}
	done = true
	return tempName, nil
}

// targetMode returns the permission bits to create the file with, and whether
// the umask must not take any away.
func targetMode(folder *os.Root, target string, mode fs.FileMode) (perm fs.FileMode, exact bool, err error) {
	info, err := folder.Lstat(target)
	switch {
	case errors.Is(err, fs.ErrNotExist) && mode == 0:
		return 0o666, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return mode.Perm(), true, nil
	case err != nil:
		return 0, false, err
	case info.IsDir():
		return 0, false, &core.Error{Code: core.CodeInvalid, Message: "it is a folder"}
	case !info.Mode().IsRegular():
		return 0, false, &core.Error{
			Code:    core.CodeInvalid,
			Message: fmt.Sprintf("not a regular file (%v)", info.Mode().Type()),
		}
	case mode == 0:
		return info.Mode().Perm(), true, nil
	}
	return mode.Perm(), true, nil
}

// createTemp opens a new file next to target. os.CreateTemp would not let the
// umask decide over a new file's mode.
func createTemp(folder *os.Root, target string, perm fs.FileMode) (name string, file *os.File, err error) {
	const room = 200 // of the 255 bytes that a name may have on most file systems
	base := strings.ToValidUTF8(target[:min(len(target), room)], "")
	for {
		name = "." + base + ".tmp-" + strconv.FormatUint(rand.Uint64(), 36)
		file, err = folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return name, file, err
		}
	}
}

func fill(ctx context.Context, temp *os.File, content io.Reader, perm fs.FileMode, exact bool) error {
	if exact {
		if err := temp.Chmod(perm); err != nil {
			return err
		}
	}
	// A plain Writer: through *os.File's ReadFrom the whole file would go by
	// without a look at ctx.
	if _, err := io.Copy(struct{ io.Writer }{temp}, readerUntil{ctx, content}); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	return ctx.Err()
}

// readerUntil fails once ctx is done. It hides the WriteTo that content may
// have, which would not ask.
type readerUntil struct {
	ctx     context.Context
	content io.Reader
}

func (r readerUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.content.Read(p)
}
