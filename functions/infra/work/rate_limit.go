package work

import (
	"cmp"
	"container/list"
	"context"
	"math"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// RateLimitConfig says how often each key may act. The zero value of an
// optional field is its default.
type RateLimitConfig struct {
	// Every is the time in which one more action is allowed. Required.
	Every time.Duration
	// Burst is how many actions a key that was quiet may do at once. Default:
	// 1.
	Burst int
	// MaxKeys is how many keys are counted apart. Beyond it, new keys share one
	// count. Default: 10,000.
	MaxKeys int
}

// RateLimitHandle counts actions by key. Its methods may be called from several
// goroutines at once.
type RateLimitHandle struct {
	cfg RateLimitConfig

	mu     sync.Mutex
	keys   map[string]*list.Element // of *bucket
	recent *list.List               // the last used or looked at first
	shared bucket                   // of the keys beyond MaxKeys
}

// bucket is when a key's bucket is full again: each action puts that off by
// Every (the generic cell rate algorithm).
type bucket struct {
	key  string
	full time.Time
}

// maxWait bounds sums of durations.
const maxWait = 100 * 365 * 24 * time.Hour

// RateLimit makes a token bucket for each key: Burst actions at once, and then
// one each Every. Keys that have been quiet for long enough for their bucket to
// be full are forgotten, since nothing is lost by that; the others stay, so
// that whoever uses many keys can't make it forget one of them.
//
// The error is a *core.Error with CodeInvalid. There is nothing to close.
//
// More in rate_limit.md:
//   - Beyond MaxKeys busy keys, new ones share one bucket: an attack with many
//     addresses slows down other new ones, but those that are counted keep
//     their count.
//   - It counts in this process alone, from full buckets at each start.
func RateLimit(cfg RateLimitConfig) (*RateLimitHandle, error) {
	if cfg.Every <= 0 || cfg.Burst < 0 || cfg.MaxKeys < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "rate_limit", Message: "Every is required, and nothing may be negative"}
	}
	cfg.Burst = cmp.Or(cfg.Burst, 1)
	cfg.MaxKeys = cmp.Or(cfg.MaxKeys, 10_000)
	if cfg.Burst > int(min(maxWait/cfg.Every, math.MaxInt32)) {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "rate_limit", Message: "Burst times Every is more than a century"}
	}
	return &RateLimitHandle{cfg: cfg, keys: map[string]*list.Element{}, recent: list.New()}, nil
}

// Allow counts an action of a key and returns nil, or does not count it and
// returns a *core.Error with CodeLimited, whose RetryAfter says when it would
// be allowed if the key stayed quiet until then.
func (h *RateLimitHandle) Allow(key string) error {
	if wait := h.take(key, time.Now(), 0); wait > 0 {
		return limited("rate_limit allow", wait, nil)
	}
	return nil
}

// Budget returns how many actions a key may do at once, of how many, within
// what time all of them come back, and when the next one does; it counts
// nothing. http_rate_limit shows it in headers.
func (h *RateLimitHandle) Budget(key string) (left, quota int, window, reset time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	b := &h.shared
	if element := h.keys[key]; element != nil {
		b = element.Value.(*bucket)
	} else if len(h.keys) < h.cfg.MaxKeys {
		b = &bucket{}
	}
	busy := max(b.full.Sub(now), 0)
	used := int((busy + h.cfg.Every - 1) / h.cfg.Every)
	if used > 0 {
		reset = busy - time.Duration(used-1)*h.cfg.Every
	}
	return max(h.cfg.Burst-used, 0), h.cfg.Burst, time.Duration(h.cfg.Burst) * h.cfg.Every, reset
}

// Wait counts an action of a key and returns when it is allowed. Those who wait
// for one key go in the order in which they came. Where ctx would be done by
// then, it returns at once and counts nothing: a *core.Error with CodeLimited
// and RetryAfter. When ctx is done while it waits, the action stays counted,
// and the error has the code of ctx.
func (h *RateLimitHandle) Wait(ctx context.Context, key string) error {
	if ctx.Err() != nil {
		return &core.Error{Op: "rate_limit wait", Err: context.Cause(ctx)}
	}
	now := time.Now()
	patience := maxWait
	if deadline, ok := ctx.Deadline(); ok {
		patience = deadline.Sub(now)
	}
	wait := h.take(key, now, patience)
	if wait > patience {
		return limited("rate_limit wait", wait, context.DeadlineExceeded)
	}
	if err := SleepContext(ctx, wait); err != nil {
		return &core.Error{Op: "rate_limit wait", Err: err}
	}
	return nil
}

func limited(op string, wait time.Duration, cause error) error {
	return &core.Error{Code: core.CodeLimited, Op: op, Message: "too many", RetryAfter: wait, Err: cause}
}

// take returns how long a key has to wait, and counts the action if that is not
// beyond patience.
func (h *RateLimitHandle) take(key string, now time.Time, patience time.Duration) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.bucket(key, now)
	full := b.full
	if full.Before(now) {
		full = now
	}
	wait := full.Sub(now) - time.Duration(h.cfg.Burst-1)*h.cfg.Every
	if wait <= patience {
		b.full = full.Add(h.cfg.Every)
	}
	return max(wait, 0)
}

func (h *RateLimitHandle) bucket(key string, now time.Time) *bucket {
	element := h.keys[key]
	if element != nil {
		h.recent.MoveToFront(element)
	} else {
		h.forget(now)
		if len(h.keys) >= h.cfg.MaxKeys {
			return &h.shared
		}
		element = h.recent.PushFront(&bucket{key: key})
		h.keys[key] = element
	}
	return element.Value.(*bucket)
}

// forget looks at the two keys that were not looked at for longest, and drops
// those whose buckets are full. Two for each new key are enough for the number
// of keys to shrink.
func (h *RateLimitHandle) forget(now time.Time) {
	for range min(2, h.recent.Len()) {
		oldest := h.recent.Back()
		if b := oldest.Value.(*bucket); b.full.After(now) {
			h.recent.MoveToFront(oldest)
		} else {
			h.recent.Remove(oldest)
			delete(h.keys, b.key)
		}
	}
}
