package rights

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// Nobody is the ID of a user, and of a group, who owns nothing.
const Nobody = 65534

// AsNobody runs f with the rights of [Nobody] over files, if this is root. It
// sets the file system's user ID of f's thread, which takes root's right to
// ignore permissions away, but not of goroutines that f starts. Other users
// have no such right anyway: then f just runs.
func AsNobody(t testing.TB, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	if err := syscall.Setfsuid(Nobody); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setfsuid(0); err != nil {
			t.Error(err)
			return // the thread stays locked, and ends with the goroutine
		}
		runtime.UnlockOSThread()
	}()
	f()
}

// MountNamespace starts a command in a mount namespace of its own and, unless
// this is root, in a user namespace in which the user is root. Some kernels
// refuse the latter: the command's start, or its mount, fails with EPERM then.
func MountNamespace() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if uid := os.Getuid(); uid != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// MountSmallDisk mounts an empty disk of a size ("256k", "12m") on dir, for
// this process's mount namespace only. The disk goes with the namespace.
func MountSmallDisk(dir, size string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount / as private", err)
	}
	return os.NewSyscallError("mount a small disk", syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size))
}
