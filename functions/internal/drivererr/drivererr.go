// Package drivererr is what the error units of all SQL drivers have in common.
package drivererr

import (
	"context"
	"database/sql"
	"errors"

	"fnregistry.dev/functions/core"
)

// Coded returns err as a *core.Error with op in front of its text and with the
// code and hint that classify gives it; where that is no code, it keeps the one
// of its cause. Nil, and what already is a *core.Error, come back as they are.
func Coded(op string, err error, classify func(error) core.Error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	known := classify(err)
	known.Op, known.Err = op, err
	return &known
}

// Common returns the code of an error of a context or of database/sql, which no
// driver's own tables have; ok is false for any other.
func Common(err error) (code core.Code, ok bool) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return core.CodeTimeout, true
	case errors.Is(err, context.Canceled):
		return core.CodeCanceled, true
	case errors.Is(err, sql.ErrNoRows):
		return core.CodeNotFound, true
	}
	return "", false
}
