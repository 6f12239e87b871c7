package matrix_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// contentOf returns an event's content as stored by the server, with the keys
// sorted.
func contentOf(t testing.TB, client *mautrix.Client, room id.RoomID, eventID id.EventID) string {
	t.Helper()
	data, err := json.Marshal(outboxEvent(t, client, room, eventID).Content.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return unescape(string(data))
}

func unescape(s string) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(s)
}

func TestMatrixSendMessage_Content(t *testing.T) {
	t.Parallel()
	client := newClient(t, "send")
	room := newRoom(t, client)
	for _, c := range []struct {
		name    string
		message matrix.MatrixMessage
		want    string
	}{
		{"text", matrix.MatrixMessage{Text: "a *b* <c>"}, `{"body":"a *b* <c>","m.mentions":{},"msgtype":"m.text"}`},
		{"notice", matrix.MatrixMessage{Text: "a", Kind: "notice"}, `{"body":"a","m.mentions":{},"msgtype":"m.notice"}`},
		{"emote", matrix.MatrixMessage{Text: "a", Kind: "emote"}, `{"body":"a","m.mentions":{},"msgtype":"m.emote"}`},
		{"markdown", matrix.MatrixMessage{Text: "a *b*", Markdown: true}, `{"body":"a *b*","format":"org.matrix.custom.html","formatted_body":"a <em>b</em>","m.mentions":{},"msgtype":"m.text"}`},
		{"markdown without markup", matrix.MatrixMessage{Text: "a & b", Markdown: true}, `{"body":"a & b","m.mentions":{},"msgtype":"m.text"}`},
		{"room", matrix.MatrixMessage{Text: "all", Room: true}, `{"body":"all","m.mentions":{"room":true},"msgtype":"m.text"}`},
		{"mention without a pill", matrix.MatrixMessage{Text: "hi", Mentions: []id.UserID{"@a:b", "@a:b"}}, `{"body":"hi","m.mentions":{"user_ids":["@a:b"]},"msgtype":"m.text"}`},
		{"mention with a pill", matrix.MatrixMessage{Text: "<hi>\n@a:b!", Mentions: []id.UserID{"@a:b"}},
			`{"body":"<hi>\n@a:b!","format":"org.matrix.custom.html","formatted_body":"&lt;hi&gt;<br><a href=\"https://matrix.to/#/@a:b\">@a:b</a>!","m.mentions":{"user_ids":["@a:b"]},"msgtype":"m.text"}`},
		{"no UTF-8", matrix.MatrixMessage{Text: "a\xffb"}, "{\"body\":\"a\uFFFDb\",\"m.mentions\":{},\"msgtype\":\"m.text\"}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sent, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: c.message})
			if err != nil || sent.Queued || sent.TransactionID == "" {
				t.Fatalf("%+v %v", sent, err)
			}
			if got := contentOf(t, client, room, sent.EventID); got != c.want {
				t.Errorf("sent %s\nwant %s", got, c.want)
			}
		})
	}
}

