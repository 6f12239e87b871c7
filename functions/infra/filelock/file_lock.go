package filelock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// FileLockConfig says how [FileLock] locks. The zero value of a field is its
// default.
type FileLockConfig struct {
	// Wait waits for a lock that another holds, until ctx is done. Default:
	// CodeConflict at once.
	Wait bool
}

// FileLockHandle is a lock that is held. Close releases it; dropping the handle
// doesn't.
type FileLockHandle struct {
	file *os.File
}

// FileLockedError is the cause of the error of [FileLock] when another holds
// the lock. Find it with errors.As.
type FileLockedError struct {
	Path string // of the lock file
	PID  int    // of the holder, as it wrote it into the file; 0: unknown
}

// Error names the holder.
func (e *FileLockedError) Error() string {
	switch e.PID {
	case 0:
		return "another process holds the lock " + e.Path
	case os.Getpid():
		return "this process holds the lock " + e.Path
	}
	return fmt.Sprintf("process %d holds the lock %s", e.PID, e.Path)
}

// FileLock takes an exclusive lock among all processes, and among all callers
// in a process, that lock the same path: flock on Unix, LockFileEx on Windows.
// The operating system releases it when the process ends, however it ends. The
// lock file is made with mode 0600 if it is missing, holds the process ID of
// its last holder, and is never removed: lock a file of its own next to the
// data, not the data.
//
// Errors are *core.Error: CodeConflict with a *FileLockedError as its cause if
// another holds the lock, CodeTimeout and CodeCanceled, also with that cause,
// if ctx ends a wait, CodeInvalid if the path is a link or no regular file,
// CodeNotFound if its folder is missing, CodeForbidden, and CodeUnsupported on
// systems without such locks.
//
// More in file_lock.md:
//   - The lock is advisory: it stops only those who call file_lock (or flock)
//     on the same path.
//   - Never remove the lock file: whoever opens the path then locks another
//     file.
func FileLock(ctx context.Context, path string, cfg FileLockConfig) (*FileLockHandle, error) {
	op := "file_lock path=" + path
	var last error // of the last try, in which another held it
	for ctx.Err() == nil {
		handle, err := tryLock(path)
		if err == nil {
			return handle, nil
		}
		if core.ErrorCode(err) != core.CodeConflict || !cfg.Wait {
			return nil, &core.Error{Code: core.ErrorCode(err), Op: op, Err: err}
		}
		last = err
		_ = work.SleepContext(ctx, lockPoll) // the loop sees the end of ctx
	}
	cause := context.Cause(ctx)
	err := &core.Error{Code: core.ErrorCode(cause), Op: op, Err: cause}
	if last != nil {
		err.Err = fmt.Errorf("%w (%w)", last, cause)
	}
	return nil, err
}

// held has the locked files: an *os.File that nothing refers to is closed by
// the garbage collector, which would release the lock of a dropped handle.
var held sync.Map

// lockPoll is the time between two tries: little beside what a lock is held
// for.
const lockPoll = 5 * time.Millisecond

// Close releases the lock. It may be called again.
func (h *FileLockHandle) Close() error {
	if h.file == nil {
		return nil
	}
	held.Delete(h.file)
	_ = h.file.Truncate(0) // the process ID serves messages only
	err := h.file.Close()
	h.file = nil
	return err
}

// tryLock locks the file at path, or returns a *FileLockedError in an error.
// A file that was replaced between opening and locking locks nobody out, so
// the new one is tried.
func tryLock(path string) (*FileLockHandle, error) {
	for {
		// Before opening: a pipe would be opened, a link followed.
		if err := checkRegular(os.Lstat(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|lockOpenFlags, 0o600)
		if err != nil {
			return nil, err
		}
		err = lockFile(f)
		if errors.Is(err, errLocked) {
			err = &core.Error{Code: core.CodeConflict, Err: &FileLockedError{Path: path, PID: holder(f)}}
		}
		if err == nil {
			err = checkRegular(f.Stat())
		}
		if err != nil {
			f.Close()
			return nil, err
		}
		if isAt(f, path) {
			writePID(f)
			held.Store(f, nil)
			return &FileLockHandle{file: f}, nil
		}
		f.Close()
	}
}

func checkRegular(info fs.FileInfo, err error) error {
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("%s is not a regular file (%v)", info.Name(), info.Mode().Type())}
	}
	return nil
}

// isAt reports whether a path still names an open file.
func isAt(f *os.File, path string) bool {
	locked, err1 := f.Stat()
	there, err2 := os.Lstat(path)
	return err1 == nil && err2 == nil && os.SameFile(locked, there)
}

// holder returns the process ID in a lock file, 0 if there is none.
func holder(f *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, 20))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}

// writePID notes who holds the lock. Errors are ignored, such as that of a full
// disk: the lock holds without it.
func writePID(f *os.File) {
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
}
