package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

// queuePoll is how often the queue is looked at: a send beside a follow is done
// within two of them and the server's time.
const queuePoll = 200 * time.Millisecond

// enqueuer opens the queue on disk, to put something in. The caller stops it.
func (s *session) enqueuer(ctx context.Context) (*matrixoutbox.MatrixOutboxHandle, error) {
	return matrixoutbox.MatrixOutbox(
		ctx,
		matrixoutbox.MatrixOutboxConfig{Client: s.client, DB: s.db.Writer, EnqueueOnly: true, Poll: queuePoll},
	)
}

// await waits until an item of the queue is sent: by another matrix_tail as
// long as that one has the keys, or then by this one.
func (s *session) await(ctx context.Context, queue *matrixoutbox.MatrixOutboxHandle, transaction string) (id.EventID, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var failed error // set before ended is closed
	go func() {
		defer close(ended)
		if failed = s.sendQueue(ctx, waiting); failed != nil {
			cancel()
		}
	}()
	event, err := queue.Wait(waiting, transaction)
	cancel()
	<-ended
	if err != nil && failed != nil {
		err = failed
	}
	return event, err
}

// sendQueue sends what is in the queue until waiting is done, as soon as no
// other matrix_tail has the keys.
func (s *session) sendQueue(ctx, waiting context.Context) error {
	err := s.useKeys(waiting, false)
	if errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		err = s.awaitKeys(waiting)
	}
	if waiting.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	outbox, err := s.startSender(ctx)
	if err != nil {
		return err
	}
	select {
	case <-waiting.Done():
	case <-outbox.Done():
	}
	return outbox.Stop(context.WithoutCancel(ctx)) // 5 seconds at most
}

// startSender sends what this and other matrix_tails put into the queue. The
// caller has the keys, and stops it.
func (s *session) startSender(ctx context.Context) (*matrixoutbox.MatrixOutboxHandle, error) {
	outbox, err := matrixoutbox.MatrixOutbox(
		ctx,
		matrixoutbox.MatrixOutboxConfig{Client: s.client, DB: s.db.Writer, Poll: queuePoll},
	)
	if err != nil {
		return nil, err
	}
	go s.own.report(s.call, outbox.Errors)
	return outbox, nil
}

// awaitKeys waits until another matrix_tail has ended, or has had the time to
// send what is in the queue.
func (s *session) awaitKeys(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, s.Settings.Wait)
	defer cancel()
	err := s.useKeys(bounded, true)
	if err == nil || bounded.Err() == nil {
		return err
	}
	return &core.Error{
		Code: core.CodeTimeout, Message: fmt.Sprintf("it was not sent within %v, and stays in the queue", s.Settings.Wait),
		Hint: "the other process sends it, or the next send does: don't send it again; --wait waits longer", Err: err,
	}
}

// inUse adds to an error of a command that needs the keys what to do where
// another matrix_tail has them.
func inUse(err error) error {
	held, ok := errors.AsType[*filelock.FileLockedError](err)
	if !ok || !errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		return err
	}
	return &core.Error{
		Code: core.CodeConflict, Message: fmt.Sprintf("matrix_tail runs already, as process %d", held.PID),
		Hint: "end it (beside it, only sending, rooms, join, leave, outbox, retry and drop work), or log in with a --state folder of its own", Err: err,
	}
}
