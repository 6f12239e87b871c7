package matrix_test

import (
	"testing"

	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixMessageFor(t *testing.T) {
	t.Parallel()
	message := matrix.MatrixSyncEvent{
		Type: "m.room.message", MsgType: event.MsgText, Body: "!ping", RoomID: "!r:x", EventID: "$1", Sender: "@ada:x",
		Join: matrix.MatrixMomentAfter, Start: matrix.MatrixMomentAfter,
	}
	if !matrix.MatrixMessageFor("@bot:x", message) {
		t.Error("a new message is none")
	}
	for name, change := range map[string]func(e *matrix.MatrixSyncEvent){
		"decrypted":      func(e *matrix.MatrixSyncEvent) { e.Encrypted, e.Decrypted = true, true },
		"after a crash":  func(e *matrix.MatrixSyncEvent) { e.Redelivered = true },
		"replayed":       func(e *matrix.MatrixSyncEvent) { e.Replayed = true },
		"an answer":      func(e *matrix.MatrixSyncEvent) { e.ReplyTo = "$0" },
		"in a thread":    func(e *matrix.MatrixSyncEvent) { e.ThreadRoot = "$0" },
		"other relation": func(e *matrix.MatrixSyncEvent) { e.RelatesTo = "$0" },
	} {
		e := message
		if change(&e); !matrix.MatrixMessageFor("@bot:x", e) {
			t.Errorf("%s: none", name)
		}
	}
	for name, change := range map[string]func(e *matrix.MatrixSyncEvent){
		"own":               func(e *matrix.MatrixSyncEvent) { e.Sender = "@bot:x" },
		"no sender":         func(e *matrix.MatrixSyncEvent) { e.Sender = "" },
		"no ID":             func(e *matrix.MatrixSyncEvent) { e.EventID = "" },
		"edit":              func(e *matrix.MatrixSyncEvent) { e.Edits = "$0" },
		"notice":            func(e *matrix.MatrixSyncEvent) { e.MsgType = event.MsgNotice },
		"emote":             func(e *matrix.MatrixSyncEvent) { e.MsgType = event.MsgEmote },
		"file":              func(e *matrix.MatrixSyncEvent) { e.MsgType = event.MsgFile },
		"no msgtype":        func(e *matrix.MatrixSyncEvent) { e.MsgType = "" },
		"redacted":          func(e *matrix.MatrixSyncEvent) { e.MsgType, e.Body = "", "" },
		"empty":             func(e *matrix.MatrixSyncEvent) { e.Body = "" },
		"state":             func(e *matrix.MatrixSyncEvent) { e.StateKey = new(string) },
		"another type":      func(e *matrix.MatrixSyncEvent) { e.Type = "org.example.job" },
		"can't be read":     func(e *matrix.MatrixSyncEvent) { e.Kind = matrix.MatrixKindEncrypted },
		"gap":               func(e *matrix.MatrixSyncEvent) { e.Kind = matrix.MatrixKindGap },
		"before the join":   func(e *matrix.MatrixSyncEvent) { e.Join = matrix.MatrixMomentBefore },
		"join unknown":      func(e *matrix.MatrixSyncEvent) { e.Join = matrix.MatrixMomentUnknown },
		"before the start":  func(e *matrix.MatrixSyncEvent) { e.Start = matrix.MatrixMomentBefore },
		"start unknown":     func(e *matrix.MatrixSyncEvent) { e.Start = matrix.MatrixMomentUnknown },
		"nothing but zeros": func(e *matrix.MatrixSyncEvent) { *e = matrix.MatrixSyncEvent{} },
	} {
		e := message
		if change(&e); matrix.MatrixMessageFor("@bot:x", e) {
			t.Errorf("%s: a message", name)
		}
	}
}
