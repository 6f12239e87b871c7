package clickhouse

import (
	"context"
	"errors"
	"testing"
	"time"
)

// The context of a batch that was sent outlives the insert: the driver may
// still check it, and would close a connection of the pool.
func TestSendContext(t *testing.T) {
	t.Parallel()
	parent, stop := context.WithCancel(t.Context())
	sent, done := sendContext(parent, time.Hour)
	done(nil)
	failed, done := sendContext(parent, time.Hour)
	done(errors.New("refused"))
	running, done := sendContext(parent, time.Hour)
	defer done(nil)
	if failed.Err() == nil {
		t.Error("the context of a failed batch has not ended")
	}
	stop()
	<-running.Done()
	if err := sent.Err(); err != nil {
		t.Errorf("the context of a sent batch: %v", err)
	}
	short, done := sendContext(t.Context(), time.Nanosecond)
	defer done(nil)
	<-short.Done()
	if err := short.Err(); err != context.DeadlineExceeded {
		t.Errorf("after the timeout: %v", err)
	}
}
