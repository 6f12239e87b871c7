package work_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

func rateLimit(t testing.TB, cfg work.RateLimitConfig) *work.RateLimitHandle {
	t.Helper()
	h, err := work.RateLimit(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// allowed counts how many of n actions are allowed.
func allowed(h *work.RateLimitHandle, key string, n int) (count int) {
	for range n {
		if h.Allow(key) == nil {
			count++
		}
	}
	return count
}

func TestRateLimit_Allow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := rateLimit(t, work.RateLimitConfig{Every: time.Second, Burst: 3})
		if got := allowed(h, "a", 10); got != 3 {
			t.Errorf("at once: %d", got)
		}
		if got := allowed(h, "b", 10); got != 3 {
			t.Errorf("another key: %d", got)
		}
		err := h.Allow("a")
		if core.ErrorCode(err) != core.CodeLimited || core.ErrorRetryAfter(err) != time.Second {
			t.Errorf("%v, again after %v", err, core.ErrorRetryAfter(err))
		}
		time.Sleep(time.Second - 1)
		if got := allowed(h, "a", 10); got != 0 {
			t.Errorf("just before: %d", got)
		}
		time.Sleep(time.Nanosecond)
		if got := allowed(h, "a", 10); got != 1 {
			t.Errorf("after one: %d", got)
		}
		time.Sleep(2500 * time.Millisecond)
		if got := allowed(h, "a", 10); got != 2 {
			t.Errorf("after two and a half: %d", got)
		}
		time.Sleep(time.Hour) // the bucket overflows
		if got := allowed(h, "a", 10); got != 3 {
			t.Errorf("after an hour: %d", got)
		}
		one := rateLimit(t, work.RateLimitConfig{Every: time.Second})
		if got := allowed(one, "a", 10); got != 1 {
			t.Errorf("without Burst: %d", got)
		}
	})
}

// Whatever comes when: in any window there are no more than Burst and one each
// Every.
func TestRateLimit_NeverMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const every, burst = 100 * time.Millisecond, 5
		h := rateLimit(t, work.RateLimitConfig{Every: every, Burst: burst})
		var times []time.Time
		for i := range 5000 {
			time.Sleep(time.Duration(i*i%37) * 10 * time.Millisecond)
			for range i % 9 {
				if h.Allow("a") == nil {
					times = append(times, time.Now())
				}
			}
		}
		for i := range times {
			if j := i + burst; j < len(times) && times[j].Sub(times[i]) < every {
				t.Fatalf("%d actions in %v", burst+1, times[j].Sub(times[i]))
			}
		}
		if total := times[len(times)-1].Sub(times[0]); len(times) > int(total/every)+burst || len(times) < 1000 {
			t.Errorf("%d actions in %v", len(times), total)
		}
	})
}

func TestRateLimit_Wait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := rateLimit(t, work.RateLimitConfig{Every: time.Second, Burst: 2})
		start := time.Now()
		var mu sync.Mutex
		var order []int
		var waiting sync.WaitGroup
		for i := range 5 {
			waiting.Go(func() {
				if err := h.Wait(t.Context(), "a"); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait()
		}
		short, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := h.Wait(short, "a"); core.ErrorCode(err) != core.CodeLimited || core.ErrorRetryAfter(err) != 4*time.Second || time.Now() != start {
			t.Errorf("%v, again after %v, took %v", err, core.ErrorRetryAfter(err), time.Since(start))
		}
		waiting.Wait()
		if took := time.Since(start); !slices.Equal(order, []int{0, 1, 2, 3, 4}) || took != 3*time.Second {
			t.Errorf("%v in %v", order, took)
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, stop)
		if err := h.Wait(ctx, "a"); core.ErrorCode(err) != core.CodeCanceled {
			t.Errorf("cancelled: %v", err)
		}
		if err := h.Wait(ctx, "b"); core.ErrorCode(err) != core.CodeCanceled {
			t.Errorf("cancelled before: %v", err)
		}
	})
}

// A flood of keys makes it forget none that is busy, and takes no more memory.
func TestRateLimit_ManyKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := rateLimit(t, work.RateLimitConfig{Every: time.Second, Burst: 2, MaxKeys: 100})
		if got := allowed(h, "busy", 10); got != 2 {
			t.Errorf("%d", got)
		}
		through := 0
		for i := range 10_000 {
			through += allowed(h, fmt.Sprint("flood ", i), 1)
		}
		if through != 99+2 { // each of 99 keys, and the shared bucket
			t.Errorf("%d of the flood are allowed", through)
		}
		if got := allowed(h, "busy", 10); got != 0 {
			t.Errorf("the busy key was forgotten: %d", got)
		}
		time.Sleep(2 * time.Second) // all are full again: their places are free
		for i := range 200 {
			allowed(h, fmt.Sprint("later ", i), 2)
		}
		for i := range 98 {
			if got := allowed(h, fmt.Sprint("later ", i), 1); got != 0 {
				t.Errorf("key %d has no bucket of its own", i)
			}
		}
	})
}

func TestRateLimit_Concurrent(t *testing.T) {
	t.Parallel()
	h := rateLimit(t, work.RateLimitConfig{Every: time.Hour, Burst: 100, MaxKeys: 10})
	var count atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				count.Add(int64(allowed(h, "a", 1)))
			}
		})
	}
	all.Wait()
	if count.Load() != 100 {
		t.Errorf("%d", count.Load())
	}
}

func TestRateLimit_Invalid(t *testing.T) {
	t.Parallel()
	for _, cfg := range []work.RateLimitConfig{{}, {Every: -1}, {Every: 1, Burst: -1}, {Every: 1, MaxKeys: -1}, {Every: time.Hour, Burst: math.MaxInt32}} {
		if _, err := work.RateLimit(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func BenchmarkRateLimit(b *testing.B) {
	for _, keys := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			h := rateLimit(b, work.RateLimitConfig{Every: time.Microsecond, Burst: 1000})
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprint("key ", i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				_ = h.Allow(names[i%keys])
			}
		})
	}
}

// What is left is counted down by actions and up by time, for each key.
func TestRateLimit_Budget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, err := work.RateLimit(work.RateLimitConfig{Every: 10 * time.Second, Burst: 3})
		if err != nil {
			t.Fatal(err)
		}
		want := func(key string, left int, reset time.Duration) {
			t.Helper()
			if l, quota, window, r := h.Budget(key); l != left || quota != 3 || window != 30*time.Second || r != reset {
				t.Errorf("%s: %d of %d in %v, next in %v; want %d, next in %v", key, l, quota, window, r, left, reset)
			}
		}
		want("a", 3, 0)
		_ = h.Allow("a")
		want("a", 2, 10*time.Second)
		time.Sleep(4 * time.Second)
		_ = h.Allow("a")
		want("a", 1, 6*time.Second)
		_ = h.Allow("a")
		_ = h.Allow("a") // refused
		want("a", 0, 6*time.Second)
		want("b", 3, 0)
		time.Sleep(26 * time.Second)
		want("a", 3, 0)
	})
}
