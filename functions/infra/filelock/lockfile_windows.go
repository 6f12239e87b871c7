package filelock

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

const (
	lockOpenFlags = 0

	// Constants of the Windows SDK.
	lockfileFailImmediately = 0x1
	lockfileExclusiveLock   = 0x2
	errorLockViolation      = syscall.Errno(33)
)

var (
	errLocked  = errorLockViolation
	lockFileEx = syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")
)

// lockFile locks a byte far beyond the end: a locked range can't be read by
// others, and they read the process ID at the beginning.
func lockFile(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var locked error
	err = conn.Control(func(handle uintptr) {
		at := syscall.Overlapped{OffsetHigh: 0x7fffffff}
		if ok, _, errno := lockFileEx.Call(handle, lockfileExclusiveLock|lockfileFailImmediately, 0, 1, 0, uintptr(unsafe.Pointer(&at))); ok == 0 {
			locked = errno
		}
	})
	return errors.Join(err, locked)
}
