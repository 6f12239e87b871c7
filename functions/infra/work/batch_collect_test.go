package work_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/functions/infra/work"
)

var _ service.Service = (*work.BatchCollectHandle[int])(nil)

// written collects batches.
type written struct {
	mu      sync.Mutex
	batches [][]int
}

func (w *written) write(_ context.Context, batch work.BatchCollectBatch[int]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if items := batch.Items(); len(items) != batch.Count {
		return fmt.Errorf("%d items, Count is %d", len(items), batch.Count)
	}
	w.batches = append(w.batches, slices.Clone(batch.Items()))
	return nil
}

func (w *written) sizes() (sizes []int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, batch := range w.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

func collect(t *testing.T, in <-chan []int, cfg work.BatchCollectConfig[int]) *work.BatchCollectHandle[int] {
	t.Helper()
	h, err := work.BatchCollect(t.Context(), in, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func count(from, n int) []int {
	items := make([]int, n)
	for i := range items {
		items[i] = from + i
	}
	return items
}

func TestBatchCollect_Due(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  work.BatchCollectConfig[int]
		sent [][]int
		want []int
	}{
		"count":          {work.BatchCollectConfig[int]{MaxItems: 3}, [][]int{count(0, 2), count(2, 2), nil, {}, count(4, 5)}, []int{3, 3, 3}},
		"parted":         {work.BatchCollectConfig[int]{MaxItems: 3}, [][]int{count(0, 8)}, []int{3, 3, 2}},
		"bytes":          {work.BatchCollectConfig[int]{MaxBytes: 10, Size: func(*int) int { return 4 }}, [][]int{count(0, 7)}, []int{3, 3, 1}},
		"a large item":   {work.BatchCollectConfig[int]{MaxBytes: 10, Size: func(*int) int { return 400 }}, [][]int{count(0, 2)}, []int{1, 1}},
		"nothing at all": {work.BatchCollectConfig[int]{}, [][]int{nil, {}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var w written
				in := make(chan []int)
				c.cfg.Write = w.write
				h := collect(t, in, c.cfg)
				total := 0
				for _, items := range c.sent {
					in <- items
					total += len(items)
					synctest.Wait() // so that a batch does not grow while another is written
				}
				close(in)
				<-h.Done()
				if err := h.Err(); err != nil || !slices.Equal(w.sizes(), c.want) || !slices.Equal(slices.Concat(w.batches...), count(0, total)) {
					t.Errorf("%v, %v, want %v", err, w.batches, c.want)
				}
			})
		})
	}
}

func TestBatchCollect_Age(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w written
		in := make(chan []int)
		h := collect(t, in, work.BatchCollectConfig[int]{MaxAge: 10 * time.Second, Write: w.write})
		time.Sleep(time.Minute) // an old collection is no old batch
		in <- count(0, 1)
		time.Sleep(9 * time.Second)
		in <- count(1, 1)
		synctest.Wait()
		if got := w.sizes(); got != nil {
			t.Errorf("written after 9 s: %v", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := w.sizes(); !slices.Equal(got, []int{2}) {
			t.Errorf("written after 10 s: %v", got)
		}
		if err := h.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// At most one batch is written and one gathers: then senders wait.
func TestBatchCollect_BackPressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var w written
		in := make(chan []int)
		h := collect(t, in, work.BatchCollectConfig[int]{MaxItems: 2, Write: func(ctx context.Context, batch work.BatchCollectBatch[int]) error {
			<-goOn
			return w.write(ctx, batch)
		}})
		sent := 0
		for range 10 {
			synctest.Wait()
			select {
			case in <- count(sent, 1):
				sent++
			default:
			}
		}
		if sent != 4 {
			t.Errorf("%d items were taken, want 4", sent)
		}
		close(goOn)
		if err := h.Stop(t.Context()); err != nil || !slices.Equal(w.sizes(), []int{2, 2}) {
			t.Errorf("%v, %v", err, w.sizes())
		}
	})
}

func TestBatchCollect_WriteFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("disk is gone")
		calls := 0
		in := make(chan []int, 8)
		for i := range 4 {
			in <- count(10*i, 2)
		}
		h := collect(t, in, work.BatchCollectConfig[int]{MaxItems: 2, Write: func(context.Context, work.BatchCollectBatch[int]) error {
			calls++
			synctest.Wait() // until the next batch is full
			return lost
		}})
		<-h.Closed()
		<-h.Done()
		if err := h.Stop(t.Context()); err != lost || calls != 1 {
			t.Errorf("%v, %d calls", err, calls)
		}
		var rest []int
		for _, batch := range h.Untried() {
			rest = append(rest, batch.Items()...)
		}
		for len(in) > 0 {
			rest = append(rest, <-in...)
		}
		if want := []int{10, 11, 20, 21, 30, 31}; !slices.Equal(rest, want) {
			t.Errorf("untried or in the channel: %v, want %v", rest, want)
		}
	})
}

