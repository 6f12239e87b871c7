package work_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

var (
	errDown   = &core.Error{Code: core.CodeUnavailable, Message: "connection refused"}
	noJitter  = core.BackoffDelayConfig{Jitter: -1}
	errBroken = errors.New("bad password")
)

// answers returns one of the errors at each call, and counts the calls.
func answers(list ...error) (do func(context.Context) error, calls *int) {
	calls = new(int)
	return func(context.Context) error {
		err := list[min(*calls, len(list)-1)]
		*calls++
		return err
	}, calls
}

func TestRetryDo_UntilItPasses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg   work.RetryDoConfig
		list  []error
		calls int
		took  time.Duration
		want  string // "": nil
	}{
		"at once":       {work.RetryDoConfig{}, []error{nil}, 1, 0, ""},
		"the third try": {work.RetryDoConfig{}, []error{errDown, errDown, nil}, 3, 3 * time.Second, ""},
		"not worth it":  {work.RetryDoConfig{}, []error{errDown, errBroken}, 2, time.Second, "bad password"},
		"used up":       {work.RetryDoConfig{}, []error{errDown}, 5, 15 * time.Second, "retry_do: gave up after 5 tries: connection refused"},
		"one try":       {work.RetryDoConfig{Tries: 1, Op: "dial"}, []error{errDown}, 1, 0, "dial: gave up after 1 try: connection refused"},
		"retry after":   {work.RetryDoConfig{}, []error{fmt.Errorf("put: %w", &core.Error{Code: core.CodeLimited, RetryAfter: time.Hour}), nil}, 2, time.Hour, ""},
		"a timeout":     {work.RetryDoConfig{}, []error{context.DeadlineExceeded, nil}, 2, time.Second, ""},
		"own rule": {work.RetryDoConfig{Retry: func(err error) bool { return err == errBroken }}, []error{errBroken, errDown}, 2, time.Second,
			"connection refused"},
		"for ever": {work.RetryDoConfig{Tries: -1, Backoff: core.BackoffDelayConfig{Factor: 1, Jitter: -1}}, append(make99(errDown), nil), 100, 99 * time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if c.cfg.Backoff == (core.BackoffDelayConfig{}) {
					c.cfg.Backoff = noJitter
				}
				do, calls := answers(c.list...)
				began := time.Now()
				err := work.RetryDo(t.Context(), c.cfg, do)
				if took := time.Since(began); *calls != c.calls || took != c.took {
					t.Errorf("%d calls in %v, want %d in %v", *calls, took, c.calls, c.took)
				}
				if err == nil && c.want != "" || err != nil && err.Error() != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
				if strings.Contains(c.want, "gave up") && core.ErrorCode(err) != core.CodeUnavailable {
					t.Errorf("code %s", core.ErrorCode(err))
				}
			})
		})
	}
}

func make99(err error) []error {
	list := make([]error, 99)
	for i := range list {
		list[i] = err
	}
	return list
}

func TestRetryDo_ContextEnds(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("read: %w", ctx.Err())
	}
	down := func(context.Context) error { return errDown } // for two tests at once
	for name, c := range map[string]struct {
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		do   func(context.Context) error
		took time.Duration
		code core.Code
		want string
	}{
		"canceled before": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, nil, 0, core.CodeCanceled, "retry_do: stopped after 0 tries (context canceled): context canceled"},
		"canceled in a wait": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5*time.Second, cancel)
			return ctx, cancel
		}, down, 5 * time.Second, core.CodeCanceled, "retry_do: stopped after 3 tries (context canceled): connection refused"},
		"the deadline in a wait": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Second)
		},
			down, 3 * time.Second, core.CodeTimeout, "retry_do: stopped after 3 tries (context deadline exceeded): connection refused"},
		"the deadline in a try": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 5*time.Second)
		},
			hang, 5 * time.Second, core.CodeTimeout, "retry_do: stopped after 1 try (context deadline exceeded): read: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := c.ctx(t.Context())
				defer cancel()
				began := time.Now()
				err := work.RetryDo(ctx, work.RetryDoConfig{Backoff: noJitter}, c.do)
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if core.ErrorCode(err) != c.code || fmt.Sprint(err) != c.want {
					t.Errorf("%s: %v\nwant %s: %s", core.ErrorCode(err), err, c.code, c.want)
				}
			})
		})
	}
}

func TestRetryDo_OnRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls []string
		do, _ := answers(errDown, errDown, nil)
		err := work.RetryDo(t.Context(), work.RetryDoConfig{Backoff: noJitter, OnRetry: func(tries int, wait time.Duration, err error) {
			calls = append(calls, fmt.Sprint(tries, wait, err))
		}}, do)
		if got, want := strings.Join(calls, ", "), "1 1s connection refused, 2 2s connection refused"; err != nil || got != want {
			t.Errorf("%v, %s", err, got)
		}
	})
}