// A reply in a thread is found there by the server, and notifies nobody.
func TestMatrixSendMessage_Thread(t *testing.T) {
	t.Parallel()
	client := newClient(t, "thread")
	room := newRoom(t, client)
	root, err := client.SendText(t.Context(), room, "root")
	if err != nil {
		t.Fatal(err)
	}
	evt := matrix.MatrixSyncEvent{Type: "m.room.message", RoomID: room, EventID: root.EventID, Sender: client.UserID}
	sent, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{
		Client: client, Room: room, Message: matrix.MatrixMessage{Text: "answer"},
		RelatesTo: matrix.MatrixThreadRelation(evt, matrix.MatrixThreadRelationConfig{StartThread: true}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, client, room, sent.EventID); !strings.Contains(got, `"m.mentions":{}`) {
		t.Errorf("pings: %s", got)
	}
	until(t, "answer in the thread", func() bool {
		related, err := client.GetRelations(t.Context(), room, root.EventID, &mautrix.ReqGetRelations{RelationType: event.RelThread})
		return err == nil && len(related.Chunk) == 1 && related.Chunk[0].ID == sent.EventID
	})
}

// newProxiedClient returns a client of a new user, and the proxy between it and
// the homeserver.
func newProxiedClient(t *testing.T) (*mautrix.Client, *fault.HTTPProxy) {
	t.Helper()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	return clientFor(t, proxy.URL(), server.NewUser(t, "send")), proxy
}

func TestMatrixSendMessage_SameTransactionOnce(t *testing.T) {
	t.Parallel()
	client, proxy := newProxiedClient(t)
	room := newRoom(t, client)
	proxy.Add(fault.Rule{Match: "PUT /_matrix/client/v3/rooms/{room}/send/", Max: 1, Fault: fault.Reset{AfterServer: true}})
	cfg := matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: "once"}}
	lost, err := matrix.MatrixSendMessage(t.Context(), cfg)
	if core.ErrorCode(err) != core.CodeUnavailable || lost.TransactionID == "" {
		t.Fatalf("%+v %v", lost, err)
	}
	cfg.TransactionID = lost.TransactionID
	sent, err := matrix.MatrixSendMessage(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	again, err := matrix.MatrixSendMessage(t.Context(), cfg)
	if err != nil || again.EventID != sent.EventID {
		t.Errorf("%+v %+v %v", sent, again, err)
	}
	if got := outboxBodies(t, client, room, 1); len(got) != 1 {
		t.Errorf("sent %v", got)
	}
}

// What fits is sent; what does not is refused before anything is sent.
func TestMatrixSendMessage_Size(t *testing.T) {
	t.Parallel()
	client, proxy := newProxiedClient(t)
	room := newRoom(t, client)
	send := func(text string) error {
		_, err := matrix.MatrixSendMessage(t.Context(), matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: text}})
		return err
	}
	if err := send(strings.Repeat("x", 63_000)); err != nil {
		t.Error(err)
	}
	if err := send(strings.Repeat("<", 63_000)); err != nil { // counted as it is in canonical JSON
		t.Error(err)
	}
	requests := proxy.Counts().Requests
	for _, text := range []string{strings.Repeat("x", 65_000), strings.Repeat("\"", 33_000), strings.Repeat("x", 10_000_000)} {
		if err := send(text); core.ErrorCode(err) != core.CodeTooLarge {
			t.Error(err)
		}
	}
	if proxy.Counts().Requests != requests {
		t.Error("the server was asked")
	}
}

func TestMatrixSendMessage_Refused(t *testing.T) {
	t.Parallel()
	client := newClient(t, "refused")
	room := newRoom(t, client)
	good := matrix.MatrixMessage{Text: "x"}
	blind := newClient(t, "blind")
	blind.Crypto = struct{ mautrix.CryptoHelper }{}
	for name, c := range map[string]struct {
		cfg  matrix.MatrixSendMessageConfig
		code core.Code
	}{
		"no client":    {matrix.MatrixSendMessageConfig{Room: room, Message: good}, core.CodeInvalid},
		"no room":      {matrix.MatrixSendMessageConfig{Client: client, Message: good}, core.CodeInvalid},
		"no text":      {matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: " \n"}}, core.CodeInvalid},
		"bad kind":     {matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: "x", Kind: "image"}}, core.CodeInvalid},
		"bad mention":  {matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: matrix.MatrixMessage{Text: "x", Mentions: []id.UserID{"bob"}}}, core.CodeInvalid},
		"a stand-in":   {matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: good, RelatesTo: (&event.RelatesTo{}).SetReplyTo("~x")}, core.CodeInvalid},
		"a slash":      {matrix.MatrixSendMessageConfig{Client: client, Room: room, Message: good, TransactionID: "a/b"}, core.CodeInvalid},
		"no state":     {matrix.MatrixSendMessageConfig{Client: blind, Room: room, Message: good}, core.CodeInvalid},
		"foreign room": {matrix.MatrixSendMessageConfig{Client: newClient(t, "stranger"), Room: room, Message: good}, core.CodeForbidden},
	} {
		_, err := matrix.MatrixSendMessage(t.Context(), c.cfg)
		coded, ok := errors.AsType[*core.Error](err)
		if !ok || coded.Code != c.code || !strings.HasPrefix(coded.Op, "matrix_send_message") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
