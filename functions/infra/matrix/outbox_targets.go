package matrix

import (
	"context"
	"encoding/json"
	"strings"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// targetPaths are where an event names another one. Elsewhere a text that begins with ~ is a text.
var targetPaths = [][]string{
	{"redacts"},
	{"m.relates_to", "event_id"},
	{"m.relates_to", "m.in_reply_to", "event_id"},
}

// pendingTargets returns the transaction IDs of the queued events that the content names.
func pendingTargets(content json.RawMessage) []string {
	if !strings.Contains(string(content), `"~`) {
		return nil
	}
	var object map[string]any
	if json.Unmarshal(content, &object) != nil {
		return nil
	}
	var pending []string
	for _, path := range targetPaths {
		at, last := walkTo(object, path)
		if text, _ := at[last].(string); strings.HasPrefix(text, "~") {
			pending = append(pending, text[1:])
		}
	}
	return pending
}

// walkTo returns the object that has the path's last key; it may be nil.
func walkTo(object map[string]any, path []string) (map[string]any, string) {
	for _, key := range path[:len(path)-1] {
		object, _ = object[key].(map[string]any)
	}
	return object, path[len(path)-1]
}

// resolve puts the event IDs of what was sent meanwhile in place of the stand-ins. An error with CodeNotFound says that
// there is none and will be none: the room's order has brought the target's turn before this one.
func (h *MatrixOutboxHandle) resolve(ctx context.Context, row *outboxRow) (json.RawMessage, error) {
	pending := pendingTargets(row.content)
	if len(pending) == 0 {
		return row.content, nil
	}
	ids := map[string]id.EventID{}
	for _, txn := range pending {
		eventID, found, err := h.store.eventIDOf(ctx, row.room, txn)
		switch {
		case err != nil:
			return nil, err
		case !found:
			return nil, &core.Error{Code: core.CodeNotFound, Message: "the outbox does not know (any more) the item that it refers to: " + txn}
		case eventID == "":
			return nil, &core.Error{Code: core.CodeNotFound, Message: "the item that it refers to was not sent: " + txn, Hint: "Retry that one first, then this one"}
		}
		ids[txn] = eventID
	}
	var object map[string]any
	if err := json.Unmarshal(row.content, &object); err != nil {
		return nil, &core.Error{Code: core.CodeNotFound, Message: "the stored content is damaged", Err: err}
	}
	for _, path := range targetPaths {
		at, last := walkTo(object, path)
		if text, _ := at[last].(string); strings.HasPrefix(text, "~") {
			at[last] = ids[text[1:]]
		}
	}
	return marshalContent(object)
}

func parseJSON(data []byte, into any) bool { return json.Unmarshal(data, into) == nil }
