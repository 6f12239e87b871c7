package send

import (
	"encoding/json"
	"strings"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// targetPaths are where an event names another one. Elsewhere a text that
// begins with ~ is a text.
var targetPaths = [][]string{
	{"redacts"},
	{"m.relates_to", "event_id"},
	{"m.relates_to", "m.in_reply_to", "event_id"},
}

// PendingTargets returns the transaction IDs of the queued events that a
// content names.
func PendingTargets(content json.RawMessage) []string {
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

// ReplaceTargets puts event IDs in the place of stand-ins, by transaction ID.
func ReplaceTargets(content json.RawMessage, ids map[string]id.EventID) (json.RawMessage, error) {
	var object map[string]any
	if err := json.Unmarshal(content, &object); err != nil {
		return nil, &core.Error{Code: core.CodeNotFound, Message: "the stored content is damaged", Err: err}
	}
	for _, path := range targetPaths {
		at, last := walkTo(object, path)
		if text, _ := at[last].(string); strings.HasPrefix(text, "~") {
			at[last] = ids[text[1:]]
		}
	}
	return JSON(object)
}
