package matrix

import (
	"fmt"
	"html"
	"strings"

	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// messageContent makes the content of m.room.message: the one place that does.
func messageContent(message MatrixMessage) (*event.MessageEventContent, error) {
	text := strings.ToValidUTF8(message.Text, "\uFFFD")
	if strings.TrimSpace(text) == "" {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "no text given"}
	}
	if len(text) > send.MaxEventBytes { // before any work on it
		return nil, send.TooLarge(len(text))
	}
	kinds := map[string]event.MessageType{
		"":       event.MsgText,
		"text":   event.MsgText,
		"notice": event.MsgNotice,
		"emote":  event.MsgEmote,
	}
	kind, ok := kinds[message.Kind]
	if !ok {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: fmt.Sprintf("bad kind %.40q", message.Kind),
			Hint:    "there are text, notice and emote",
		}
	}
	mentions, err := messageMentions(message)
	if err != nil {
		return nil, err
	}
	content := &event.MessageEventContent{MsgType: kind, Body: text, Mentions: mentions}
	formatted := ""
	if message.Markdown {
		formatted = markdownHTML(text, mentions.UserIDs)
	} else {
		formatted = pillsHTML(text, mentions.UserIDs)
	}
	if formatted != "" && formatted != html.EscapeString(text) {
		content.Format, content.FormattedBody = event.FormatHTML, formatted
	}
	return content, nil
}
