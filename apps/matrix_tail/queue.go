package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

// queuePoll is how often the queue is looked at: a send beside a follow is done
// within two of them and the server's time.
const queuePoll = 200 * time.Millisecond

// withQueue gives do the queue on disk, and has what is in it sent until do
// returns: by this process, or by another matrix_tail as long as that one has
// the keys. do's context ends when neither can.
func (s *session) withQueue(ctx context.Context, do func(context.Context, *matrixoutbox.MatrixOutboxHandle) error) error {
	queue, err := matrixoutbox.MatrixOutbox(
		ctx,
		matrixoutbox.MatrixOutboxConfig{Client: s.client, DB: s.db.Writer, EnqueueOnly: true, Poll: queuePoll},
	)
	if err != nil {
		return err
	}
	defer queue.Stop(context.WithoutCancel(ctx))
	doing, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var failed error // set before ended is closed
	go func() {
		defer close(ended)
		if failed = s.sendQueue(ctx, doing); failed != nil {
			cancel()
		}
	}()
	err = do(doing, queue)
	cancel()
	<-ended
	if err != nil && failed != nil {
		return failed
	}
	return err
}

// sendQueue sends what is in the queue until doing is done, as soon as no other
// matrix_tail has the keys.
func (s *session) sendQueue(ctx, doing context.Context) error {
	err := s.useKeys(doing, false)
	if errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		err = s.awaitKeys(doing)
	}
	if doing.Err() != nil {
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
	case <-doing.Done():
	case <-outbox.Done():
	}
	return outbox.Stop(context.WithoutCancel(ctx)) // 5 seconds at most
}

// startSender sends what this and other matrix_tails put into the queue. The
// caller has the keys, and stops it.
func (s *session) startSender(ctx context.Context) (*matrixoutbox.MatrixOutboxHandle, error) {
	return matrixoutbox.MatrixOutbox(
		ctx,
		matrixoutbox.MatrixOutboxConfig{Client: s.client, DB: s.db.Writer, Logger: s.Log, Poll: queuePoll},
	)
}

// awaitKeys waits until another matrix_tail has ended, or has had the time to
// send what is in the queue.
func (s *session) awaitKeys(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, s.Settings.Wait)
	defer cancel()
	err := s.useKeys(waiting, true)
	if err == nil || waiting.Err() == nil {
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
		Hint: "end it (beside it, only send, answer and rooms work), or log in with a --state folder of its own", Err: err,
	}
}
