package matrix_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
)

var ignoreInner = cmpopts.IgnoreUnexported(matrix.MatrixSyncEvent{})

// viaMautrix normalizes by way of mautrix's event.
func viaMautrix(t testing.TB, room id.RoomID, raw string) matrix.MatrixSyncEvent {
	t.Helper()
	var evt event.Event
	if err := json.Unmarshal([]byte(raw), &evt); err != nil {
		t.Fatal(err)
	}
	evt.RoomID = room
	return matrix.MatrixEventNormalize(&evt)
}

func ptr[T any](v T) *T { return &v }

func TestMatrixEventNormalize_Fields(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 9, 30, 0, 123e6, time.UTC)
	base := func(change func(*matrix.MatrixSyncEvent)) matrix.MatrixSyncEvent {
		e := matrix.MatrixSyncEvent{Type: "m.room.message", RoomID: "!r:x", EventID: "$e", Sender: "@ada:x", Timestamp: at}
		change(&e)
		return e
	}
	const head = `"event_id":"$e","sender":"@ada:x","origin_server_ts":1795253400123,`
	message := func(content string) string { return `{"type":"m.room.message",` + head + `"content":` + content + `}` }
	for name, c := range map[string]struct {
		raw  string
		want matrix.MatrixSyncEvent
	}{
		"text":   {message(`{"msgtype":"m.text","body":"h\u00e9llo \"x\"\n"}`), base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "m.text", "héllo \"x\"\n" })},
		"notice": {message(`{"msgtype":"m.notice","body":"n"}`), base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "m.notice", "n" })},
		"emote":  {message(`{"msgtype":"m.emote","body":"waves"}`), base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "m.emote", "waves" })},
		"image with caption": {message(`{"msgtype":"m.image","body":"look","filename":"a.png","url":"mxc://x/1","info":{"body":"no"}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "m.image", "look" })},
		"own": {strings.Replace(message(`{"msgtype":"m.text","body":"b"}`), `"content"`, `"unsigned":{"age":5,"transaction_id":"t.1"},"content"`, 1),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.TransactionID = "m.text", "b", "t.1" })},
		"redacted": {message(`{}`), base(func(*matrix.MatrixSyncEvent) {})},

		"reply": {message(`{"msgtype":"m.text","body":"yes","m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.ReplyTo = "m.text", "yes", "$q" })},
		"reply with quotation": {message(`{"msgtype":"m.text","body":"> <@bob:x> one\n> two\n\nyes\n> no","m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.ReplyTo = "m.text", "yes\n> no", "$q" })},
		"reply to an emote": {message(`{"msgtype":"m.text","body":"> * <@bob:x> waves\n\nyes","m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.ReplyTo = "m.text", "yes", "$q" })},
		"reply that quotes by itself": {message(`{"msgtype":"m.text","body":"> a proverb\n\nyes","m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.ReplyTo = "m.text", "> a proverb\n\nyes", "$q" })},
		"reply of nothing but a quotation": {message(`{"msgtype":"m.text","body":"> <@bob:x> one","m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.ReplyTo = "m.text", "> <@bob:x> one", "$q" })},
		"quotation without a reply": {message(`{"msgtype":"m.text","body":"> <@bob:x> one\n\nyes"}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "m.text", "> <@bob:x> one\n\nyes" })},

		"thread": {message(`{"msgtype":"m.text","body":"b","m.relates_to":{"rel_type":"m.thread","event_id":"$root","is_falling_back":true,"m.in_reply_to":{"event_id":"$last"}}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.ThreadRoot = "m.text", "b", "$root" })},
		"reply in a thread": {message(`{"msgtype":"m.text","body":"b","m.relates_to":{"rel_type":"m.thread","event_id":"$root","is_falling_back":false,"m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) {
				e.MsgType, e.Body, e.ThreadRoot, e.ReplyTo = "m.text", "b", "$root", "$q"
			})},
		"thread without is_falling_back": {message(`{"msgtype":"m.text","body":"b","m.relates_to":{"rel_type":"m.thread","event_id":"$root","m.in_reply_to":{"event_id":"$q"}}}`),
			base(func(e *matrix.MatrixSyncEvent) {
				e.MsgType, e.Body, e.ThreadRoot, e.ReplyTo = "m.text", "b", "$root", "$q"
			})},

		"edit": {message(`{"msgtype":"m.text","body":"* new","m.new_content":{"msgtype":"m.notice","body":"new"},"m.relates_to":{"rel_type":"m.replace","event_id":"$old"}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.Edits = "m.notice", "new", "$old" })},
		"edit before its relation": {message(`{"m.relates_to":{"event_id":"$old","rel_type":"m.replace"},"m.new_content":{"body":"new"},"body":"* new","msgtype":"m.text"}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.Edits = "m.text", "new", "$old" })},
		"edit to nothing": {message(`{"msgtype":"m.text","body":"* ","m.new_content":{"msgtype":"m.text","body":""},"m.relates_to":{"rel_type":"m.replace","event_id":"$old"}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Edits = "m.text", "$old" })},
		"edit without new content": {message(`{"msgtype":"m.text","body":"b","m.relates_to":{"rel_type":"m.replace","event_id":"$old"}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body, e.Edits = "m.text", "b", "$old" })},
		"new content without an edit": {message(`{"msgtype":"m.text","body":"b","m.new_content":{"body":"new"}}`),
			base(func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "m.text", "b" })},

		"redaction up to version 10": {`{"type":"m.room.redaction",` + head + `"redacts":"$x","content":{"reason":"r"}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.Redacts = "m.room.redaction", "$x" })},
		"redaction from version 11": {`{"type":"m.room.redaction",` + head + `"content":{"redacts":"$x"}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.Redacts = "m.room.redaction", "$x" })},
		"redaction with both": {`{"type":"m.room.redaction",` + head + `"content":{"redacts":"$said"},"redacts":"$x"}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.Redacts = "m.room.redaction", "$x" })},
		"no redaction": {message(`{"redacts":"$x"}`), base(func(*matrix.MatrixSyncEvent) {})},

		"reaction": {`{"type":"m.reaction",` + head + `"content":{"m.relates_to":{"rel_type":"m.annotation","event_id":"$x","key":"👍"}}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.RelatesTo, e.Key = "m.reaction", "$x", "👍" })},
		"vote": {`{"type":"m.poll.response",` + head + `"content":{"m.relates_to":{"rel_type":"m.reference","event_id":"$x","key":"k"}}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.RelatesTo = "m.poll.response", "$x" })},
		"state": {`{"type":"m.room.member",` + head + `"state_key":"@bob:x","content":{"membership":"join","m.relates_to":{"rel_type":"m.replace","event_id":"$x"}}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.StateKey = "m.room.member", ptr("@bob:x") })},
		"state with an empty key": {`{"type":"m.room.name",` + head + `"state_key":"","content":{"name":"n"}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.StateKey = "m.room.name", ptr("") })},
		"state with a body": {`{"type":"m.room.topic",` + head + `"state_key":"","content":{"topic":"n","body":"!ping","msgtype":"m.text"}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.StateKey = "m.room.topic", ptr("") })},
		"message that is state": {`{"type":"m.room.message",` + head + `"state_key":"","content":{"body":"!ping","msgtype":"m.text"}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.StateKey = "m.room.message", ptr("") })},
		"another type with a body": {`{"type":"org.example.job",` + head + `"content":{"body":"!ping","msgtype":"m.text"}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type = "org.example.job" })},
		"edit of another type": {`{"type":"org.example.job",` + head + `"content":{"body":"* !ping","m.new_content":{"msgtype":"m.text","body":"!ping"},"m.relates_to":{"rel_type":"m.replace","event_id":"$old"}}}`,
			base(func(e *matrix.MatrixSyncEvent) { e.Type, e.Edits = "org.example.job", "$old" })},
		"encrypted": {`{"type":"m.room.encrypted",` + head + `"content":{"algorithm":"m.megolm.v1.aes-sha2","body":"not to be shown","msgtype":"m.text","m.relates_to":{"rel_type":"m.thread","event_id":"$root"}}}`,
			base(func(e *matrix.MatrixSyncEvent) {
				e.Type, e.Kind, e.Encrypted, e.ThreadRoot = "m.room.encrypted", matrix.MatrixKindEncrypted, true, "$root"
			})},
		"lone surrogate": {message(`{"body":"a\ud800b"}`), base(func(e *matrix.MatrixSyncEvent) { e.Body = "a\ufffdb" })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := matrix.MatrixEventParse("!r:x", json.RawMessage(c.raw))
			if string(got.Raw) != c.raw {
				t.Errorf("raw is %s", got.Raw)
			}
			through := viaMautrix(t, "!r:x", c.raw)
			if !json.Valid(through.Raw) || !strings.Contains(string(through.Raw), `"content":{`) {
				t.Errorf("raw through mautrix is %s", through.Raw)
			}
			got.Raw, through.Raw = nil, nil
			if diff := cmp.Diff(c.want, got, ignoreInner); diff != "" {
				t.Errorf("from the server's bytes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.want, through, ignoreInner); diff != "" {
				t.Errorf("through mautrix (-want +got):\n%s", diff)
			}
		})
	}
}

// Input that no honest server sends. mautrix refuses most of it, so only the
// server's bytes are checked.
func TestMatrixEventNormalize_Hostile(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
	for name, c := range map[string]struct {
		raw  string
		want matrix.MatrixSyncEvent
	}{
		"null":             {`null`, matrix.MatrixSyncEvent{}},
		"number":           {`5`, matrix.MatrixSyncEvent{}},
		"array":            {`["type"]`, matrix.MatrixSyncEvent{}},
		"string":           {`"type"`, matrix.MatrixSyncEvent{}},
		"empty":            {``, matrix.MatrixSyncEvent{}},
		"wrong types":      {`{"type":{"type":"m.room.message"},"event_id":7,"sender":null,"origin_server_ts":"1","state_key":{},"content":["body"],"unsigned":[{"transaction_id":"t"}],"redacts":[]}`, matrix.MatrixSyncEvent{}},
		"wrong content":    {`{"type":"t","content":{"body":{"body":"b"},"msgtype":[],"m.relates_to":"x","m.new_content":5}}`, matrix.MatrixSyncEvent{Type: "t"}},
		"wrong relation":   {`{"type":"t","content":{"m.relates_to":{"rel_type":["m.thread"],"event_id":{},"m.in_reply_to":["event_id"],"is_falling_back":"true"}}}`, matrix.MatrixSyncEvent{Type: "t"}},
		"other spelling":   {`{"type":"m.room.message","sender":"@ada:x","SENDER":"@eve:x","Type":"u","EVENT_ID":"$x","content":{"body":"b","Body":"B"}}`, matrix.MatrixSyncEvent{Type: "m.room.message", Sender: "@ada:x", Body: "b"}},
		"path":             {`{"type":"t","content":{"m":{"relates_to":{"rel_type":"m.replace","event_id":"$x"}},"m.relates_to.rel_type":"m.thread"}}`, matrix.MatrixSyncEvent{Type: "t"}},
		"time too late":    {`{"type":"t","origin_server_ts":253402300800000}`, matrix.MatrixSyncEvent{Type: "t"}},
		"time of no use":   {`{"type":"t","origin_server_ts":1e300}`, matrix.MatrixSyncEvent{Type: "t"}},
		"time before 1970": {`{"type":"t","origin_server_ts":-1}`, matrix.MatrixSyncEvent{Type: "t"}},
		"no UTF-8":         {"{\"type\":\"m.room.message\",\"content\":{\"body\":\"a\xffb\"}}", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "a\ufffdb"}},
		"NUL":              {`{"type":"m.room.message","content":{"body":"a\u0000b"}}`, matrix.MatrixSyncEvent{Type: "m.room.message", Body: "a\x00b"}},
		"deep":             {`{"type":"t","content":` + deep + `}`, matrix.MatrixSyncEvent{Type: "t"}},
		"deep relation":    {`{"type":"t","content":{"m.relates_to":` + deep + `}}`, matrix.MatrixSyncEvent{Type: "t"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := matrix.MatrixEventParse("", json.RawMessage(c.raw))
			got.Raw = nil
			if diff := cmp.Diff(c.want, got, ignoreInner); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Error(err)
			}
		})
	}
	if got := matrix.MatrixEventNormalize(nil); got.Type != "" {
		t.Errorf("nil gives %+v", got)
	}
	if got := matrix.MatrixEventNormalize(&event.Event{}); !json.Valid(got.Raw) {
		t.Errorf("raw of an empty event is %s", got.Raw)
	}
}

// An event that the program or a decryption created has no server bytes.
func TestMatrixEventNormalize_Made(t *testing.T) {
	t.Parallel()
	evt := &event.Event{
		Type: event.EventMessage, RoomID: "!r:x", ID: "$e", Sender: "@ada:x", Timestamp: 1000,
		Content: event.Content{Parsed: &event.MessageEventContent{MsgType: event.MsgText, Body: "b", RelatesTo: (&event.RelatesTo{}).SetThread("$root", "$last")}},
		Mautrix: event.MautrixInfo{WasEncrypted: true},
	}
	got := matrix.MatrixEventNormalize(evt)
	if !got.Decrypted || !got.Encrypted || got.Body != "b" || got.ThreadRoot != "$root" || got.ReplyTo != "" || !got.Timestamp.Equal(time.Unix(1, 0)) {
		t.Errorf("got %+v", got)
	}
	again := matrix.MatrixEventParse("", got.Raw)
	if again.Body != "b" || again.RoomID != "!r:x" || again.Decrypted {
		t.Errorf("raw %s gives %+v", got.Raw, again)
	}
}

// The real server's events, in room versions before and after redactions
// changed their format.
func TestMatrixEventNormalize_FromServer(t *testing.T) {
	t.Parallel()
	for _, version := range []id.RoomVersion{"10", "11"} {
		t.Run("version "+string(version), func(t *testing.T) {
			t.Parallel()
			ada := newClient(t, "ada")
			room, err := ada.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{RoomVersion: version, Name: "n"})
			if err != nil {
				t.Fatal(err)
			}
			since := syncToken(t, ada)
			send := func(content *event.MessageEventContent) id.EventID {
				t.Helper()
				sent, err := ada.SendMessageEvent(t.Context(), room.RoomID, event.EventMessage, content, mautrix.ReqSendEvent{TransactionID: "txn-" + content.Body})
				if err != nil {
					t.Fatal(err)
				}
				return sent.EventID
			}
			text := func(body string) *event.MessageEventContent {
				return &event.MessageEventContent{MsgType: event.MsgText, Body: body}
			}
			first := send(text("first"))
			edited := text("edited")
			edited.SetEdit(first)
			edit := send(edited)
			inThread := text("in-thread")
			inThread.RelatesTo = (&event.RelatesTo{}).SetThread(first, first)
			thread := send(inThread)
			replying := text("reply")
			replying.RelatesTo = (&event.RelatesTo{}).SetReplyTo(first)
			reply := send(replying)
			reaction, err := ada.SendReaction(t.Context(), room.RoomID, first, "👍")
			if err != nil {
				t.Fatal(err)
			}
			redaction, err := ada.RedactEvent(t.Context(), room.RoomID, reply)
			if err != nil {
				t.Fatal(err)
			}

			events := rawEvents(t, ada, room.RoomID, since, redaction.EventID)
			check := func(what string, event id.EventID, good func(e matrix.MatrixSyncEvent) bool) {
				t.Helper()
				raw, ok := events[event]
				if !ok {
					t.Errorf("%s is not there", what)
					return
				}
				e := matrix.MatrixEventParse(room.RoomID, raw)
				if e.RoomID != room.RoomID || e.EventID != event || e.Sender != ada.UserID || time.Since(e.Timestamp).Abs() > 10*time.Minute || !good(e) {
					t.Errorf("%s is %+v", what, e)
				}
				through := viaMautrix(t, room.RoomID, string(raw))
				e.Raw, through.Raw = nil, nil
				if diff := cmp.Diff(e, through, ignoreInner); diff != "" {
					t.Errorf("%s, through mautrix:\n%s", what, diff)
				}
			}
			check("the message", first, func(e matrix.MatrixSyncEvent) bool {
				return e.Body == "first" && e.MsgType == "m.text" && e.TransactionID == "txn-first"
			})
			check("the edit", edit, func(e matrix.MatrixSyncEvent) bool { return e.Body == "edited" && e.Edits == first })
			check("the thread's message", thread, func(e matrix.MatrixSyncEvent) bool { return e.ThreadRoot == first && e.ReplyTo == "" })
			check("the reaction", reaction.EventID, func(e matrix.MatrixSyncEvent) bool {
				return e.Type == "m.reaction" && e.RelatesTo == first && e.Key == "👍"
			})
			check("the redaction", redaction.EventID, func(e matrix.MatrixSyncEvent) bool { return e.Type == "m.room.redaction" && e.Redacts == reply })

			// Dendrite removes the content a little later.
			isEmpty := func(e matrix.MatrixSyncEvent) bool {
				return e.Type == "m.room.message" && e.Body == "" && e.MsgType == "" && e.ReplyTo == ""
			}
			url := ada.BuildClientURL("v3", "rooms", room.RoomID, "event", reply)
			until(t, "redacted reply", func() bool {
				var raw json.RawMessage
				if _, err := ada.MakeRequest(t.Context(), http.MethodGet, url, nil, &raw); err != nil {
					t.Fatal(err)
				}
				events[reply] = raw
				return isEmpty(matrix.MatrixEventParse(room.RoomID, raw))
			})
			check("the redacted reply", reply, isEmpty)
		})
	}
}

func syncToken(t testing.TB, client *mautrix.Client) string {
	t.Helper()
	response, err := client.FullSyncRequest(t.Context(), mautrix.ReqSync{})
	if err != nil {
		t.Fatal(err)
	}
	return response.NextBatch
}

// rawEvents returns a room's timeline in a sync up to an event, as the server's
// bytes. Only a sync returns transaction IDs on both homeservers.
func rawEvents(t testing.TB, client *mautrix.Client, room id.RoomID, since string, last id.EventID) map[id.EventID]json.RawMessage {
	t.Helper()
	events := map[id.EventID]json.RawMessage{}
	for deadline := time.Now().Add(matrixtest.Patience); events[last] == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", last)
		}
		var page struct {
			NextBatch string `json:"next_batch"`
			Rooms     struct {
				Join map[id.RoomID]struct {
					Timeline struct{ Events []json.RawMessage }
				}
			}
		}
		url := client.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, map[string]string{"since": since, "timeout": "1000"})
		if _, err := client.MakeRequest(t.Context(), http.MethodGet, url, nil, &page); err != nil {
			t.Fatal(err)
		}
		since = page.NextBatch
		for _, raw := range page.Rooms.Join[room].Timeline.Events {
			events[matrix.MatrixEventParse(room, raw).EventID] = raw
		}
	}
	return events
}

// FuzzMatrixEventNormalize: whatever valid JSON contains, the result is text,
// can be written as JSON, and is the same after a round trip.
func FuzzMatrixEventNormalize(f *testing.F) {
	f.Add([]byte(benchEvent))
	f.Add([]byte(`{"type":"m.room.encrypted","content":{"body":"b","m.relates_to":{"rel_type":"m.replace","event_id":"$x"},"m.new_content":{"body":"n"}}}`))
	f.Add([]byte(`{"type":"m.room.redaction","redacts":"$x","content":{"redacts":["$y"]},"state_key":"","unsigned":{"transaction_id":5,"redacted_because":{"content":null}}}`))
	f.Add([]byte(`{"content":{"body":"> <@a:b> x\n> y\n\nz","m.relates_to":{"m.in_reply_to":{"event_id":"$q"}}},"origin_server_ts":1e18}`))
	f.Add([]byte("{\"type\":\"\\ud800\",\"content\":{\"body\":\"\xff\"}}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		e := matrix.MatrixEventParse("!r:x", raw)
		checkNormalized(t, e)
		var evt event.Event
		if json.Unmarshal(raw, &evt) != nil {
			return
		}
		through := matrix.MatrixEventNormalize(&evt)
		checkNormalized(t, through)
		if !json.Valid(through.Raw) {
			t.Errorf("raw is no JSON: %s", through.Raw)
		}
		again := matrix.MatrixEventParse(evt.RoomID, through.Raw)
		through.Raw, again.Raw = nil, nil
		if diff := cmp.Diff(through, again, ignoreInner); diff != "" {
			t.Errorf("through mautrix, and its raw again:\n%s", diff)
		}
	})
}

func checkNormalized(t *testing.T, e matrix.MatrixSyncEvent) {
	t.Helper()
	for _, text := range []string{e.Type, string(e.EventID), string(e.Sender), e.Body, string(e.MsgType), string(e.ReplyTo), string(e.Edits), string(e.Redacts), e.Key, e.TransactionID} {
		if !utf8.ValidString(text) {
			t.Errorf("%q is no UTF-8", text)
		}
	}
	if e.Encrypted && !e.Decrypted && (e.Kind != matrix.MatrixKindEncrypted || e.Body != "") {
		t.Errorf("encrypted, and %+v", e)
	}
	if e.StateKey != nil && (e.Edits != "" || e.ThreadRoot != "") {
		t.Errorf("a state event with a relation: %+v", e)
	}
	if e.Timestamp.Year() > 9999 {
		t.Errorf("the time is %v", e.Timestamp)
	}
}

const benchEvent = `{"content":{"body":"hello out there, this is a message of a usual length","m.mentions":{},"msgtype":"m.text",` +
	`"m.relates_to":{"rel_type":"m.thread","event_id":"$bmJ1c2hlZGJ1c2hlZGJ1c2hlZGJ1c2hlZA","is_falling_back":true,"m.in_reply_to":{"event_id":"$bGFzdA"}}},` +
	`"event_id":"$ZmlmdHlmb3VyY2hhcmFjdGVyc2FyZWFuZXZlbnRJRA","origin_server_ts":1795253400123,"sender":"@ada:example.org","type":"m.room.message","unsigned":{"age":1234,"transaction_id":"t1"}}`

// The relevant ratio compares with what a program would do by hand: mautrix's
// event and its parsed content.
func BenchmarkMatrixEventNormalize(b *testing.B) {
	raw := json.RawMessage(benchEvent)
	b.Run("bytes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if e := matrix.MatrixEventParse("!r:x", raw); e.Body == "" {
				b.Fatal("no body")
			}
		}
	})
	b.Run("mautrix", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var evt event.Event
			if err := json.Unmarshal(raw, &evt); err != nil {
				b.Fatal(err)
			}
			if err := evt.Content.ParseRaw(evt.Type); err != nil || evt.Content.AsMessage().Body == "" {
				b.Fatal("no body")
			}
		}
	})
	var evt event.Event
	if err := json.Unmarshal(raw, &evt); err != nil {
		b.Fatal(err)
	}
	b.Run("event", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if e := matrix.MatrixEventNormalize(&evt); e.Body == "" {
				b.Fatal("no body")
			}
		}
	})
}
