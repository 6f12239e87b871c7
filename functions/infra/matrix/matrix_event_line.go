package matrix

import (
	"cmp"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/wire"
)

// MatrixEventLineConfig says what [MatrixEventLine] adds to an event.
type MatrixEventLineConfig struct {
	In   *time.Location // the time zone of the time; default UTC
	Name string         // what the sender is called, shown next to the user ID; default: the ID alone
	Room string         // what the room is called, in brackets in front of the sender; default: left out
}

// So much of a name, and of what the room is called, is shown.
const (
	nameRunes = 40
	roomRunes = 120
)

// MatrixEventLine says on one line what an event is, for a terminal or a log:
// when, who, what, and the event's ID, by which it is answered. Nothing in it
// can steer a terminal. It is empty for an event that a reader of the room does
// not see: state other than membership, name and topic, and what has no text.
//
// The user ID comes first and the name behind it, because anybody can choose
// any name: so no name looks like another user's line.
//
// More in matrix_event_line.md:
//   - Who wrote it is the user ID; the name next to it is what that user chose.
//   - A very long body makes a very long line.
func MatrixEventLine(evt MatrixSyncEvent, cfg MatrixEventLineConfig) string {
	what := eventWhat(evt)
	if what == "" {
		return ""
	}
	if cfg.In == nil {
		cfg.In = time.UTC
	}
	columns := []string{evt.Timestamp.In(cfg.In).Format("2006-01-02 15:04:05")}
	if room := shortName(cfg.Room, roomRunes); room != "" {
		columns = append(columns, "["+room+"]")
	}
	who := core.TerminalText(string(evt.Sender))
	if name := shortName(cfg.Name, nameRunes); name != "" && name != who {
		who += " (" + name + ")"
	}
	columns = append(columns, who, core.TerminalText(what))
	if evt.EventID != "" {
		columns = append(columns, core.TerminalText(string(evt.EventID)))
	}
	return strings.Join(columns, "  ")
}

// shortName is a name that fits into a column: without two spaces in a row,
// which are between columns.
func shortName(name string, most int) string {
	runes := []rune(strings.Join(strings.Fields(core.TerminalText(name)), " "))
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
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
