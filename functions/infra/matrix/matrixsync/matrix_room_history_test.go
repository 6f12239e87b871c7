package matrixsync_test

import (
	"fmt"
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// A room is read back in pieces, each event once and in order.
func TestMatrixRoomHistory_Pages(t *testing.T) {
	t.Parallel()
	client := newClient(t, "reader")
	room := newRoom(t, client)
	const count = 110 // more than a page
	var want []string
	for i := range count {
		text := fmt.Sprint("message ", i)
		if _, err := client.SendText(t.Context(), room, text); err != nil {
			t.Fatal(err)
		}
		want = append(want, text)
	}
	matrixtest.Bodies(t, client, room, count)
	for _, limit := range []int{40, 0, 1000} {
		var got []string
		before, pages := id.EventID(""), 0
		for more := true; more; pages++ {
			part, err := matrixsync.MatrixRoomHistory(t.Context(), matrixsync.MatrixRoomHistoryConfig{
				Client: client, Room: room, Before: before, Limit: limit,
			})
			if err != nil {
				t.Fatal(err)
			}
			if limit > 0 && len(part.Events) > limit || limit == 0 && len(part.Events) > 50 {
				t.Fatalf("limit %d: %d events", limit, len(part.Events))
			}
			var texts []string
			for _, evt := range part.Events {
				if evt.Body != "" && evt.StateKey == nil {
					texts = append(texts, evt.Body)
				}
			}
			if more = len(part.Events) > 0; more { // also past what More says
				before = part.Events[0].EventID
			}
			got = append(texts, got...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d, %d pages: got %d messages: %v", limit, pages, len(got), got)
		}
	}
}

func TestMatrixRoomHistory_Wrong(t *testing.T) {
	t.Parallel()
	client, other := newClient(t, "reader"), newClient(t, "other")
	room := newRoom(t, other)
	// Synapse refuses a stranger, Dendrite shows nothing.
	part, err := matrixsync.MatrixRoomHistory(t.Context(), matrixsync.MatrixRoomHistoryConfig{Client: client, Room: room})
	if code := core.ErrorCode(err); len(part.Events) > 0 || part.More || code != "" && code != core.CodeForbidden {
		t.Errorf("not a member: %+v, %v", part, err)
	}
	for name, c := range map[string]struct {
		cfg  matrixsync.MatrixRoomHistoryConfig
		want core.Code
	}{
		"no client":     {matrixsync.MatrixRoomHistoryConfig{Room: room}, core.CodeInvalid},
		"no room":       {matrixsync.MatrixRoomHistoryConfig{Client: client}, core.CodeInvalid},
		"too many":      {matrixsync.MatrixRoomHistoryConfig{Client: client, Room: room, Limit: 10_001}, core.CodeInvalid},
		"negative":      {matrixsync.MatrixRoomHistoryConfig{Client: client, Room: room, Limit: -1}, core.CodeInvalid},
		"no event ID":   {matrixsync.MatrixRoomHistoryConfig{Client: client, Room: room, Before: "yesterday"}, core.CodeInvalid},
		"unknown event": {matrixsync.MatrixRoomHistoryConfig{Client: other, Room: room, Before: "$nothing"}, core.CodeNotFound},
	} {
		part, err := matrixsync.MatrixRoomHistory(t.Context(), c.cfg)
		if core.ErrorCode(err) != c.want || len(part.Events) > 0 {
			t.Errorf("%s: %d events, %v, want %s", name, len(part.Events), err, c.want)
		}
	}
}
