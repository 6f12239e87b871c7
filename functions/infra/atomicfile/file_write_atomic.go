package atomicfile

import (
	"cmp"
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

// FileWriteAtomic makes path hold what content gives, to its end, in one step:
// anyone who opens path, at any time and even after a power cut, sees all of
// the old content or all of the new. It writes to a temporary file in the same
// folder, flushes it to the disk, renames it over path, and flushes the folder.
//
// A mode other than zero gives the file exactly these permission bits, whatever
// the umask. With zero an existing file keeps its own, and a new one gets 0666
// less the umask. The temporary file never has more than the final one.
//
// If path is a symbolic link, the file that it leads to is replaced, or made,
// and the link stays. Owner, ACLs and extended attributes of a replaced file
// are not kept, and other hard links go on showing the old content.
//
// On failure, and when ctx is cancelled, which is looked at between two reads
// of content, path is as it was and the temporary file is gone. One failure is
// different: if only the last step, flushing the folder, fails, the new content
// is in place, but a power cut might bring back the old. Errors are
// *[core.Error], whose code is that of the cause as [core.ErrorCode] reads it;
// [core.CodeInvalid] where path is a folder, a device or similar,
// [core.CodeUnavailable] on a full disk.
//
// More in file_write_atomic.md:
//   - The folder must be writable, not just the file.
//   - Owner, ACLs and extended attributes of the old file are lost, and other
//     hard links keep the old content.
func FileWriteAtomic(ctx context.Context, path string, content io.Reader, mode fs.FileMode) error {
	err := writeAtomic(ctx, path, content, mode)
	if err == nil {
		return nil
	}
	return coded("file_write_atomic path="+path, err)
}

func writeAtomic(ctx context.Context, path string, content io.Reader, mode fs.FileMode) error {
	if mode != mode.Perm() {
		return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("mode %v has more than permission bits", mode)}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	target, err := followLinks(path)
	if err != nil {
		return err
	}
	perm, exact, err := targetMode(target, mode)
	if err != nil {
		return err
	}
	temp, err := writeTemp(ctx, target, content, perm, exact)
	if err != nil {
		return err
	}
	return rename(temp, target)
}

// writeTemp writes content to a temporary file beside target, flushes it, and
// returns its path.
func writeTemp(
	ctx context.Context,
	target string,
	content io.Reader,
	perm fs.FileMode,
	exact bool,
) (path string, err error) {
	temp, err := createTemp(target, perm)
	if err != nil {
		return "", err
	}
	done := false // not err: content's Read may panic
	defer func() {
		if !done {
			temp.Close()
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	if err := fill(ctx, temp, content, perm, exact); err != nil {
		return "", err
	}
	if err := temp.Close(); err != nil { // network file systems may report a full disk only here
		return "", err
	}
	done = true
	return temp.Name(), nil
}

// followLinks returns the path of the file that path leads to. The file need
// not exist; its folder must. The path is never cleaned as filepath.Join and
// Dir would do: in "link/../x" the ".." is the parent of the link's target.
func followLinks(path string) (string, error) {
	const most = 40 // the limit of Linux, see path_resolution(7)
	for range most {
		folder, name := filepath.Split(path)
		if name == "" || name == "." || name == ".." {
			return "", &core.Error{Code: core.CodeInvalid, Message: "the path names no file"}
		}
		folder, err := filepath.EvalSymlinks(cmp.Or(folder, "."))
		if err != nil {
			return "", err
		}
		path = filepath.Join(folder, name)
		link, err := os.Readlink(path)
		if err != nil {
			return path, nil // not a link, or no file; other errors surface in the next step
		}
		if filepath.IsAbs(link) {
			path = link
		} else {
			path = folder + string(filepath.Separator) + link
		}
	}
	return "", &core.Error{Code: core.CodeInvalid, Message: "too many symbolic links, or a cycle"}
}

// targetMode returns the permission bits to create the file with, and whether
// they are exact, that is not reduced by the umask.
func targetMode(target string, mode fs.FileMode) (perm fs.FileMode, exact bool, err error) {
	info, err := os.Lstat(target)
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

// createTemp creates a new file beside target. os.CreateTemp would not apply
// the umask to a new file's mode.
func createTemp(target string, perm fs.FileMode) (*os.File, error) {
	base := filepath.Base(target)
	const room = 200 // of the 255 bytes that a name may have on most file systems
	base = strings.ToValidUTF8(base[:min(len(base), room)], "")
	for {
		name := "." + base + ".tmp-" + strconv.FormatUint(rand.Uint64(), 36)
		file, err := os.OpenFile(filepath.Join(filepath.Dir(target), name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}

func fill(ctx context.Context, temp *os.File, content io.Reader, perm fs.FileMode, exact bool) error {
	if exact {
		if err := temp.Chmod(perm); err != nil {
			return err
		}
	}
	// A plain Writer: *os.File's ReadFrom would copy the whole file without
	// checking ctx.
	if _, err := io.Copy(struct{ io.Writer }{temp}, readerUntil{ctx, content}); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	return ctx.Err()
}

// readerUntil fails once ctx is done. It hides a WriteTo method of content,
// which would not check.
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
