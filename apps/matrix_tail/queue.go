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
func (p *post) await(ctx context.Context, transaction string) (id.EventID, error) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	var sender *matrixoutbox.MatrixOutboxHandle // both are set before ended is closed
	var failed error
	go func() {
		defer close(ended)
		if sender, failed = p.takeOver(ctx, waiting); failed != nil {
			cancel()
		}
	}()
	event, err := p.outbox.Wait(waiting, transaction)
	cancel()
	<-ended
	if sender != nil {
		p.outbox.Stop(context.WithoutCancel(ctx)) // at once: it sends nothing
		p.outbox, p.inUse = sender, nil
	}
	if err != nil && failed != nil {
		err = failed
	}
	return event, err
}

// takeOver sends what is in the queue, as soon as no other matrix_tail has the
// keys. It returns when waiting is done or the sending has ended. The sender
// goes on then, since others wait for who has the keys; the caller stops it.
func (p *post) takeOver(ctx, waiting context.Context) (*matrixoutbox.MatrixOutboxHandle, error) {
	err := p.useKeys(waiting, false)
	if errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		err = p.awaitKeys(waiting)
	}
	var sender *matrixoutbox.MatrixOutboxHandle
	if err == nil {
		sender, err = p.startSender(ctx)
	}
	if err != nil {
		if waiting.Err() != nil {
			return nil, nil
		}
		return nil, err
	}
	select {
	case <-waiting.Done():
	case <-sender.Done():
	}
	return sender, sender.Err()
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
		Hint: "end it first; while it runs, only rooms, join, leave, outbox, retry, drop and sending work, but no uploads to encrypted rooms; or log in with another --state folder", Err: err,
	}
}
