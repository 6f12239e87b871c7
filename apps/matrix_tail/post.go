package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

// post sends to a room through the queue on disk, and waits for what it sends.
type post struct {
	*session
	room   id.RoomID
	outbox *matrixoutbox.MatrixOutboxHandle // to put items in
	sender *matrixoutbox.MatrixOutboxHandle // nil: another matrix_tail has the keys
}

// sentResult is printed as JSON.
type sentResult struct {
	RoomID        id.RoomID  `json:"room_id"`
	EventID       id.EventID `json:"event_id"`
	TransactionID string     `json:"transaction_id"`
}

// deliver opens what sending to the room of the first argument needs.
func deliver(ctx context.Context, c call, do func(p *post) error) error {
	s, err := connect(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	room, err := s.room(ctx)
	if err != nil {
		return err
	}
	p := &post{session: s, room: room}
	if err := p.start(ctx); err != nil {
		return err
	}
	defer p.stop(context.WithoutCancel(ctx))
	return do(p)
}

// start opens the queue and, unless another matrix_tail has the keys, sends
// what is in it, also what former calls left.
func (p *post) start(ctx context.Context) (err error) {
	if p.outbox, err = p.enqueuer(ctx); err != nil {
		return err
	}
	err = p.useKeys(ctx, false)
	if errors.Is(err, matrixcrypto.ErrMatrixKeysInUse) {
		return nil
	}
	if err == nil {
		p.sender, err = p.startSender(ctx)
	}
	if err != nil {
		p.stop(context.WithoutCancel(ctx))
	}
	return err
}

func (p *post) stop(ctx context.Context) {
	if p.sender != nil {
		p.sender.Stop(ctx) // 5 seconds at most
	}
	p.outbox.Stop(ctx)
}

// message sends a message to the room.
func (p *post) message(ctx context.Context, cfg matrix.MatrixSendMessageConfig) error {
	return p.send(ctx, func(transaction string) (matrix.MatrixSent, error) {
		cfg.Outbox, cfg.Room, cfg.TransactionID = p.outbox, p.room, transaction
		return matrix.MatrixSendMessage(ctx, cfg)
	})
}

// send puts an event into the queue and waits until it is sent.
func (p *post) send(ctx context.Context, put func(transaction string) (matrix.MatrixSent, error)) error {
	transaction := p.own.add("tail-" + rand.Text())
	sent, err := put(transaction)
	if err != nil {
		return err
	}
	return p.wait(ctx, cmp.Or(sent.TransactionID, transaction))
}

// sent waits until an item is sent, by this process or another.
func (p *post) sent(ctx context.Context, transaction string) (id.EventID, error) {
	if p.sender == nil {
		return p.await(ctx, p.outbox, transaction)
	}
	return p.sender.Wait(ctx, transaction)
}

// wait waits until an item is sent, and prints its event's ID.
func (p *post) wait(ctx context.Context, transaction string) error {
	event, err := p.sent(ctx, transaction)
	if aside, ok := errors.AsType[*matrixoutbox.MatrixOutboxAside](err); ok {
		return &core.Error{
			Code: core.ErrorCode(err), Err: aside,
			Hint: "matrix_tail outbox lists parked messages; retry or drop this one: " + transaction,
		}
	}
	if err != nil && ctx.Err() != nil {
		return &core.Error{
			Code: core.ErrorCode(err), Message: "the message stays in the queue on disk",
			Hint: "the next send sends it first; matrix_tail outbox lists it", Err: context.Cause(ctx),
		}
	}
	if err != nil {
		return err
	}
	return show(p.call, string(event), sentResult{p.room, event, transaction})
}

// ownItems are the items whose end is the command's own error: the log leaves
// that out, and has what goes wrong in between and with others' items.
type ownItems struct {
	mu  sync.Mutex
	own map[string]bool
}

func (o *ownItems) add(transaction string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.own == nil {
		o.own = map[string]bool{}
	}
	o.own[transaction] = true
	return transaction
}

// report logs errors until the channel is closed.
func (o *ownItems) report(c call, errs <-chan error) {
	for err := range errs {
		aside, parked := errors.AsType[*matrixoutbox.MatrixOutboxAside](err)
		if parked && o.has(aside.TransactionID) {
			continue
		}
		c.Log.Warn("outbox", "error", err)
	}
}

func (o *ownItems) has(transaction string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.own[transaction]
}
