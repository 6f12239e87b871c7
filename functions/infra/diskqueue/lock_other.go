//go:build !windows && (!unix || aix || solaris)

package diskqueue

import (
	"errors"
	"os"
)

func lockFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func unlockFile(file *os.File) error { return file.Close() }
