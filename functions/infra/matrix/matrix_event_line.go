package matrix

import (
	"cmp"
	"fmt"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixEventLine says on one line what an event is, for a terminal or a log:
// when, who, what, and the event's ID, by which it is answered. Nothing in it
// can steer a terminal. It is empty for an event that a reader of the room does
// not see: state other than membership, name and topic, and what has no text.
// in is the time zone; nil: UTC.
//
// More in matrix_event_line.md:
//   - Names are user IDs, not display names, which anybody can choose.
//   - A very long body makes a very long line.
func MatrixEventLine(evt MatrixSyncEvent, in *time.Location) string {
	what := eventWhat(evt)
	if what == "" {
		return ""
	}
	if in == nil {
		in = time.UTC
	}
	line := fmt.Sprintf("%s  %s  %s", evt.Timestamp.In(in).Format("2006-01-02 15:04:05"), core.TerminalText(string(evt.Sender)), core.TerminalText(what))
	if evt.EventID != "" {
		line += "  " + core.TerminalText(string(evt.EventID))
	}
	return line
}

func eventWhat(evt MatrixSyncEvent) string {
	switch {
	case evt.Kind == MatrixKindGap:
		return "(the server left messages out here)"
	case evt.Kind == MatrixKindEncrypted:
		return "(encrypted: " + cmp.Or(evt.Reason, "the key is not there yet") + ")"
	case evt.Redacts != "":
		return "takes back " + string(evt.Redacts)
	case evt.Type == event.EventReaction.Type:
		return evt.Key + " to " + string(evt.RelatesTo)
	case evt.StateKey != nil:
		return stateWhat(evt)
	case evt.Type == event.EventSticker.Type:
		return "sticker: " + wire.String(wire.Field(gjson.GetBytes(evt.Raw, "content"), "body"))
	case evt.Body == "":
		return ""
	case evt.Edits != "":
		return "edits " + string(evt.Edits) + ": " + evt.Body
	}
	text := evt.Body
	switch evt.MsgType {
	case event.MsgEmote:
		text = "* " + text
	case event.MsgImage, event.MsgAudio, event.MsgVideo, event.MsgFile:
		text = string(evt.MsgType)[len("m."):] + ": " + text
	}
	switch {
	case evt.ThreadRoot != "":
		return "in thread " + string(evt.ThreadRoot) + ": " + text
	case evt.ReplyTo != "":
		return "to " + string(evt.ReplyTo) + ": " + text
	}
	return text
}

// stateWhat tells the changes of a room's state that concern its readers.
func stateWhat(evt MatrixSyncEvent) string {
	content := gjson.GetBytes(evt.Raw, "content")
	text := func(field string) string { return wire.String(wire.Field(content, field)) }
	switch evt.Type {
	case event.StateMember.Type:
		return text("membership") + " " + *evt.StateKey
	case event.StateRoomName.Type:
		return "names the room " + text("name")
	case event.StateTopic.Type:
		return "sets the topic " + text("topic")
	case event.StateEncryption.Type:
		return "turns encryption on"
	}
	return ""
}
