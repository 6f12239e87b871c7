package atomicfile

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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
	target, err := followLinks(path)
	if err != nil {
		return err
	}
	folder, err := os.OpenRoot(filepath.Dir(target))
	if err != nil {
		return err
	}
	defer folder.Close()
	return writeIn(ctx, folder, filepath.Base(target), content, mode)
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
