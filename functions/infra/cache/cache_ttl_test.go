package cache_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/cache"
)

// counter loads how many times it was called for a key.
type counter struct {
	mu    sync.Mutex
	calls map[string]int
}

func (c *counter) load(_ context.Context, key string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[key]++
	if strings.HasPrefix(key, "bad") {
		return "", fmt.Errorf("%s %d", key, c.calls[key])
	}
	return fmt.Sprintf("%s %d", key, c.calls[key]), nil
}

func newCache(t testing.TB, cfg cache.CacheTTLConfig[string, string]) *cache.CacheTTLHandle[string, string] {
	t.Helper()
	c, err := cache.CacheTTL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func want(t *testing.T, c *cache.CacheTTLHandle[string, string], key, value string) {
	t.Helper()
	got, err := c.Get(t.Context(), key)
	if err != nil {
		got = err.Error()
	}
	if got != value {
		t.Errorf("%s: got %q, want %q", key, got, value)
	}
}

func TestCacheTTL_Expiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n counter
		c := newCache(t, cache.CacheTTLConfig[string, string]{Load: n.load, TTL: time.Minute, ErrorTTL: time.Second})
		want(t, c, "a", "a 1")
		time.Sleep(time.Minute - 1)
		want(t, c, "a", "a 1")
		time.Sleep(time.Nanosecond) // use does not lengthen it
		want(t, c, "a", "a 2")
		want(t, c, "bad", "bad 1")
		want(t, c, "bad", "bad 1")
		time.Sleep(time.Second)
		want(t, c, "bad", "bad 2")
		c.Delete("a")
		c.Delete("unknown")
		want(t, c, "a", "a 3")
	})
}

func TestCacheTTL_ErrorsNotKept(t *testing.T) {
	t.Parallel()
	var n counter
	c := newCache(t, cache.CacheTTLConfig[string, string]{Load: n.load, TTL: time.Minute})
	want(t, c, "bad", "bad 1")
	want(t, c, "bad", "bad 2")
	calls := 0
	late := newCache(t, cache.CacheTTLConfig[string, string]{TTL: time.Minute, ErrorTTL: time.Minute, Load: func(context.Context, string) (string, error) {
		if calls++; calls == 1 {
			return "", context.DeadlineExceeded
		}
		return "value", nil
	}})
	want(t, late, "a", context.DeadlineExceeded.Error())
	want(t, late, "a", "value")
}

func TestCacheTTL_Bounded(t *testing.T) {
	t.Parallel()
	var n counter
	c := newCache(t, cache.CacheTTLConfig[string, string]{Load: n.load, TTL: time.Hour, MaxEntries: 3})
	for _, key := range []string{"a", "b", "c", "a", "d"} { // b was not used for longest
		want(t, c, key, key+" 1")
	}
	if c.Len() != 3 {
		t.Errorf("%d entries", c.Len())
	}
	want(t, c, "a", "a 1")
	want(t, c, "b", "b 2")
	for i := range 10_000 {
		want(t, c, fmt.Sprint(i), fmt.Sprint(i, " 1"))
	}
	if c.Len() != 3 {
		t.Errorf("%d entries", c.Len())
	}
}

// slow is a loader that waits until the test lets it go on.
type slow struct {
	started chan context.Context
	goOn    chan string
}

func (s *slow) load(ctx context.Context, _ string) (string, error) {
	s.started <- ctx
	select {
	case value := <-s.goOn:
		return value, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func TestCacheTTL_SingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{make(chan context.Context, 10), make(chan string)}
		c := newCache(t, cache.CacheTTLConfig[string, string]{Load: s.load, TTL: time.Minute})
		var asking sync.WaitGroup
		for i := range 20 {
			asking.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
				defer cancel()
				got, err := c.Get(ctx, "a")
				if i < 10 && core.ErrorCode(err) != core.CodeTimeout || i >= 10 && (got != "value" || err != nil) {
					t.Errorf("asker %d: %q, %v", i, got, err)
				}
			})
		}
		time.Sleep(10*time.Second + 500*time.Millisecond) // the first ten have left
		if len(s.started) != 1 {
			t.Errorf("%d loads", len(s.started))
		}
		if ctx := <-s.started; ctx.Err() != nil {
			t.Error("the load was cancelled with the first who asked")
		}
		s.goOn <- "value"
		asking.Wait()
		want(t, c, "a", "value")
	})
}

