package matrixmedia_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/gif"
	"net/http"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixmedia"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
)

// sentContent returns an event's content as another member receives it.
func sentContent(t *testing.T, client *mautrix.Client, room id.RoomID, evt id.EventID) map[string]any {
	t.Helper()
	got := matrixtest.Event(t, client, room, evt) // Dendrite answers a send before all of it knows the event
	var content map[string]any
	if err := json.Unmarshal(got.Content.VeryRaw, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestMatrixSendMedia_Kinds(t *testing.T) {
	t.Parallel()
	alice, bob := newClient(t, "alice"), newClient(t, "bob")
	room := newRoom(t, alice, bob)
	var picture bytes.Buffer
	if err := gif.Encode(&picture, image.NewGray(image.Rect(0, 0, 40, 30)), nil); err != nil {
		t.Fatal(err)
	}
	thumbnail := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: alice, Content: bytes.NewReader(picture.Bytes())})
	for name, test := range map[string]struct {
		cfg  matrixmedia.MatrixSendMediaConfig
		want map[string]any
		info map[string]any
	}{
		"image": {
			matrixmedia.MatrixSendMediaConfig{Content: bytes.NewReader(picture.Bytes()), FileName: "a.gif", Caption: "look"},
			map[string]any{"msgtype": "m.image", "body": "look", "filename": "a.gif"},
			map[string]any{"mimetype": "image/gif", "w": 40.0, "h": 30.0, "size": float64(picture.Len())},
		},
		"video": {
			matrixmedia.MatrixSendMediaConfig{Content: strings.NewReader("film"), ContentType: "video/mp4", Width: 320, Height: 240, Duration: 1500 * time.Millisecond, Thumbnail: &thumbnail},
			map[string]any{"msgtype": "m.video", "body": "video"},
			map[string]any{"mimetype": "video/mp4", "w": 320.0, "h": 240.0, "duration": 1500.0, "thumbnail_url": thumbnail.URI.String()},
		},
		"audio": {matrixmedia.MatrixSendMediaConfig{Content: strings.NewReader("tune"), ContentType: "audio/ogg"}, map[string]any{"msgtype": "m.audio"}, map[string]any{"size": 4.0}},
		"file":  {matrixmedia.MatrixSendMediaConfig{Content: strings.NewReader("text")}, map[string]any{"msgtype": "m.file", "body": "file"}, map[string]any{"mimetype": "text/plain; charset=utf-8"}},
		"said":  {matrixmedia.MatrixSendMediaConfig{Content: bytes.NewReader(picture.Bytes()), Kind: event.MsgFile}, map[string]any{"msgtype": "m.file"}, map[string]any{"w": 40.0}},
		"reply": {
			matrixmedia.MatrixSendMediaConfig{Content: strings.NewReader("x"), RelatesTo: (&event.RelatesTo{}).SetReplyTo("$event"), Mentions: &event.Mentions{UserIDs: []id.UserID{bob.UserID}}},
			map[string]any{"m.relates_to": map[string]any{"m.in_reply_to": map[string]any{"event_id": "$event"}}, "m.mentions": map[string]any{"user_ids": []any{bob.UserID.String()}}},
			nil,
		},
	} {
		test.cfg.Client, test.cfg.Room = alice, room
		sent, err := matrixmedia.MatrixSendMedia(t.Context(), test.cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		content := sentContent(t, bob, room, sent.EventID)
		if content["url"] != sent.Upload.URI.String() {
			t.Errorf("%s: url %v, uploaded %v", name, content["url"], sent.Upload.URI)
		}
		info, _ := content["info"].(map[string]any)
		for _, check := range []struct{ got, want map[string]any }{{content, test.want}, {info, test.info}} {
			for key, want := range check.want {
				if got, _ := json.Marshal(check.got[key]); string(got) != mustJSON(want) {
					t.Errorf("%s: %s is %s, want %s", name, key, got, mustJSON(want))
				}
			}
		}
		download(t, bob, sent.Upload)
	}
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// In an encrypted room nothing may be sent unencrypted, even if the client does
// not know that the room is encrypted.
func TestMatrixSendMedia_EncryptedRoomWithoutCrypto(t *testing.T) {
	t.Parallel()
	alice := newClient(t, "alice")
	room := newRoom(t, alice)
	if _, err := alice.SendStateEvent(t.Context(), room, event.StateEncryption, "", &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}); err != nil {
		t.Fatal(err)
	}
	for name, store := range map[string]mautrix.StateStore{"knows": alice.StateStore, "does not know": mautrix.NewMemoryStateStore(), "none": nil} {
		alice.StateStore = store
		posts := 0
		alice.RequestHook = func(r *http.Request) {
			if r.Method != http.MethodGet {
				posts++
			}
		}
		_, err := matrixmedia.MatrixSendMedia(t.Context(), matrixmedia.MatrixSendMediaConfig{Client: alice, Room: room, Content: strings.NewReader("secret")})
		if core.ErrorCode(err) != core.CodeUnsupported || posts != 0 {
			t.Errorf("%s: %d requests that write, %v", name, posts, err)
		}
	}
}

func TestMatrixSendMedia_SameTransaction(t *testing.T) {
	t.Parallel()
	alice := newClient(t, "alice")
	room := newRoom(t, alice)
	var ids []id.EventID
	for range 2 {
		sent, err := matrixmedia.MatrixSendMedia(t.Context(), matrixmedia.MatrixSendMediaConfig{Client: alice, Room: room, Content: strings.NewReader("once"), TransactionID: "one"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, sent.EventID)
	}
	if ids[0] != ids[1] {
		t.Errorf("two events: %v", ids)
	}
}

func TestMatrixSendMedia_Outbox(t *testing.T) {
	t.Parallel()
	alice := newClient(t, "alice")
	room := newRoom(t, alice)
	outbox, err := matrixoutbox.MatrixOutbox(t.Context(), matrixoutbox.MatrixOutboxConfig{Client: alice, DB: newDB(t).Writer})
	if err != nil {
		t.Fatal(err)
	}
	defer matrixtest.Stop(t, outbox)
	sent, err := matrixmedia.MatrixSendMedia(t.Context(), matrixmedia.MatrixSendMediaConfig{Client: alice, Outbox: outbox, Room: room, Content: strings.NewReader("queued")})
	if err != nil || !sent.Queued || sent.Upload.URI.IsEmpty() {
		t.Fatalf("%+v, %v", sent, err)
	}
	evt, err := outbox.Wait(t.Context(), sent.TransactionID)
	if err != nil {
		t.Fatal(err)
	}
	if content := sentContent(t, alice, room, evt); content["url"] != sent.Upload.URI.String() {
		t.Errorf("the message: %v", content)
	}
}

func TestMatrixSendMedia_BadConfig(t *testing.T) {
	t.Parallel()
	alice := newClient(t, "alice")
	room := newRoom(t, alice)
	sealed := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: alice, Content: strings.NewReader("x"), Encrypt: true})
	content := strings.NewReader("x")
	for name, cfg := range map[string]matrixmedia.MatrixSendMediaConfig{
		"no client":           {Room: room, Content: content},
		"no room":             {Client: alice, Content: content},
		"no content":          {Client: alice, Room: room},
		"kind":                {Client: alice, Room: room, Content: content, Kind: event.MsgText},
		"width":               {Client: alice, Room: room, Content: content, Width: -1},
		"encrypted thumbnail": {Client: alice, Room: room, Content: content, Thumbnail: &sealed},
	} {
		if _, err := matrixmedia.MatrixSendMedia(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := matrixmedia.MatrixSendMedia(t.Context(), matrixmedia.MatrixSendMediaConfig{Client: newClient(t, "stranger"), Room: room, Content: content})
	if core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("a stranger: %v", err)
	}
}
