package matrix_test

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixEventLine_Kinds(t *testing.T) {
	t.Parallel()
	bob, at := "@bob:b", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		what string
		evt  matrix.MatrixSyncEvent
	}{
		{"hi", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "hi"}},
		{"two lines", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "two\nlines"}},
		{"* waves", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "waves", MsgType: event.MsgEmote}},
		{"image: cat.png", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "cat.png", MsgType: event.MsgImage}},
		{"in thread $r: yes", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "yes", ThreadRoot: "$r", ReplyTo: "$q"}},
		{"to $q: yes", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "yes", ReplyTo: "$q"}},
		{"edits $q: yes", matrix.MatrixSyncEvent{Type: "m.room.message", Body: "yes", Edits: "$q"}},
		{"takes back $q", matrix.MatrixSyncEvent{Type: "m.room.redaction", Redacts: "$q"}},
		{"👍 to $q", matrix.MatrixSyncEvent{Type: "m.reaction", Key: "👍", RelatesTo: "$q"}},
		{"(encrypted: the key is not there yet)", matrix.MatrixSyncEvent{Kind: matrix.MatrixKindEncrypted}},
		{"(encrypted: not from its sender)", matrix.MatrixSyncEvent{Kind: matrix.MatrixKindEncrypted, Reason: "not from its sender"}},
		{"(the server left messages out here)", matrix.MatrixSyncEvent{Kind: matrix.MatrixKindGap}},
		{"invite @bob:b", matrix.MatrixSyncEvent{Type: "m.room.member", StateKey: &bob, Raw: []byte(`{"content":{"membership":"invite"}}`)}},
		{"names the room Ops", matrix.MatrixSyncEvent{Type: "m.room.name", StateKey: new(string), Raw: []byte(`{"content":{"name":"Ops"}}`)}},
		{"sticker: a cat", matrix.MatrixSyncEvent{Type: "m.sticker", Raw: []byte(`{"content":{"body":"a cat"}}`)}},
		{"", matrix.MatrixSyncEvent{Type: "m.room.power_levels", StateKey: new(string), Raw: []byte(`{}`)}},
		{"", matrix.MatrixSyncEvent{Type: "org.example.other"}},
	} {
		c.evt.Sender, c.evt.EventID, c.evt.Timestamp = "@a:b", "$e", at
		want := ""
		if c.what != "" {
			want = "2026-01-02 03:04:05  @a:b  " + c.what + "  $e"
		}
		if got := matrix.MatrixEventLine(c.evt, nil); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMatrixEventLine_Zone(t *testing.T) {
	t.Parallel()
	evt := matrix.MatrixSyncEvent{Type: "m.room.message", Body: "hi", Sender: "@a:b", Timestamp: time.Date(2026, 1, 2, 23, 0, 0, 0, time.UTC)}
	if got := matrix.MatrixEventLine(evt, time.FixedZone("", 2*3600)); got != "2026-01-03 01:00:00  @a:b  hi" {
		t.Errorf("got %q", got)
	}
}

func FuzzMatrixEventLine(f *testing.F) {
	f.Add("m.room.message", "a\x1b[2J\u202e", "@a\n:b", `{"content":{"membership":7}}`)
	f.Add("m.room.member", "", "@a:b", `{"content":{"membership":"join\u001b"}}`)
	f.Fuzz(func(t *testing.T, kind, text, sender, raw string) {
		for _, key := range []*string{nil, &text} {
			line := matrix.MatrixEventLine(matrix.MatrixSyncEvent{
				Type: kind, Body: text, Key: text, Raw: []byte(raw), StateKey: key,
				Sender: id.UserID(sender), EventID: "$e",
			}, nil)
			if strings.ContainsFunc(line, unicode.IsControl) || strings.ContainsRune(line, '\u202e') {
				t.Errorf("%q", line)
			}
		}
	})
}
