package work_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/infra/work"
)

func TestSleepContext_Waits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{-time.Hour, 0, time.Nanosecond, time.Hour} {
			start := time.Now()
			if err := work.SleepContext(t.Context(), d); err != nil || time.Since(start) != max(d, 0) {
				t.Errorf("%v: slept %v, %v", d, time.Since(start), err)
			}
		}
	})
}

func TestSleepContext_ContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		if err := work.SleepContext(ctx, time.Hour); err != context.Canceled || time.Since(start) != time.Second {
			t.Errorf("slept %v, %v", time.Since(start), err)
		}
		for _, d := range []time.Duration{-1, 0, time.Hour} {
			if err := work.SleepContext(ctx, d); err != context.Canceled || time.Since(start) != time.Second {
				t.Errorf("%v with a context that is done: slept, %v", d, err)
			}
		}
	})
}
