package work

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"fnregistry.dev/functions/core"
)

// RetryDoConfig says how often and when [RetryDo] tries again. The zero value
// of a field is its default.
type RetryDoConfig struct {
	// Op names the work in errors, such as "connect host=db1". Default:
	// "retry_do".
	Op string
	// Tries is how often the work is tried at most. Default: 5; negative:
	// until ctx is done.
	Tries int
	// Backoff is how the waits between tries grow. An error's RetryAfter
	// raises its Floor. Default: 1 s, 2 s, 4 s ... 60 s, less up to a half.
	Backoff core.BackoffDelayConfig
	// Retry reports whether an error is worth another try. Default: those with
	// CodeUnavailable, CodeTimeout and CodeLimited.
	Retry func(err error) bool
	// OnRetry is called before each wait, with the number of tries so far.
	// Default: nothing is.
	OnRetry func(tries int, wait time.Duration, err error)
}

// RetryDo calls do until it returns nil, an error that is not worth another
// try, or there are no tries left, and waits in between.
//
// An error that is not worth another try comes back as it is. Else the error is
// a *core.Error whose cause is do's last error: with that error's code when the
// tries are used up, CodeTimeout when ctx's deadline has passed or would pass
// during the next wait, and CodeCanceled when ctx was canceled. do is not
// called when ctx is done at the beginning.
//
// More in retry_do.md:
//   - Only coded errors are retried by default: a plain error has CodeInternal
//     and is returned at once.
//   - A try that succeeded but lost its response is repeated: do must be
//     idempotent.
func RetryDo(ctx context.Context, cfg RetryDoConfig, do func(ctx context.Context) error) error {
	cfg = cfg.withDefaults()
	var last error
	for tries := 0; ; tries++ {
		if ctx.Err() != nil {
			return cfg.outOfTime(core.ErrorCode(ctx.Err()), tries, last, context.Cause(ctx))
		}
		if last = do(ctx); last == nil || ctx.Err() == nil && !cfg.Retry(last) {
			return last
		}
		if ctx.Err() != nil {
			continue // stopped, whatever error do returned
		}
		if tries+1 == cfg.Tries {
			return &core.Error{Op: cfg.Op, Message: "gave up after " + tried(cfg.Tries), Err: last}
		}
		backoff := cfg.Backoff
		backoff.Floor = max(backoff.Floor, core.ErrorRetryAfter(last))
		wait := core.BackoffDelay(backoff, tries, rand.Float64())
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return cfg.outOfTime(core.CodeTimeout, tries+1, last, context.DeadlineExceeded)
		}
		cfg.OnRetry(tries+1, wait, last)
		_ = SleepContext(ctx, wait) // the next round checks ctx
	}
}

func (cfg RetryDoConfig) withDefaults() RetryDoConfig {
	if cfg.Op == "" {
		cfg.Op = "retry_do"
	}
	if cfg.Tries == 0 {
		cfg.Tries = 5
	}
	if cfg.Retry == nil {
		cfg.Retry = mayPass
	}
	if cfg.OnRetry == nil {
		cfg.OnRetry = func(int, time.Duration, error) {}
	}
	return cfg
}

// mayPass reports whether the same call may succeed later, by the error's code.
func mayPass(err error) bool {
	switch core.ErrorCode(err) {
	case core.CodeUnavailable, core.CodeTimeout, core.CodeLimited:
		return true
	}
	return false
}

// outOfTime is the error if ctx ended the tries. It includes the last error, if
// there is one, since that says what did not work.
func (cfg RetryDoConfig) outOfTime(code core.Code, tries int, last, cause error) error {
	if last == nil {
		last = cause
	}
	return &core.Error{
		Code:    code,
		Op:      cfg.Op,
		Message: fmt.Sprintf("stopped after %s (%v)", tried(tries), cause),
		Err:     last,
	}
}

func tried(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}
