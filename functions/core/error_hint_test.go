package core_test

import (
	"errors"
	"fmt"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestErrorHint_Outermost(t *testing.T) {
	t.Parallel()
	plain := errors.New("no such room")
	hinted := &core.Error{Op: "open", Hint: "name one"}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"nil":              {nil, ""},
		"plain":            {plain, ""},
		"own":              {hinted, "name one"},
		"wrapped by fmt":   {fmt.Errorf("start: %w", hinted), "name one"},
		"below an op":      {&core.Error{Op: "start", Err: fmt.Errorf("run: %w", hinted)}, "name one"},
		"the outer one":    {&core.Error{Hint: "see the log", Err: hinted}, "see the log"},
		"joined":           {errors.Join(plain, &core.Error{Op: "close"}, hinted), "name one"},
		"joined, the last": {errors.Join(&core.Error{Op: "close", Err: plain}, fmt.Errorf("run: %w", hinted)), "name one"},
		"a nil *Error":     {(*core.Error)(nil), ""},
		"without a cause":  {&core.Error{Op: "start"}, ""},
	} {
		if got := core.ErrorHint(c.err); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
