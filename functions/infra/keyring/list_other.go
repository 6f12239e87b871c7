//go:build !((dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd) && !darwin && !windows

package keyring

import (
	"context"
	"errors"
)

func listNames(context.Context, string) ([]string, error) { return nil, errors.ErrUnsupported }
