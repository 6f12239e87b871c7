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
		if got := matrix.MatrixEventLine(c.evt, matrix.MatrixEventLineConfig{}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestMatrixEventLine_Zone(t *testing.T) {
	t.Parallel()
	evt := matrix.MatrixSyncEvent{Type: "m.room.message", Body: "hi", Sender: "@a:b", Timestamp: time.Date(2026, 1, 2, 23, 0, 0, 0, time.UTC)}
	if got := matrix.MatrixEventLine(evt, matrix.MatrixEventLineConfig{In: time.FixedZone("", 2*3600)}); got != "2026-01-03 01:00:00  @a:b  hi" {
		t.Errorf("got %q", got)
	}
}

// A name can't look like another sender's column.
func TestMatrixEventLine_Names(t *testing.T) {
	t.Parallel()
	evt := matrix.MatrixSyncEvent{Type: "m.room.message", Body: "hi", Sender: "@eve:b", EventID: "$e"}
	for name, want := range map[string]string{
		"":                         "@eve:b  hi",
		"Eve":                      "@eve:b (Eve)  hi",
		"@eve:b":                   "@eve:b  hi",
		"Bob)  @bob:b\n \u202eBob": "@eve:b (Bob) @bob:b Bob)  hi",
		" \x1b[2J\u2003 ":          "@eve:b ([2J)  hi",
		strings.Repeat("ö", 41):    "@eve:b (" + strings.Repeat("ö", 39) + "…)  hi",
	} {
		got := matrix.MatrixEventLine(evt, matrix.MatrixEventLineConfig{Name: name, Room: "#ops:b"})
		if want = "0001-01-01 00:00:00  [#ops:b]  " + want + "  $e"; got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
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
			}, matrix.MatrixEventLineConfig{Name: text, Room: text})
			if strings.ContainsFunc(line, unicode.IsControl) || strings.ContainsRune(line, '\u202e') {
				t.Errorf("%q", line)
			}
		}
	})
}
