package matrixmedia

import (
	"testing"
	"testing/synctest"
	"time"

	"fnregistry.dev/functions/core"
)

func TestMediaTransfer_Stall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, watch := newMediaWatch(t.Context(), 0)
		defer watch.stop()
		for range 10 { // slow, and not stalled
			time.Sleep(mediaStall - time.Second)
			watch.moved()
		}
		if ctx.Err() != nil {
			t.Fatal("a slow transfer was broken off")
		}
		start := time.Now()
		<-ctx.Done()
		if waited := time.Since(start); waited != mediaStall {
			t.Errorf("broken off after %v, want %v", waited, mediaStall)
		}
		if err := mediaError(ctx, "op", ctx.Err()); core.ErrorCode(err) != core.CodeTimeout {
			t.Errorf("%s: %v", core.ErrorCode(err), err)
		}
	})
}
