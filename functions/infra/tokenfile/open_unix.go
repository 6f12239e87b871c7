//go:build unix

package tokenfile

import "syscall"

// What is at a path may have been exchanged since it was looked at: a pipe is
// not waited for, and a link in the place of a lock is not followed.
const (
	openNow    = syscall.O_NONBLOCK
	openNoLink = syscall.O_NOFOLLOW
)
