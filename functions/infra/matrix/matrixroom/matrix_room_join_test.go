package matrixroom_test

import (
	"fmt"
	"testing"
	"time"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
)

func TestMatrixRoomJoin_AliasAndInvitation(t *testing.T) {
	t.Parallel()
	owner, guest := newClient(t, "owner"), newClient(t, "guest")
	local := fmt.Sprint("join", time.Now().UnixNano())
	public, err := owner.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{RoomAliasName: local, Preset: "public_chat"})
	if err != nil {
		t.Fatal(err)
	}
	private := newRoom(t, owner)
	join := func(room string) (string, error) {
		joined, err := matrixroom.MatrixRoomJoin(t.Context(), matrixroom.MatrixRoomJoinConfig{Client: guest, Room: room})
		return string(joined), err
	}
	for range 2 {
		if joined, err := join("#" + local); err != nil || joined != string(public.RoomID) {
			t.Errorf("by alias: %q, %v", joined, err)
		}
	}
	if _, err := join(string(private)); core.ErrorCode(err) != core.CodeForbidden {
		t.Errorf("uninvited: %v", err)
	}
	if _, err := owner.InviteUser(t.Context(), private, &mautrix.ReqInviteUser{UserID: guest.UserID}); err != nil {
		t.Fatal(err)
	}
	if joined, err := join(string(private)); err != nil || joined != string(private) {
		t.Errorf("invited: %q, %v", joined, err)
	}
	if _, err := join("nothing"); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("no room: %v", err)
	}
}
