package data

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
)

// Large values come in the order of who asks, no more at once than fit, and
// one that is larger than all of it comes alone.
func TestLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLarge()
		leave, err := l.take(t.Context(), largeBytes*largeUnits/2)
		if err != nil {
			t.Fatal(err)
		}
		order := make(chan string, 2)
		go func() {
			leave, err := l.take(t.Context(), 1<<40)
			if err != nil {
				t.Error(err)
				return
			}
			order <- "all"
			time.Sleep(time.Second)
			leave()
		}()
		synctest.Wait()
		go func() {
			leave, err := l.take(t.Context(), 1)
			if err != nil {
				t.Error(err)
				return
			}
			order <- "small"
			leave()
		}()
		synctest.Wait()
		if len(order) != 0 {
			t.Fatalf("%s did not wait", <-order)
		}
		leave()
		if first, second := <-order, <-order; first != "all" || second != "small" {
			t.Errorf("%s came before %s", first, second)
		}
		synctest.Wait()
		leave, _ = l.take(t.Context(), 1<<40)
		if _, err := l.take(t.Context(), 1); core.ErrorCode(err) != core.CodeUnavailable || core.ErrorRetryAfter(err) == 0 {
			t.Errorf("no end of waiting: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.take(ctx, 1); err == nil {
			t.Error("it took none, and yet it has them")
		}
		leave()
		if len(l.units) != 0 || len(l.turn) != 0 {
			t.Errorf("%d units are lost, %d turns", len(l.units), len(l.turn))
		}
	})
}
