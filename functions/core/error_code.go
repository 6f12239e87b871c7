package core

import (
	"context"
	"errors"
	"io/fs"
)

// ErrorCode returns the [Code] of any error: "" for nil, the code of the first
// [*Error] in its tree (depth first, as errors.As walks it), else the code that
// fits a well-known error of the standard library, else [CodeInternal].
//
// An *Error whose Code is zero defers to its Err: an error that
// only adds an Op keeps the code of its cause.
//
// More in error_code.md:
//   - The outermost code wins: a unit that wraps a timeout as CodeUnavailable
//     means it.
//   - In a joined error the first coded error wins, in the order of errors.As
//     (depth first).
func ErrorCode(err error) Code {
	for err != nil {
		coded, ok := errors.AsType[*Error](err)
		if !ok {
			return standardCode(err)
		}
		if coded == nil {
			break // a nil *Error in an error value is itself the defect
		}
		if coded.Code != "" {
			return coded.Code
		}
		if coded.Err == nil {
			break
		}
		err = coded.Err
	}
	if err == nil {
		return ""
	}
	return CodeInternal
}

// timeouter is implemented by net.Error, *fs.PathError, os.ErrDeadlineExceeded
// and context.DeadlineExceeded.
type timeouter interface {
	error
	Timeout() bool
}

func standardCode(err error) Code {
	switch {
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	case errors.Is(err, fs.ErrNotExist):
		return CodeNotFound
	case errors.Is(err, fs.ErrExist):
		return CodeConflict
	case errors.Is(err, fs.ErrPermission):
		return CodeForbidden
	case errors.Is(err, errors.ErrUnsupported):
		return CodeUnsupported
	}
	if t, ok := errors.AsType[timeouter](err); ok && t.Timeout() {
		return CodeTimeout
	}
	return CodeInternal
}
