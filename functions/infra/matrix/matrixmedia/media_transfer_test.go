package matrixmedia

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
)

func TestMediaTransfer_Stall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, watch := newMediaWatch(t.Context(), 0)
		defer watch.stop()
		for range 10 { // slow, and not stalled
			time.Sleep(mediaStall - time.Second)
			watch.moved()
		}
		if ctx.Err() != nil {
			t.Fatal("a slow transfer was broken off")
		}
		start := time.Now()
		<-ctx.Done()
		if waited := time.Since(start); waited != mediaStall {
			t.Errorf("broken off after %v, want %v", waited, mediaStall)
		}
		if err := mediaError(ctx, "op", ctx.Err()); core.ErrorCode(err) != core.CodeTimeout {
			t.Errorf("%s: %v", core.ErrorCode(err), err)
		}
	})
}

func TestMediaTransfer_Retry(t *testing.T) {
	t.Parallel()
	coded := func(code core.Code, after time.Duration) error {
		return &core.Error{Code: code, RetryAfter: after}
	}
	for name, test := range map[string]struct {
		err   error
		tries int
		least time.Duration
	}{
		"down":    {coded(core.CodeUnavailable, 0), 3, 1500 * time.Millisecond},
		"limited": {coded(core.CodeLimited, time.Minute), 3, 2 * time.Minute},
		"invalid": {coded(core.CodeInvalid, 0), 1, 0},
		"large":   {coded(core.CodeTooLarge, 0), 1, 0},
		"none":    {nil, 1, 0},
		"cause":   {io.ErrUnexpectedEOF, 1, 0}, // without a code it is nobody's to repeat
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start, tries := time.Now(), 0
				err := mediaRetry(t.Context(), mediaAttempts, func() error { tries++; return test.err })
				if err != test.err || tries != test.tries || time.Since(start) < test.least {
					t.Errorf("%d tries in %v: %v", tries, time.Since(start), err)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_ = mediaRetry(ctx, mediaAttempts, func() error { return coded(core.CodeLimited, time.Hour) })
		if time.Since(start) != time.Second {
			t.Errorf("it waited %v after it was told to stop", time.Since(start))
		}
	})
}
