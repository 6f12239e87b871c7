package matrixoutbox_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/tools/testenv/testkit/fault"
)

// Each outbox belongs to another account, on one database: an outbox without
// work sends no requests.
func TestMatrixOutbox_Conformance(t *testing.T) {
	t.Parallel()
	db := newDB(t).Writer
	var accounts atomic.Int64
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		client, err := mautrix.NewClient("http://recorded.invalid", id.UserID(fmt.Sprintf("@%d:example.org", accounts.Add(1))), "token")
		if err != nil {
			return nil, err
		}
		return matrixoutbox.MatrixOutbox(ctx, matrixoutbox.MatrixOutboxConfig{Client: client, DB: db})
	})
}

// A Stop that can't wait leaves the outbox stopping: pending requests have five
// seconds, and are then cancelled.
func TestMatrixOutbox_StopGoesOn(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	hang := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Hang{}})
	cfg := outboxQuick
	cfg.RequestTimeout = time.Hour
	outbox := startOutbox(t, s.client, cfg)
	outboxPut(t, outbox, outboxText(s.room, "hangs"))
	if err := hang.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := outbox.Stop(ctx); core.ErrorCode(err) != core.CodeTimeout || outbox.Err() != nil {
		t.Errorf("Stop: %v, Err: %v", err, outbox.Err())
	}
	stop(t, outbox)
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("what was under way was broken off after %v", took)
	}
	if outbox.Err() != nil {
		t.Error(outbox.Err())
	}
	if entry, err := outbox.Entry(t.Context(), outboxPut(t, outbox, outboxText(s.room, "later"))[0]); err != nil || entry.State != "queued" {
		t.Errorf("after the end: %+v %v", entry, err)
	}
}
