//go:build unix

package tokenfile

import "syscall"

// openNow keeps an open from blocking: what is at a path may have been
// replaced by a pipe since it was checked.
const openNow = syscall.O_NONBLOCK
