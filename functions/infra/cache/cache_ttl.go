package cache

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"fnregistry.dev/functions/core"
)

// CacheTTLConfig says what is cached, for how long and how much of it. The zero
// value of an optional field is its default.
type CacheTTLConfig[K comparable, V any] struct {
	// Load gets the value of a key. It is called for one key once at a time,
	// for several keys at once. Required.
	Load func(ctx context.Context, key K) (V, error)
	// TTL is how long a value counts from the moment that Load returned it.
	// Required.
	TTL time.Duration
	// ErrorTTL likewise for errors of Load other than those of a context.
	// Default: they are not kept.
	ErrorTTL time.Duration
	// MaxEntries is how many keys have a value at most; the one that was not
	// used for longest goes first. Default: 1,000.
	MaxEntries int
}

// CacheTTLHandle is a cache. Its methods may be called from several goroutines
// at once.
type CacheTTLHandle[K comparable, V any] struct {
	cfg CacheTTLConfig[K, V]

	mu      sync.Mutex
	entries map[K]*list.Element // of *entry
	recent  *list.List          // the last used first
	loads   map[K]*load[V]
}

type entry[K comparable, V any] struct {
	key     K
	value   V
	err     error
	expires time.Time
}

// load is a call of Load on its way.
type load[V any] struct {
	cancel  context.CancelFunc
	waiting int
	done    chan struct{} // closed when value and err are set
	value   V
	err     error
}

// CacheTTL makes a cache in memory in front of cfg.Load. However many ask for a
// key at once, Load runs once and all get its result (single flight).
//
// The error is a *core.Error with CodeInvalid. There is nothing to close.
//
// More in cache_ttl.md:
//   - All who ask share one value: don't change what a pointer, slice or map
//     leads to.
//   - Load's context has the values of whoever asked first (a trace, say), has
//     no deadline, and ends when nobody waits any more.
func CacheTTL[K comparable, V any](cfg CacheTTLConfig[K, V]) (*CacheTTLHandle[K, V], error) {
	if cfg.Load == nil || cfg.TTL <= 0 || cfg.ErrorTTL < 0 || cfg.MaxEntries < 0 {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "cache_ttl", Message: "Load and a TTL are required, and nothing may be negative"}
	}
	cfg.MaxEntries = cmp.Or(cfg.MaxEntries, 1000)
	return &CacheTTLHandle[K, V]{
		cfg: cfg, entries: map[K]*list.Element{}, recent: list.New(), loads: map[K]*load[V]{},
	}, nil
}

// Get returns the value of a key, from the cache or from Load. When ctx is done
// it returns at once, with a *core.Error with its code, and Load goes on for
// the others. An error of Load comes back as it is; a panic of it as a
// *core.Error with CodeInternal.
func (c *CacheTTLHandle[K, V]) Get(ctx context.Context, key K) (V, error) {
	var none V
	if ctx.Err() != nil {
		return none, &core.Error{Op: "cache_ttl get", Err: context.Cause(ctx)}
	}
	c.mu.Lock()
	if e := c.fresh(key); e != nil {
		c.mu.Unlock()
		return e.value, e.err
	}
	l := c.join(ctx, key)
	c.mu.Unlock()
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		c.leave(key, l)
		return none, &core.Error{Op: "cache_ttl get", Err: context.Cause(ctx)}
	}
}

// Delete forgets a key. A Load of it that is on its way is not kept either: who
// asks from now on gets a value that was loaded after Delete.
func (c *CacheTTLHandle[K, V]) Delete(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(key)
	delete(c.loads, key)
}

// Len returns how many keys have a value, expired ones included.
func (c *CacheTTLHandle[K, V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}

// fresh returns the entry of a key, if it counts.
func (c *CacheTTLHandle[K, V]) fresh(key K) *entry[K, V] {
	element := c.entries[key]
	if element == nil {
		return nil
	}
	e := element.Value.(*entry[K, V])
	if !time.Now().Before(e.expires) {
		c.remove(key)
		return nil
	}
	c.recent.MoveToFront(element)
	return e
}

func (c *CacheTTLHandle[K, V]) remove(key K) {
	if element := c.entries[key]; element != nil {
		c.recent.Remove(element)
		delete(c.entries, key)
	}
}

// join waits for the load of a key, which it starts if there is none.
func (c *CacheTTLHandle[K, V]) join(ctx context.Context, key K) *load[V] {
	l := c.loads[key]
	if l == nil {
		l = &load[V]{done: make(chan struct{})}
		var loading context.Context
		loading, l.cancel = context.WithCancel(context.WithoutCancel(ctx))
		c.loads[key] = l
		go c.run(loading, key, l)
	}
	l.waiting++
	return l
}

// leave gives up waiting. A load that nobody waits for ends, and is not joined
// any more.
func (c *CacheTTLHandle[K, V]) leave(key K, l *load[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.waiting--; l.waiting > 0 {
		return
	}
	l.cancel()
	if c.loads[key] == l {
		delete(c.loads, key)
	}
}

func (c *CacheTTLHandle[K, V]) run(ctx context.Context, key K, l *load[V]) {
	defer l.cancel()
	l.value, l.err = c.call(ctx, key)
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(l.done)
	if c.loads[key] != l {
		return // it was deleted, or given up
	}
	delete(c.loads, key)
	ttl := c.cfg.TTL
	if l.err != nil {
		ttl = c.cfg.ErrorTTL
		if code := core.ErrorCode(l.err); code == core.CodeCanceled || code == core.CodeTimeout {
			ttl = 0
		}
	}
	if ttl > 0 {
		c.store(&entry[K, V]{key: key, value: l.value, err: l.err, expires: time.Now().Add(ttl)})
	}
}

func (c *CacheTTLHandle[K, V]) store(e *entry[K, V]) {
	c.remove(e.key)
	c.entries[e.key] = c.recent.PushFront(e)
	for c.recent.Len() > c.cfg.MaxEntries {
		c.remove(c.recent.Back().Value.(*entry[K, V]).key)
	}
}

// call calls Load in a goroutine of the cache's own, where a panic would end
// the program.
func (c *CacheTTLHandle[K, V]) call(ctx context.Context, key K) (value V, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &core.Error{Code: core.CodeInternal, Op: "cache_ttl load", Message: "Load panicked", Err: fmt.Errorf("%v\n%s", p, debug.Stack())}
		}
	}()
	return c.cfg.Load(ctx, key)
}
