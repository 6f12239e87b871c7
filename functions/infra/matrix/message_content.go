package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// messageContent makes the content of m.room.message: the one place that does.
func messageContent(message MatrixMessage) (*event.MessageEventContent, error) {
	text := strings.ToValidUTF8(message.Text, "\uFFFD")
	if strings.TrimSpace(text) == "" {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "no text given"}
	}
	if len(text) > maxEventBytes { // before any work on it
		return nil, tooLarge(len(text))
	}
	kinds := map[string]event.MessageType{"": event.MsgText, "text": event.MsgText, "notice": event.MsgNotice, "emote": event.MsgEmote}
	kind, ok := kinds[message.Kind]
	if !ok {
		return nil, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("bad kind %.40q", message.Kind), Hint: "there are text, notice and emote"}
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

// maxEventBytes is what an event may have as a whole, in canonical JSON (spec, "Size limits").
const maxEventBytes = 65_536

// eventEnvelope is what a server adds to the content at most: hash, signature, up to 10 previous and 10 authorising
// events, times, and names of keys. Measured with one previous event: 550 bytes beside the IDs.
const eventEnvelope = 1_500

// marshalContent is the content as it is sent and counted: JSON without the escapes that canonical JSON has not.
func marshalContent(content any) (json.RawMessage, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(content); err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "the content is no JSON", Err: err}
	}
	data := bytes.TrimSpace(out.Bytes())
	if len(data) == 0 || data[0] != '{' {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "the content is no JSON object"}
	}
	return data, nil
}

// checkEventSize refuses what a server would refuse for its size.
func checkEventSize(ctx context.Context, client *mautrix.Client, room id.RoomID, eventType string, content json.RawMessage) error {
	size := len(content)
	if client.Crypto != nil {
		encrypted, err := client.StateStore.IsEncrypted(ctx, room)
		// Where the server can't be asked it may be: a queue takes the event all the same.
		if encrypted || err != nil { // the plain event in base64, with the session's and the sender's keys beside it
			size = (size+len(room)+len(eventType)+40)*4/3 + 400
		}
	}
	envelope := eventEnvelope + len(room) + len(eventType) + 2*len(client.UserID)
	if size+envelope <= maxEventBytes {
		return nil
	}
	return tooLarge(size + envelope)
}

func tooLarge(size int) error {
	return &core.Error{
		Code:    core.CodeTooLarge,
		Message: fmt.Sprintf("the event would have about %d bytes, and %d are allowed", size, maxEventBytes),
		Hint:    "split the text, or send it as a file",
	}
}
