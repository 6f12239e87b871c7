package drivererr

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestCoded(t *testing.T) {
	t.Parallel()
	classify := func(error) core.Error { return core.Error{Code: core.CodeConflict, Hint: "wait"} }
	plain, coded := errors.New("taken"), fmt.Errorf("more: %w", &core.Error{Code: core.CodeInvalid})
	if err := Coded("op", nil, classify); err != nil {
		t.Error(err)
	}
	if err := Coded("op", coded, classify); err != coded {
		t.Error(err)
	}
	err := Coded("op", plain, classify)
	if core.ErrorCode(err) != core.CodeConflict || core.ErrorHint(err) != "wait" || err.Error() != "op: taken" || !errors.Is(err, plain) {
		t.Error(err)
	}
	unknown := func(error) core.Error { return core.Error{} }
	if err := Coded("op", context.Canceled, unknown); core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("%v: %s", err, core.ErrorCode(err))
	}
}

func TestCommon(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]core.Code{
		context.DeadlineExceeded: core.CodeTimeout, context.Canceled: core.CodeCanceled, sql.ErrNoRows: core.CodeNotFound, errors.New("x"): "",
	} {
		if code, ok := Common(fmt.Errorf("wrapped: %w", err)); code != want || ok != (want != "") {
			t.Errorf("%v: %q, %t", err, code, ok)
		}
	}
}
