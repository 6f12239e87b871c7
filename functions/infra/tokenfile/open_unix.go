//go:build unix

package tokenfile

import "syscall"

// The file may have been replaced since it was checked: a pipe must not block,
// and a link in place of a lock must not be followed.
const (
	openNow    = syscall.O_NONBLOCK
	openNoLink = syscall.O_NOFOLLOW
)
