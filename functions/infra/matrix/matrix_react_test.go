package matrix_test

import (
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixReact_AndTakeBack(t *testing.T) {
	t.Parallel()
	client, other := newClient(t, "react"), newClient(t, "other")
	room := newRoom(t, client, other)
	first, err := client.SendText(t.Context(), room, "first")
	if err != nil {
		t.Fatal(err)
	}
	keys := func() map[string]int {
		live := map[string]int{}
		for _, evt := range outboxEvents(t, client, room, "m.reaction") {
			if relation, ok := evt.Content.Raw["m.relates_to"].(map[string]any); ok && evt.Unsigned.RedactedBecause == nil {
				live[string(evt.Sender)+relation["key"].(string)]++
			}
		}
		return live
	}
	cfg := matrix.MatrixReactConfig{Client: client, Room: room, Target: first.EventID, Key: "👍"}
	none, err := matrix.MatrixReact(t.Context(), matrix.MatrixReactConfig{Client: client, Room: room, Target: first.EventID, Key: "👍", Remove: true})
	if err != nil || none.EventID != "" {
		t.Errorf("%+v %v", none, err)
	}
	for _, c := range []matrix.MatrixReactConfig{
		cfg, cfg, // twice: no error
		{Client: client, Room: room, Target: first.EventID, Key: "👎"},
		{Client: other, Room: room, Target: first.EventID, Key: "👍"},
	} {
		if _, err := matrix.MatrixReact(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "reactions", func() bool { return len(keys()) == 3 })
	cfg.Remove = true
	until(t, "end of the reaction", func() bool { // Dendrite shows a second one a moment later
		if _, err := matrix.MatrixReact(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		live := keys()
		return len(live) == 2 && live[string(client.UserID)+"👎"] == 1 && live[string(other.UserID)+"👍"] == 1
	})
}

func TestMatrixReact_Twice(t *testing.T) {
	t.Parallel()
	client := newClient(t, "twice")
	room := newRoom(t, client)
	outbox := startOutbox(t, client, outboxQuick)
	first, err := client.SendText(t.Context(), room, "first")
	if err != nil {
		t.Fatal(err)
	}
	var transactions []string
	for range 2 {
		sent, err := matrix.MatrixReact(t.Context(), matrix.MatrixReactConfig{Outbox: outbox, Room: room, Target: first.EventID, Key: "x"})
		if err != nil {
			t.Fatal(err)
		}
		transactions = append(transactions, sent.TransactionID)
	}
	outboxSent(t, outbox, transactions...)
}

func TestMatrixReact_Refused(t *testing.T) {
	t.Parallel()
	client := newClient(t, "refused")
	room := newRoom(t, client)
	for _, cfg := range []matrix.MatrixReactConfig{
		{Client: client, Room: room, Key: "x"},
		{Client: client, Room: room, Target: "$x"},
		{Room: room, Target: "$x", Key: "x", Remove: true},
		{Client: client, Room: room, Target: "~x", Key: "x", Remove: true},
		{Client: client, Room: room, Target: "~x", Key: "x"},
	} {
		if _, err := matrix.MatrixReact(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}
