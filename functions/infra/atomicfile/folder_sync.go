package atomicfile

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"fnregistry.dev/functions/core"
)

// FolderSync flushes a folder to the disk: the names of files that were made,
// renamed or removed in it then survive a power cut. The files' content is not
// flushed by that. Windows has no such call, and some file systems refuse it
// and need none: then it does nothing.
//
// Errors are *core.Error with the cause's code.
//
// More in folder_sync.md:
//   - Flush the file first, then the folder: the order in which the disk sees
//     them is no other way known.
//   - A kill of the process needs none of this, only a crash of the machine
//     does.
func FolderSync(path string) error {
	err := syncFolder(func() (*os.File, error) { return os.Open(path) })
	if err != nil {
		return &core.Error{Op: "folder_sync path=" + path, Err: err}
	}
	return nil
}

// syncFolder flushes a folder that open opens.
func syncFolder(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := open()
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
