package matrix_test

import (
	"context"
	"errors"
	"testing"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

var _ matrix.MatrixEnqueuer = (*matrixoutbox.MatrixOutboxHandle)(nil)

// memoryQueue is a queue implemented by a program.
type memoryQueue struct {
	items []matrix.MatrixOutboxItem
	err   error
}

func (q *memoryQueue) Enqueue(_ context.Context, items ...matrix.MatrixOutboxItem) ([]string, error) {
	q.items = append(q.items, items...)
	return []string{"1"}, q.err
}

// The units that send use whatever implements the queue.
func TestMatrixEnqueuer_OwnQueue(t *testing.T) {
	t.Parallel()
	queue := &memoryQueue{}
	sent, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Outbox: queue, Room: "!r:x", Message: matrix.MatrixMessage{Text: "hello"}})
	if err != nil || sent != (matrix.MatrixSent{EventID: "~1", TransactionID: "1", Queued: true}) {
		t.Fatalf("%+v %v", sent, err)
	}
	sent, err = matrix.MatrixReact(t.Context(), matrix.MatrixReactConfig{Outbox: queue, Room: "!r:x", Target: sent.EventID, Key: "+"})
	if err != nil || len(queue.items) != 2 || queue.items[0].Type != "m.room.message" || queue.items[1].Type != "m.reaction" {
		t.Errorf("%+v %v, queued %+v", sent, err, queue.items)
	}
	queue.err = errors.New("full")
	if _, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Outbox: queue, Room: "!r:x", Message: matrix.MatrixMessage{Text: "more"}}); !errors.Is(err, queue.err) {
		t.Errorf("got %v", err)
	}
}
