package sqltest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/errtest"
)

// SQLErrorConformanceConfig is a driver's unit that codes errors, and what it
// is to make of its database's errors.
type SQLErrorConformanceConfig struct {
	// Error is the unit: it gives err the code that fits it, with op before
	// its text. Required.
	Error func(op string, err error) error
	// Provoked are errors of the real database. At least one.
	Provoked []SQLErrorConformanceCase
	// Made are errors of the driver's own types that the database can't be
	// made to show, by what they are to become.
	Made map[error]core.Code
}

// SQLErrorConformanceCase is an error that the database is made to show.
type SQLErrorConformanceCase struct {
	// Name is the subtest's. Required.
	Name string
	// Provoke returns the driver's error as it comes. Required.
	Provoke func(t *testing.T) error
	// Want is the code that it is to get. Required.
	Want core.Code
}

// SQLErrorConformance tests, as parallel subtests of t, that a driver's unit
// gives errors the right code, also where they are wrapped and joined; that it
// keeps their text and cause; that it leaves coded errors and nil alone; and
// what it makes of errors that are no driver's: contexts and unknown ones.
//
// More in sql_error_conformance.md:
//   - Provoke runs in parallel subtests: one that needs a lock must hold it on
//     its own connection.
//   - Made is a map by error, so its errors must be comparable: pointers, not
//     structs with slices.
func SQLErrorConformance(t *testing.T, cfg SQLErrorConformanceConfig) {
	t.Helper()
	if len(cfg.Provoked) == 0 {
		t.Fatal("no error of the database is tested")
	}
	for _, c := range cfg.Provoked {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			err := c.Provoke(t)
			if err == nil {
				t.Fatal("the database returned no error")
			}
			got := cfg.Error("op", fmt.Errorf("wrapped: %w", errors.Join(errors.New("other"), err)))
			errtest.Want(t, got, c.Want, "op: wrapped: ")
			if !errors.Is(got, err) {
				t.Error("the cause is lost")
			}
		})
	}
	t.Run("Other", func(t *testing.T) {
		t.Parallel()
		coded := &core.Error{Code: core.CodeLimited, Op: "sql_error_conformance"}
		codes := map[error]core.Code{
			context.Canceled: core.CodeCanceled,
			fmt.Errorf("query: %w", context.DeadlineExceeded): core.CodeTimeout,
			coded:                          core.CodeLimited,
			fmt.Errorf("query: %w", coded): core.CodeLimited,
			errors.New("unknown"):          core.CodeInternal,
			foreignError{}:                 core.CodeInternal,
		}
		for _, all := range []map[error]core.Code{codes, cfg.Made} {
			for err, want := range all {
				if got := core.ErrorCode(cfg.Error("op", err)); got != want {
					t.Errorf("%v: got code %s, want %s", err, got, want)
				}
			}
		}
		if err := cfg.Error("op", nil); err != nil {
			t.Errorf("nil became %v", err)
		}
		if err := cfg.Error("op", coded); err != error(coded) {
			t.Errorf("a coded error became %v", err)
		}
	})
}

// foreignError has a Code method with another meaning.
type foreignError struct{}

func (foreignError) Error() string { return "x" }
func (foreignError) Code() int     { return 5 }
