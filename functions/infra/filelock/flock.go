//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock

import (
	"errors"
	"os"
	"syscall"
)

// What is at a path may have been replaced since it was checked: a pipe must
// not block, a link not be followed.
const lockOpenFlags = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

var errLocked = syscall.EWOULDBLOCK

func lockFile(f *os.File) error { return flock(f, syscall.LOCK_EX|syscall.LOCK_NB) }

// unlockFile releases the lock of a file that is closed next: a process that is
// just being started has a copy of the file for a moment, which would keep it.
func unlockFile(f *os.File) error { return flock(f, syscall.LOCK_UN) }

func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			failed = syscall.Flock(int(fd), how)
			if !errors.Is(failed, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, failed)
}
