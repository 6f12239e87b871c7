package atomicfile

import (
	"errors"
	"os"
	"runtime"
)

// FileReplace moves the finished file from to the path to, in the same file
// system, in one step: anyone who opens to, at any time and even after a power
// cut, finds the old file or all of the new one. It flushes the file to the
// disk, renames it, and flushes the folder. Use it where another program has
// written the file; [FileWriteAtomic] also writes it.
//
// If to is a symbolic link, the link is replaced. On failure from is removed
// and to is as it was, but if only flushing the folder fails, from is in place
// and a power cut might bring back the old file. Errors are *core.Error: the
// code is that of the cause as core.ErrorCode reads it, and CodeUnavailable on
// a full disk.
//
// More in file_replace.md:
//   - From is removed on failure, since a half-written result is of no use;
//     copy it before if it is.
//   - From and to must be in one file system: put from beside to.
func FileReplace(from, to string) error {
	err := flush(from)
	if err != nil {
		err = errors.Join(err, removeIfThere(from))
	} else {
		err = rename(from, to)
	}
	if err != nil {
		return coded("file_replace from="+from+" to="+to, err)
	}
	return nil
}

// flush flushes the file's buffered data to the disk.
func flush(path string) error {
	flag := os.O_RDONLY
	if runtime.GOOS == "windows" { // where only a handle open for writing can flush
		flag = os.O_RDWR
	}
	file, err := os.OpenFile(path, flag, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
