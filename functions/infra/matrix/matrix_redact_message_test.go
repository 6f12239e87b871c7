package matrix_test

import (
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixRedactMessage(t *testing.T) {
	t.Parallel()
	client := newClient(t, "redact")
	room := newRoom(t, client)
	outbox := startOutbox(t, client, outboxQuick)
	for name, through := range map[string]matrix.MatrixEnqueuer{"at once": nil, "outbox": outbox} {
		t.Run(name, func(t *testing.T) {
			first, err := client.SendText(t.Context(), room, "first")
			if err != nil {
				t.Fatal(err)
			}
			sent, err := matrix.MatrixRedactMessage(t.Context(), matrix.MatrixRedactMessageConfig{Client: client, Outbox: through, Room: room, Target: first.EventID, Reason: "oh"})
			if err != nil {
				t.Fatal(err)
			}
			if sent.Queued {
				sent.EventID = outboxSent(t, outbox, sent.TransactionID)[0]
			}
			until(t, "redaction", func() bool {
				evt, err := client.GetEvent(t.Context(), room, first.EventID)
				if err != nil {
					return false
				}
				because := evt.Unsigned.RedactedBecause
				return len(evt.Content.Raw) == 0 && because != nil && because.ID == sent.EventID && because.Content.Raw["reason"] == "oh"
			})
		})
	}
}

func TestMatrixRedactMessage_BadTarget(t *testing.T) {
	t.Parallel()
	client := newClient(t, "bad")
	_, err := matrix.MatrixRedactMessage(t.Context(), matrix.MatrixRedactMessageConfig{Client: client, Room: newRoom(t, client), Target: "x"})
	if core.ErrorCode(err) != core.CodeInvalid {
		t.Error(err)
	}
}
