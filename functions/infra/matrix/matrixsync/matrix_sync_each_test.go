package matrixsync_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// An event that handle failed on is delivered again, handled ones are not.
func TestMatrixSyncEach_AcknowledgesWhatWasHandled(t *testing.T) {
	t.Parallel()
	me, other := newClient(t, "me"), newClient(t, "other")
	room, db := newRoom(t, other, me), newDB(t)
	for _, text := range []string{"one", "two", "three"} {
		if _, err := other.SendText(t.Context(), room, text); err != nil {
			t.Fatal(err)
		}
	}
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db.Writer})
	if err != nil {
		t.Fatal(err)
	}
	// until handles messages to one with this text, which it refuses.
	until := func(text string) (handled []string) {
		refused := errors.New("refused")
		err := matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: me, Store: store}, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
			switch evt.Body {
			case text:
				return refused
			case "":
			default:
				handled = append(handled, evt.Body)
			}
			return nil
		})
		if !errors.Is(err, refused) {
			t.Fatalf("got %v", err)
		}
		return handled
	}
	if got := until("two"); !slices.Equal(got, []string{"one"}) {
		t.Errorf("at first %q", got)
	}
	if got := until("three"); !slices.Equal(got, []string{"two"}) {
		t.Errorf("then %q", got)
	}
}

func TestMatrixSyncEach_EndsWithContext(t *testing.T) {
	t.Parallel()
	me := newClient(t, "me")
	newRoom(t, me)
	ctx, cancel := context.WithCancel(t.Context())
	err := matrixsync.MatrixSyncEach(ctx, matrixsync.MatrixSyncServiceConfig{Client: me}, func(context.Context, matrix.MatrixSyncEvent) error {
		cancel()
		return nil
	})
	if err != nil || matrixsync.MatrixSyncRunning(me) {
		t.Errorf("got %v, running %t", err, matrixsync.MatrixSyncRunning(me))
	}
}

func TestMatrixSyncEach_BadConfig(t *testing.T) {
	t.Parallel()
	handle := func(context.Context, matrix.MatrixSyncEvent) error { return nil }
	for _, err := range []error{
		matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{}, handle),
		matrixsync.MatrixSyncEach(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: newClient(t, "me")}, nil),
	} {
		if core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("got %v", err)
		}
	}
}
