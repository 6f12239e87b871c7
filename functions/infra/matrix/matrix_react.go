package matrix

import (
	"context"
	"encoding/json"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixReactConfig is a reaction to an event, or its end.
type MatrixReactConfig struct {
	Client        *mautrix.Client // required, but for a reaction that goes through an Outbox and is not removed
	Outbox        MatrixEnqueuer  // puts it into the queue; default: sent at once
	Room          id.RoomID       // required
	Target        id.EventID      // the event; through an Outbox also a stand-in; required
	Key           string          // an emoji as a rule; required
	Remove        bool            // take it back; default: react
	TransactionID string          // default: a new one
}

// MatrixReact reacts to an event, or takes one's own reaction with that key
// back: it looks for it on the server and redacts it, and each of them where
// there are several. Then the result is that of the last, and empty, without an
// error, where there was none.
//
// A reaction that is there already is no error either: the result has no
// EventID then. (Synapse refuses it, Dendrite lets it be doubled.) Errors:
// CodeInvalid for a bad Target or Key, and what MatrixError gives for the
// server's response.
//
// More in matrix_react.md:
//   - Synapse refuses a second equal reaction, and here that is no error;
//     Dendrite lets it be doubled.
//   - Remove asks the server for the reactions, at once also with an Outbox.
func MatrixReact(ctx context.Context, cfg MatrixReactConfig) (MatrixSent, error) {
	op := "matrix_react room=" + ident.Clip(string(cfg.Room), 80)
	if err := checkTarget(cfg.Target); err != nil {
		return MatrixSent{}, send.WithOp(op, err)
	}
	if cfg.Key == "" {
		return MatrixSent{}, &core.Error{Code: core.CodeInvalid, Op: op, Message: "no key given"}
	}
	if cfg.Remove {
		return removeReaction(ctx, cfg, op)
	}
	content := &event.ReactionEventContent{RelatesTo: *(&event.RelatesTo{}).SetAnnotation(cfg.Target, cfg.Key)}
	sent, err := sendEvent(ctx, op, MatrixSendEventConfig{
		Client: cfg.Client, Outbox: cfg.Outbox, Room: cfg.Room,
		Type: event.EventReaction.Type, Content: content, TransactionID: cfg.TransactionID,
	})
	if send.IsDuplicateReaction(err) {
		return sent, nil
	}
	return sent, err
}

func removeReaction(ctx context.Context, cfg MatrixReactConfig, op string) (MatrixSent, error) {
	if cfg.Client == nil {
		return MatrixSent{}, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "no client given",
			Hint:    "to take a reaction back it must be looked for",
		}
	}
	if cfg.Target[0] == '~' {
		return MatrixSent{}, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "the server knows nothing of an event in the queue",
			Hint:    "redact the reaction by its own stand-in, with matrix_redact_message",
		}
	}
	found, err := ownReactions(ctx, cfg)
	if err != nil {
		return MatrixSent{}, MatrixError(op, err)
	}
	var sent MatrixSent
	for i, reaction := range found {
		transaction := cfg.TransactionID
		if i > 0 {
			transaction = ""
		}
		sent, err = MatrixRedactMessage(ctx, MatrixRedactMessageConfig{Client: cfg.Client, Outbox: cfg.Outbox, Room: cfg.Room, Target: reaction, TransactionID: transaction})
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// maxRelationPages bounds the look for a reaction: 50 pages of 100.
const maxRelationPages = 50

func ownReactions(ctx context.Context, cfg MatrixReactConfig) ([]id.EventID, error) {
	request := &mautrix.ReqGetRelations{RelationType: event.RelAnnotation, EventType: event.EventReaction, Limit: 100}
	var found []id.EventID
	for range maxRelationPages {
		page, err := cfg.Client.GetRelations(ctx, cfg.Room, cfg.Target, request)
		if err != nil {
			return nil, err
		}
		for _, reaction := range page.Chunk {
			if reaction.Sender != cfg.Client.UserID || reaction.Unsigned.RedactedBecause != nil {
				continue
			}
			var content event.ReactionEventContent
			if json.Unmarshal(reaction.Content.VeryRaw, &content) == nil && content.RelatesTo.Key == cfg.Key {
				found = append(found, reaction.ID)
			}
		}
		if page.NextBatch == "" || page.NextBatch == request.From {
			break
		}
		request.From = page.NextBatch
	}
	return found, nil
}
