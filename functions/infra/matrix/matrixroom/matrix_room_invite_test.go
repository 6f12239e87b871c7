package matrixroom_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMatrixRoomInvite_Once(t *testing.T) {
	t.Parallel()
	ada, bob := newClient(t, "ada"), newClient(t, "bob")
	room := newRoom(t, ada)
	cfg := matrixroom.MatrixRoomInviteConfig{Client: ada, RoomID: room, UserID: bob.UserID, Reason: "join us"}
	for _, want := range []bool{true, false} {
		if invited, err := matrixroom.MatrixRoomInvite(t.Context(), cfg); err != nil || invited != want {
			t.Errorf("invited %v, %v, want %v", invited, err, want)
		}
	}
	if _, err := bob.JoinRoomByID(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if invited, err := matrixroom.MatrixRoomInvite(t.Context(), cfg); err != nil || invited {
		t.Errorf("one who is in the room: invited %v, %v", invited, err)
	}
	if _, err := bob.LeaveRoom(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	if invited, err := matrixroom.MatrixRoomInvite(t.Context(), cfg); err != nil || !invited {
		t.Errorf("one who has left: invited %v, %v", invited, err)
	}
	if _, err := ada.BanUser(t.Context(), room, &mautrix.ReqBanUser{UserID: bob.UserID}); err != nil {
		t.Fatal(err)
	}
	_, err := matrixroom.MatrixRoomInvite(t.Context(), cfg)
	wantError(t, err, core.CodeForbidden, "banned")
}

// Several calls at once: none gets an error, and at least one has sent the
// invitation.
func TestMatrixRoomInvite_Race(t *testing.T) {
	t.Parallel()
	ada, bob := newClient(t, "ada"), newClient(t, "bob")
	room := newRoom(t, ada)
	var sent atomic.Int32
	var running sync.WaitGroup
	for range 6 {
		running.Go(func() {
			invited, err := matrixroom.MatrixRoomInvite(t.Context(), matrixroom.MatrixRoomInviteConfig{Client: ada, RoomID: room, UserID: bob.UserID})
			if err != nil {
				t.Error(err)
			}
			if invited {
				sent.Add(1)
			}
		})
	}
	running.Wait()
	if sent.Load() == 0 {
		t.Error("nobody sent the invitation")
	}
	if _, err := bob.JoinRoomByID(t.Context(), room); err != nil {
		t.Error(err)
	}
}

func TestMatrixRoomInvite_Fails(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	ada, bob, carol := clientFor(t, home.URL, user), newClient(t, "bob"), newClient(t, "carol")
	room := newRoom(t, ada)
	invite := func(cfg matrixroom.MatrixRoomInviteConfig) error {
		_, err := matrixroom.MatrixRoomInvite(t.Context(), cfg)
		return err
	}
	wantError(t, invite(matrixroom.MatrixRoomInviteConfig{}), core.CodeInvalid, "no Client")
	wantError(t, invite(matrixroom.MatrixRoomInviteConfig{Client: ada, UserID: bob.UserID}), core.CodeInvalid, "no RoomID")
	wantError(t, invite(matrixroom.MatrixRoomInviteConfig{Client: ada, RoomID: room, UserID: "bob"}), core.CodeInvalid, "cannot be read")
	wantError(t, invite(matrixroom.MatrixRoomInviteConfig{Client: bob, RoomID: room, UserID: carol.UserID}), core.CodeForbidden, "M_FORBIDDEN")
	proxy := fault.HTTP(t, home.URL)
	proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/rooms/{room}/invite", Fault: fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 700}})
	err := invite(matrixroom.MatrixRoomInviteConfig{Client: clientFor(t, proxy.URL(), user), RoomID: room, UserID: bob.UserID})
	if coded := wantError(t, err, core.CodeLimited, "M_LIMIT_EXCEEDED", user.AccessToken); coded.RetryAfter.Milliseconds() != 700 {
		t.Errorf("retry after %s", coded.RetryAfter)
	}
}
