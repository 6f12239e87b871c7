package core_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestErrorExitCode_EveryCode(t *testing.T) {
	t.Parallel()
	want := map[core.Code]int{
		core.CodeInvalid:         64,
		core.CodeUnauthenticated: 77,
		core.CodeForbidden:       77,
		core.CodeNotFound:        66,
		core.CodeConflict:        73,
		core.CodeTooLarge:        65,
		core.CodeLimited:         75,
		core.CodeTimeout:         75,
		core.CodeCanceled:        130,
		core.CodeUnavailable:     69,
		core.CodeUnsupported:     78,
		core.CodeInternal:        70,
	}
	for _, code := range declaredCodes(t) {
		if got := core.ErrorExitCode(&core.Error{Code: code}); got != want[code] {
			t.Errorf("%s: got %d, want %d", code, got, want[code])
		}
	}
}

func TestErrorExitCode_OtherErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{fmt.Errorf("x: %w", context.Canceled), 130},
		{errors.New("x"), 70},
		{&core.Error{Code: "teapot"}, 70},
	} {
		if got := core.ErrorExitCode(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
}
