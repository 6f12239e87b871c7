package matrixroom_test

import (
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMatrixMemberNames_AsksOnce(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "me"))
	if err := client.SetDisplayName(t.Context(), "Me"); err != nil {
		t.Fatal(err)
	}
	room := newRoom(t, client)
	asked := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/rooms/{room}/state/", Fault: fault.Delay{Time: time.Millisecond}})
	names, err := matrixroom.MatrixMemberNames(matrixroom.MatrixMemberNamesConfig{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if name := names.Name(t.Context(), room, client.UserID); name != "Me" {
			t.Errorf("got %q", name)
		}
		if name := names.Name(t.Context(), room, "@nobody:here"); name != "" {
			t.Errorf("nobody is called %q", name)
		}
	}
	if asked.Matched() != 2 {
		t.Errorf("asked %d times", asked.Matched())
	}
	key := string(client.UserID)
	for name, want := range map[string]string{`"New"`: "New", `7`: "", `"` + strings.Repeat("ö", 200) + `"`: strings.Repeat("ö", 128)} {
		names.Observe(matrix.MatrixSyncEvent{
			Type: event.StateMember.Type, StateKey: &key, RoomID: room, Raw: []byte(`{"content":{"displayname":` + name + `}}`),
		})
		if got := names.Name(t.Context(), room, client.UserID); got != want {
			t.Errorf("after the event: %q, want %q", got, want)
		}
	}
	names.Observe(matrix.MatrixSyncEvent{Kind: matrix.MatrixKindGap, Type: event.StateMember.Type, RoomID: room})
}

// A server that is down holds up one line, not each.
func TestMatrixMemberNames_ServerDown(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "me"))
	client.DefaultHTTPRetries = 0
	names, err := matrixroom.MatrixMemberNames(matrixroom.MatrixMemberNamesConfig{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	down := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/rooms/{room}/state/", Fault: fault.Status{Code: 502}})
	for range 3 {
		if name := names.Name(t.Context(), "!r:here", client.UserID); name != "" {
			t.Errorf("got %q", name)
		}
	}
	if down.Matched() != 1 {
		t.Errorf("asked %d times", down.Matched())
	}
	if _, err := matrixroom.MatrixMemberNames(matrixroom.MatrixMemberNamesConfig{}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("without a client: %v", err)
	}
}
