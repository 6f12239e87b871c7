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

func lockFile(f *os.File) error {
	return flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
}

// unlockFile releases the lock before the file is closed: a process that is
// just being started has a copy of the file until it runs its program, and
// would keep the lock until then.
func unlockFile(f *os.File) error { return flock(f, syscall.LOCK_UN) }

func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	err = conn.Control(func(fd uintptr) {
		for {
			locked = syscall.Flock(int(fd), how)
			if !errors.Is(locked, syscall.EINTR) {
				return
			}
		}
	})
	return errors.Join(err, locked)
}
