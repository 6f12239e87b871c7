package work_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func TestWorkPool_Bounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		began := time.Now()
		results, err := work.WorkPool(t.Context(), work.WorkPoolConfig{Slots: 3}, numbers(10), func(_ context.Context, n int) (string, error) {
			now := running.Add(1)
			defer running.Add(-1)
			most.Store(max(most.Load(), now))
			time.Sleep(time.Second)
			return fmt.Sprint(n * n), nil
		})
		if took := time.Since(began); err != nil || took != 4*time.Second || most.Load() != 3 {
			t.Errorf("%v, in %v, %d at the same time", err, took, most.Load())
		}
		for i, r := range results {
			if r.Err != nil || r.Value != fmt.Sprint(i*i) {
				t.Errorf("result %d: %+v", i, r)
			}
		}
	})
}

func TestWorkPool_Failures(t *testing.T) {
	t.Parallel()
	// Item n takes n seconds; 2 and 3 fail.
	do := func(ctx context.Context, n int) (int, error) {
		select {
		case <-time.After(time.Duration(n) * time.Second):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if n == 2 || n == 3 {
			return 0, fmt.Errorf("item %d failed", n)
		}
		return n, nil
	}
	for name, c := range map[string]struct {
		keepGoing bool
		took      time.Duration
		err       string
		results   string
	}{
		"first failure": {false, 2 * time.Second, "item 2 failed", "ok, ok, item 2 failed, context canceled, not started, not started"},
		"keep going":    {true, 9 * time.Second, "item 2 failed\nitem 3 failed", "ok, ok, item 2 failed, item 3 failed, ok, ok"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				results, err := work.WorkPool(t.Context(), work.WorkPoolConfig{Slots: 2, KeepGoing: c.keepGoing}, numbers(6), do)
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v", took)
				}
				var got []string
				for _, r := range results {
					switch {
					case r.Err == nil:
						got = append(got, "ok")
					case core.ErrorCode(r.Err) == core.CodeCanceled && strings.Contains(r.Err.Error(), "not started"):
						got = append(got, "not started")
					default:
						got = append(got, r.Err.Error())
					}
				}
				if fmt.Sprint(err) != c.err || strings.Join(got, ", ") != c.results {
					t.Errorf("error %v\nresults %s", err, strings.Join(got, ", "))
				}
			})
		})
	}
}

func TestWorkPool_ContextEnds(t *testing.T) {
	t.Parallel()
	for name, keepGoing := range map[string]bool{"stop at the first": false, "keep going": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
				defer cancel()
				results, err := work.WorkPool(ctx, work.WorkPoolConfig{Slots: 1, KeepGoing: keepGoing}, numbers(4), func(context.Context, int) (bool, error) {
					time.Sleep(time.Second) // to its end, whatever ctx says
					return true, nil
				})
				if core.ErrorCode(err) != core.CodeTimeout || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				if !results[0].Value || !results[1].Value || core.ErrorCode(results[2].Err) != core.CodeTimeout || core.ErrorCode(results[3].Err) != core.CodeTimeout {
					t.Errorf("results %+v", results)
				}
			})
		})
	}
}

func TestWorkPool_Edges(t *testing.T) {
	t.Parallel()
	never := func(context.Context, int) (int, error) { return 0, errors.New("called") }
	if results, err := work.WorkPool(t.Context(), work.WorkPoolConfig{}, nil, never); err != nil || len(results) != 0 {
		t.Errorf("no items: %v, %v", results, err)
	}
	if _, err := work.WorkPool(t.Context(), work.WorkPoolConfig{Slots: -1}, numbers(1), never); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("negative slots: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if results, err := work.WorkPool(done, work.WorkPoolConfig{}, numbers(3), never); core.ErrorCode(err) != core.CodeCanceled || core.ErrorCode(results[0].Err) != core.CodeCanceled {
		t.Errorf("a done context: %v, %v", results, err)
	}
}
