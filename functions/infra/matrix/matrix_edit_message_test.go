package matrix_test

import (
	"strings"
	"testing"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixEditMessage_Content(t *testing.T) {
	t.Parallel()
	client := newClient(t, "edit")
	room := newRoom(t, client)
	first, err := client.SendText(t.Context(), room, "first")
	if err != nil {
		t.Fatal(err)
	}
	sent, err := matrix.MatrixEditMessage(t.Context(), matrix.MatrixEditMessageConfig{
		Client: client, Room: room, Target: first.EventID, Ping: []id.UserID{"@new:b"},
		Message: matrix.MatrixMessage{Text: "*two* @a:b", Markdown: true, Kind: "notice", Mentions: []id.UserID{"@a:b", "@new:b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	const formatted = `<em>two</em> <a href=\"https://matrix.to/#/@a:b\">@a:b</a>`
	want := `{"body":"* *two* @a:b","format":"org.matrix.custom.html","formatted_body":"* ` + formatted + `","m.mentions":{"user_ids":["@new:b"]},` +
		`"m.new_content":{"body":"*two* @a:b","format":"org.matrix.custom.html","formatted_body":"` + formatted + `","m.mentions":{"user_ids":["@a:b","@new:b"]},"msgtype":"m.notice"},` +
		`"m.relates_to":{"event_id":"` + string(first.EventID) + `","rel_type":"m.replace"},"msgtype":"m.notice"}`
	if got := contentOf(t, client, room, sent.EventID); got != want {
		t.Errorf("sent %s\nwant %s", got, want)
	}
}

// The new text may be almost as long as that of a new message: the fallback is
// shortened.
func TestMatrixEditMessage_LongText(t *testing.T) {
	t.Parallel()
	client := newClient(t, "long")
	room := newRoom(t, client)
	first, err := client.SendText(t.Context(), room, "first")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("ä", 30_000)
	cfg := matrix.MatrixEditMessageConfig{Client: client, Room: room, Target: first.EventID, Message: matrix.MatrixMessage{Text: text}}
	sent, err := matrix.MatrixEditMessage(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	evt := outboxEvent(t, client, room, sent.EventID)
	if err := evt.Content.ParseRaw(event.EventMessage); err != nil {
		t.Fatal(err)
	}
	content := evt.Content.AsMessage()
	if content.NewContent == nil || content.NewContent.Body != text || len(content.Body) > 300 || !strings.HasPrefix(content.Body, "* ää") || !strings.HasSuffix(content.Body, "ä…") {
		t.Errorf("fallback %q", content.Body)
	}
	cfg.Message.Text = strings.Repeat("x", 65_000)
	if _, err := matrix.MatrixEditMessage(t.Context(), cfg); core.ErrorCode(err) != core.CodeTooLarge {
		t.Error(err)
	}
	for _, target := range []id.EventID{"", "x", "#a:b", "$"} {
		cfg.Target = target
		if _, err := matrix.MatrixEditMessage(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%q: %v", target, err)
		}
	}
}
