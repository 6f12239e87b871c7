package main

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

const sendHelp = textHelp + `
With --lines each line of stdin is a message, sent as it comes; empty lines are left
out:

  tail -F app.log | matrix_tail send '#ops:example.org' - --lines --plain

It prints the event's ID, and ends with 0, when the server has the message. Without a
network it waits; Ctrl-C leaves the message in the queue on disk, and the next send
sends it first.`

// textOptions are those of commands that send a text.
type textOptions struct {
	settings
	Plain  bool `yaml:"-" flag:"plain" doc:"TEXT is plain text (default: Markdown)"`
	Notice bool `yaml:"-" flag:"notice" doc:"send it as a notice, as bots do: other bots don't answer it"`
}

func (o *textOptions) message(text string) matrix.MatrixMessage {
	message := matrix.MatrixMessage{Text: text, Markdown: !o.Plain}
	if o.Notice {
		message.Kind = "notice"
	}
	return message
}

// sendOptions are send's own.
type sendOptions struct {
	textOptions
	Lines bool `yaml:"-" flag:"lines" doc:"with TEXT -: each line of stdin is a message"`
}

func send(ctx context.Context, c call, o *sendOptions) error {
	if o.Lines && !isStdin(c.Args[1:]) {
		return &core.Error{Code: core.CodeInvalid, Message: "--lines reads stdin", Hint: `give "-" as the text`}
	}
	return deliver(ctx, c, func(p *post) error {
		for text, err := range texts(ctx, c, c.Args[1:], o.Lines) {
			if err != nil {
				return err
			}
			if err := p.message(ctx, matrix.MatrixSendMessageConfig{Message: o.message(text)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// answer sends messages to an event's thread.
func answer(ctx context.Context, c call, o *textOptions) error {
	return deliver(ctx, c, func(p *post) error {
		evt, err := p.target(ctx, c.Args[1])
		if err != nil {
			return err
		}
		text, err := oneText(ctx, c, c.Args[2:])
		if err != nil {
			return err
		}
		return p.message(ctx, matrix.MatrixSendMessageConfig{
			Message:   o.message(text),
			RelatesTo: matrix.MatrixThreadRelation(evt, matrix.MatrixThreadRelationConfig{StartThread: true}),
		})
	})
}

func edit(ctx context.Context, c call, o *textOptions) error {
	return deliver(ctx, c, func(p *post) error {
		evt, err := p.target(ctx, c.Args[1])
		if err != nil {
			return err
		}
		if evt.Sender != p.client.UserID {
			return &core.Error{
				Code:    core.CodeForbidden,
				Message: fmt.Sprintf("the message is %s's, and only its sender can edit it", evt.Sender),
				Hint:    "answer it, or redact it if you may",
			}
		}
		target := evt.EventID
		if evt.Edits != "" {
			target = evt.Edits // an edit of an edit is shown by no client
		}
		text, err := oneText(ctx, c, c.Args[2:])
		if err != nil {
			return err
		}
		return p.send(ctx, func(transaction string) (matrix.MatrixSent, error) {
			return matrix.MatrixEditMessage(ctx, matrix.MatrixEditMessageConfig{
				Outbox: p.outbox, Room: p.room, Target: target, Message: o.message(text), TransactionID: transaction,
			})
		})
	})
}

// target requests an event that is answered or edited. Whose it is and what it
// relates to is never encrypted, so no key is needed.
func (p *post) target(ctx context.Context, eventID string) (matrix.MatrixSyncEvent, error) {
	return matrixsync.MatrixEventGet(ctx, matrixsync.MatrixEventGetConfig{
		Client: p.client, Room: p.room, EventID: id.EventID(eventID),
	})
}

// reactOptions are react's own.
type reactOptions struct {
	settings
	Remove bool `yaml:"-" flag:"remove" doc:"take your reaction back"`
}

func react(ctx context.Context, c call, o *reactOptions) error {
	return deliver(ctx, c, func(p *post) error {
		return p.send(ctx, func(transaction string) (matrix.MatrixSent, error) {
			sent, err := matrix.MatrixReact(ctx, matrix.MatrixReactConfig{
				Client: p.client, Outbox: p.outbox, Room: p.room, Target: id.EventID(c.Args[1]), Key: c.Args[2],
				Remove: o.Remove, TransactionID: transaction,
			})
			if err == nil && sent.TransactionID == "" {
				err = &core.Error{Code: core.CodeNotFound, Message: "you have no such reaction to this event"}
			}
			return sent, err
		})
	})
}

func redact(ctx context.Context, c call, _ *settings) error {
	return deliver(ctx, c, func(p *post) error {
		return p.send(ctx, func(transaction string) (matrix.MatrixSent, error) {
			return matrix.MatrixRedactMessage(ctx, matrix.MatrixRedactMessageConfig{
				Outbox: p.outbox, Room: p.room, Target: id.EventID(c.Args[1]), Reason: strings.Join(c.Args[2:], " "),
				TransactionID: transaction,
			})
		})
	})
}

// oneText is the text of a command that sends one message.
func oneText(ctx context.Context, c call, words []string) (string, error) {
	next, stop := iter.Pull2(texts(ctx, c, words, false))
	defer stop()
	text, err, _ := next()
	return text, err
}