// A load that nobody waits for ends; who asks then starts another.
func TestCacheTTL_Abandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{make(chan context.Context, 10), make(chan string)}
		c := newCache(t, cache.CacheTTLConfig[string, string]{Load: s.load, TTL: time.Minute, ErrorTTL: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { synctest.Wait(); cancel() }()
		if _, err := c.Get(ctx, "a"); core.ErrorCode(err) != core.CodeCanceled {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if loading := <-s.started; loading.Err() == nil {
			t.Error("the load goes on")
		}
		if _, err := c.Get(ctx, "a"); core.ErrorCode(err) != core.CodeCanceled || len(s.started) > 0 {
			t.Errorf("a context that is done: %v, %d loads", err, len(s.started))
		}
		go func() { s.goOn <- "value" }()
		want(t, c, "a", "value")
	})
}

// What was on its way when its key was deleted is old.
func TestCacheTTL_DeleteWhileLoading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{make(chan context.Context, 10), make(chan string)}
		c := newCache(t, cache.CacheTTLConfig[string, string]{Load: s.load, TTL: time.Minute})
		got := make(chan string, 2)
		ask := func() {
			value, _ := c.Get(t.Context(), "a")
			got <- value
		}
		go ask()
		synctest.Wait()
		c.Delete("a")
		s.goOn <- "old"
		if value := <-got; value != "old" {
			t.Errorf("who asked before got %q", value)
		}
		go ask()
		synctest.Wait()
		s.goOn <- "new"
		if value := <-got; value != "new" {
			t.Errorf("who asked after got %q", value)
		}
		want(t, c, "a", "new")
	})
}

func TestCacheTTL_Panic(t *testing.T) {
	t.Parallel()
	c := newCache(t, cache.CacheTTLConfig[string, string]{TTL: time.Minute, Load: func(context.Context, string) (string, error) { panic("no such key") }})
	for range 2 {
		if _, err := c.Get(t.Context(), "a"); core.ErrorCode(err) != core.CodeInternal || !strings.Contains(err.Error(), "no such key") {
			t.Errorf("%v", err)
		}
	}
}

func TestCacheTTL_Concurrent(t *testing.T) {
	t.Parallel()
	var n counter
	c := newCache(t, cache.CacheTTLConfig[string, string]{Load: n.load, TTL: time.Microsecond, MaxEntries: 5})
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for i := range 2000 {
				key := fmt.Sprint(i % 7)
				if i%11 == 0 {
					c.Delete(key)
				}
				if got, err := c.Get(t.Context(), key); err != nil || !strings.HasPrefix(got, key+" ") {
					t.Errorf("%q, %v", got, err)
				}
			}
		})
	}
	asking.Wait()
	if c.Len() > 5 {
		t.Errorf("%d entries", c.Len())
	}
}

func TestCacheTTL_Invalid(t *testing.T) {
	t.Parallel()
	load := (&counter{}).load
	for _, cfg := range []cache.CacheTTLConfig[string, string]{
		{}, {Load: load}, {TTL: 1}, {Load: load, TTL: -1}, {Load: load, TTL: 1, ErrorTTL: -1}, {Load: load, TTL: 1, MaxEntries: -1},
	} {
		if _, err := cache.CacheTTL(cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, errors.Unwrap(err))
		}
	}
}

func BenchmarkCacheTTL_Hit(b *testing.B) {
	c := newCache(b, cache.CacheTTLConfig[string, string]{Load: (&counter{}).load, TTL: time.Hour})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Get(b.Context(), "a"); err != nil {
				b.Error(err)
			}
		}
	})
}