// Stop's context ends Write's; what Write never saw is handed back.
func TestBatchCollect_StopGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := make(chan []int, 8)
		in <- count(0, 5)
		h := collect(t, in, work.BatchCollectConfig[int]{MaxItems: 2, Write: func(ctx context.Context, _ work.BatchCollectBatch[int]) error {
			<-ctx.Done()
			return nil // written all the same
		}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := h.Stop(ctx)
		var rest []int
		for _, batch := range h.Untried() {
			rest = append(rest, batch.Items()...)
		}
		if core.ErrorCode(err) != core.CodeTimeout || !slices.Equal(rest, []int{2, 3, 4}) {
			t.Errorf("%v, untried %v", err, rest)
		}
	})
}

// The end of ctx loses nothing, and Write's context outlives it, with values.
func TestBatchCollect_ContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		var w written
		in := make(chan []int, 8)
		h, err := work.BatchCollect(ctx, in, work.BatchCollectConfig[int]{Write: func(ctx context.Context, batch work.BatchCollectBatch[int]) error {
			if ctx.Err() != nil || ctx.Value(key{}) != "value" {
				t.Errorf("Write's context: %v, %v", ctx.Err(), ctx.Value(key{}))
			}
			return w.write(ctx, batch)
		}})
		if err != nil {
			t.Fatal(err)
		}
		in <- count(0, 3)
		in <- count(3, 3)
		cancel()
		<-h.Done()
		if err := h.Err(); err != nil || !slices.Equal(slices.Concat(w.batches...), count(0, 6)) {
			t.Errorf("%v, %v", err, w.batches)
		}
	})
}

// Many senders, random stops: each item is written once, in its sender's order,
// or is still the sender's.
func TestBatchCollect_NothingLost(t *testing.T) {
	t.Parallel()
	for range 50 {
		var w written
		in := make(chan []int, 2)
		h := collect(t, in, work.BatchCollectConfig[int]{MaxItems: 7, MaxAge: time.Microsecond, Write: w.write})
		const senders, most = 4, 1000
		var sending sync.WaitGroup
		sent := make([]int, senders)
		for s := range senders {
			sending.Go(func() {
				for sent[s] < most {
					n := 1 + rand.IntN(10)
					select {
					case in <- count(s*1_000_000+sent[s], n):
						sent[s] += n
					case <-h.Closed():
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		if err := h.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		sending.Wait()
		got := slices.Concat(w.batches...)
		for len(in) > 0 { // sent after Stop had looked
			got = append(got, <-in...)
		}
		next := make([]int, senders)
		for _, item := range got {
			s := item / 1_000_000
			if item%1_000_000 != next[s] {
				t.Fatalf("sender %d: %d came, want %d", s, item%1_000_000, next[s])
			}
			next[s]++
		}
		if !slices.Equal(next, sent) {
			t.Fatalf("written %v, sent %v", next, sent)
		}
	}
}

func TestBatchCollect_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return work.BatchCollect(ctx, make(chan []int), work.BatchCollectConfig[int]{Write: (&written{}).write})
	})
}

func TestBatchCollect_Invalid(t *testing.T) {
	t.Parallel()
	in := make(chan []int)
	write := (&written{}).write
	for _, c := range []struct {
		in  chan []int
		cfg work.BatchCollectConfig[int]
	}{
		{nil, work.BatchCollectConfig[int]{Write: write}}, {in, work.BatchCollectConfig[int]{}},
		{in, work.BatchCollectConfig[int]{Write: write, MaxItems: -1}}, {in, work.BatchCollectConfig[int]{Write: write, MaxBytes: -1}},
		{in, work.BatchCollectConfig[int]{Write: write, MaxAge: -1}},
	} {
		if _, err := work.BatchCollect(t.Context(), c.in, c.cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
}

func BenchmarkBatchCollect(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("slices=%d", size), func(b *testing.B) {
			in := make(chan []int, 16)
			h, err := work.BatchCollect(b.Context(), in, work.BatchCollectConfig[int]{Write: func(context.Context, work.BatchCollectBatch[int]) error { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			items := count(0, size)
			for b.Loop() {
				in <- items
			}
			if err := h.Stop(b.Context()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "items/s")
		})
	}
}
