package matrixoutbox_test

import (
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/tools/testenv/testkit/fault"
)

// A room that becomes encrypted while an item is queued for it gets nothing
// unencrypted.
func TestMatrixOutbox_EncryptedMeanwhile(t *testing.T) {
	t.Parallel()
	s := newOutboxSetup(t)
	s.client.StateStore = mautrix.NewMemoryStateStore()
	failure := s.proxy.Add(fault.Rule{Match: outboxSends, Fault: fault.Status{Code: 502}})
	outbox := startOutbox(t, s.client, outboxQuick)
	put := outboxPut(t, outbox, outboxText(s.room, "secret"))
	if err := failure.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.client.StateStore.SetEncryptionEvent(t.Context(), s.room, &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}); err != nil {
		t.Fatal(err)
	}
	s.proxy.Heal()
	_, err := outbox.Wait(t.Context(), put[0])
	aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err)
	if !ok || aside.Uncertain || !strings.Contains(err.Error(), "encrypted") {
		t.Errorf("waited for: %v", err)
	}
	_, err = outbox.Enqueue(t.Context(), outboxText(s.room, "secret, too"))
	if core.ErrorCode(err) != core.CodeUnsupported {
		t.Errorf("enqueue: %v", err)
	}
	if sent := outboxEvents(t, s.direct, s.room, "m.room.message"); len(sent) != 0 {
		t.Errorf("%d messages went out", len(sent))
	}
}
