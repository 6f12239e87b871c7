//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package filelock

import (
	"errors"
	"os"

	"fnregistry.dev/functions/core"
)

const lockOpenFlags = 0

var errLocked = errors.New("locked")

func lockFile(*os.File) error {
	return &core.Error{Code: core.CodeUnsupported, Message: "this system has no locks on files that end with the process"}
}
