package matrixroom_test

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMatrixRoomList_JoinedAndInvited(t *testing.T) {
	t.Parallel()
	me, other := newClient(t, "me"), newClient(t, "other")
	empty, err := matrixroom.MatrixRoomList(t.Context(), matrixroom.MatrixRoomListConfig{Client: me})
	if err != nil || len(empty) != 0 {
		t.Fatalf("at first %v, %v", empty, err)
	}
	create := func(by *mautrix.Client, request mautrix.ReqCreateRoom) id.RoomID {
		room, err := by.CreateRoom(t.Context(), &request)
		if err != nil {
			t.Fatal(err)
		}
		return room.RoomID
	}
	named := create(me, mautrix.ReqCreateRoom{Name: "Ops"})
	secret := create(me, mautrix.ReqCreateRoom{Name: "Secret", InitialState: []*event.Event{{
		Type: event.StateEncryption, Content: event.Content{Parsed: &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}},
	}}})
	direct := newRoom(t, other, me)
	invited := create(other, mautrix.ReqCreateRoom{Name: "Come in", Invite: []id.UserID{me.UserID}})
	left := newRoom(t, other, me)
	if _, err := me.LeaveRoom(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	var list []matrixroom.MatrixRoomListItem
	until(t, "list of four rooms", func() bool { // Dendrite shows each a moment late
		if list, err = matrixroom.MatrixRoomList(t.Context(), matrixroom.MatrixRoomListConfig{Client: me}); err != nil {
			t.Fatal(err)
		}
		return len(list) == 4 && !slices.ContainsFunc(list, func(item matrixroom.MatrixRoomListItem) bool { return item.RoomID == left })
	})
	got := map[id.RoomID]matrixroom.MatrixRoomListItem{}
	for _, item := range list {
		got[item.RoomID] = item
	}
	for _, want := range []matrixroom.MatrixRoomListItem{
		{RoomID: named, Title: "Ops", Joined: 1},
		{RoomID: secret, Title: "Secret", Joined: 1, Encrypted: true},
		{RoomID: direct, Title: got[direct].Title, Joined: 2},
		{RoomID: invited, Title: "Come in", Invited: true, Inviter: other.UserID},
	} {
		if got[want.RoomID] != want {
			t.Errorf("got %+v, want %+v", got[want.RoomID], want)
		}
	}
	// The other member's name if the server returned the member event, else the
	// ID: never empty, and never the user's own.
	if title := got[direct].Title; title == "" || title == string(me.UserID) || title == string(direct) {
		t.Errorf("the direct chat is called %q", title)
	}
	if !list[0].Invited {
		t.Errorf("got %+v", list)
	}
}

func TestMatrixRoomList_Failing(t *testing.T) {
	t.Parallel()
	if _, err := matrixroom.MatrixRoomList(t.Context(), matrixroom.MatrixRoomListConfig{}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("without a client: %v", err)
	}
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "me"))
	for _, f := range []fault.Fault{fault.CorruptJSON{}, fault.CutBody{}, fault.Status{Code: 502}} {
		rule := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/sync", Fault: f})
		if _, err := matrixroom.MatrixRoomList(t.Context(), matrixroom.MatrixRoomListConfig{Client: client}); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("%v: %v", f, err)
		}
		rule.Remove()
	}
}
