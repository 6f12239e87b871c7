package matrixroom_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
)

func TestMatrixRoomResolve_Forms(t *testing.T) {
	t.Parallel()
	client := newClient(t, "me")
	local := fmt.Sprint("ops", time.Now().UnixNano())
	made, err := client.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{RoomAliasName: local})
	if err != nil {
		t.Fatal(err)
	}
	alias, server := "#"+local+":"+client.UserID.Homeserver(), client.UserID.Homeserver()
	for _, named := range []string{
		string(made.RoomID), " " + string(made.RoomID) + "\n", alias, "#" + local, "https://matrix.to/#/" + alias,
		"https://matrix.to/#/" + string(made.RoomID), "matrix:r/" + alias[1:], "matrix:roomid/" + string(made.RoomID)[1:] + "?via=" + server,
	} {
		room, via, err := matrixroom.MatrixRoomResolve(t.Context(), matrixroom.MatrixRoomResolveConfig{Client: client, Room: named})
		if err != nil || room != made.RoomID {
			t.Errorf("%q: got %q, %v", named, room, err)
		}
		if (strings.Contains(named, local) || strings.Contains(named, "via")) && !slices.Contains(via, server) {
			t.Errorf("%q: via %q", named, via)
		}
	}
}

func TestMatrixRoomResolve_Wrong(t *testing.T) {
	t.Parallel()
	client := newClient(t, "me")
	for named, want := range map[string]core.Code{
		"": core.CodeInvalid, "!": core.CodeInvalid, "#": core.CodeNotFound, "ops": core.CodeInvalid, "@me:here": core.CodeInvalid,
		"https://matrix.to/#/@me:here": core.CodeInvalid, "matrix:%zz": core.CodeInvalid, "https://example.org/": core.CodeInvalid,
		"#nobody-has-this": core.CodeNotFound, strings.Repeat("x", 1<<20): core.CodeInvalid,
	} {
		_, _, err := matrixroom.MatrixRoomResolve(t.Context(), matrixroom.MatrixRoomResolveConfig{Client: client, Room: named})
		if core.ErrorCode(err) != want || len(err.Error()) > 1000 {
			t.Errorf("%.50q: got %v, want %s", named, err, want)
		}
		if want == core.CodeNotFound && core.ErrorHint(err) == "" {
			t.Errorf("%.50q: %v has no hint", named, err)
		}
	}
	if _, _, err := matrixroom.MatrixRoomResolve(t.Context(), matrixroom.MatrixRoomResolveConfig{Room: "!a:b"}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("without a client: %v", err)
	}
}
