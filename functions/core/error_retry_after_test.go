package core_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

func TestErrorRetryAfter_Outermost(t *testing.T) {
	t.Parallel()
	limited := &core.Error{Code: core.CodeLimited, RetryAfter: 3 * time.Second}
	for name, c := range map[string]struct {
		err  error
		want time.Duration
	}{
		"nil":           {nil, 0},
		"plain":         {errors.New("limited"), 0},
		"own":           {limited, 3 * time.Second},
		"below an op":   {&core.Error{Op: "send", Err: fmt.Errorf("put: %w", limited)}, 3 * time.Second},
		"the outer one": {&core.Error{RetryAfter: time.Minute, Err: limited}, time.Minute},
		"joined":        {errors.Join(errors.New("closed"), limited), 3 * time.Second},
		"negative":      {&core.Error{RetryAfter: -1, Err: limited}, 3 * time.Second},
	} {
		if got := core.ErrorRetryAfter(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
