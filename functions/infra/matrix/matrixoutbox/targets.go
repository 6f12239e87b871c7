package matrixoutbox

import (
	"context"
	"encoding/json"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// resolve puts the event IDs of what was sent meanwhile in place of the
// stand-ins. An error with CodeNotFound says that there is none and will be
// none: the room's order has brought the target's turn before this one.
func (s *sender) resolve(ctx context.Context, row *item) (json.RawMessage, error) {
	pending := send.PendingTargets(row.content)
	if len(pending) == 0 {
		return row.content, nil
	}
	ids := map[string]id.EventID{}
	for _, txn := range pending {
		eventID, found, err := s.store.eventIDOf(ctx, row.room, txn)
		switch {
		case err != nil:
			return nil, err
		case !found:
			return nil, &core.Error{
				Code:    core.CodeNotFound,
				Message: "the outbox does not know (any more) the item that it refers to: " + txn,
			}
		case eventID == "":
			return nil, &core.Error{
				Code:    core.CodeNotFound,
				Message: "the item that it refers to was not sent: " + txn,
				Hint:    "Retry that one first, then this one",
			}
		}
		ids[txn] = eventID
	}
	return send.ReplaceTargets(row.content, ids)
}
