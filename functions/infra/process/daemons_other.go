//go:build !linux

package process

import (
	"context"
	"errors"
	"syscall"
	"time"
)

const daemonsSupported = false

// daemons are followed on Linux alone.
type daemons struct{ mark string }

func newDaemons() (*daemons, error) { return nil, errors.ErrUnsupported }

func (*daemons) follow(context.Context, func(pid int)) {}

func (*daemons) end(time.Duration) ([]ProcessEnded, error) { return nil, nil }

func (*daemons) outcome() (code int, signal syscall.Signal) { return 0, 0 }

func collectEnded([]ProcessEnded) {}

func reapWhile(context.Context) {}
