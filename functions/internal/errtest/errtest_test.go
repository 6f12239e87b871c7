package errtest

import (
	"errors"
	"testing"

	"fnregistry.dev/functions/core"
)

// recorder notes that a test would fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestWant(t *testing.T) {
	t.Parallel()
	coded := func(op, message, hint string) error {
		return &core.Error{Code: core.CodeConflict, Op: op, Message: message, Hint: hint}
	}
	for name, test := range map[string]struct {
		err  error
		fits bool
	}{
		"fits":                 {coded("op", "taken by a", "try b"), true},
		"nil":                  {nil, false},
		"another code":         {&core.Error{Code: core.CodeInvalid, Op: "op", Message: "taken"}, false},
		"another text":         {coded("op", "given", ""), false},
		"no Op":                {coded("", "taken", ""), false},
		"no code":              {errors.New("taken"), false},
		"a secret in the text": {coded("op", "taken by s3cret", ""), false},
		"a secret in the hint": {coded("op", "taken", "s3cret"), false},
	} {
		r := &recorder{}
		Want(r, test.err, core.CodeConflict, "taken", "hunter2", "s3cret")
		if r.failed == test.fits {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}
