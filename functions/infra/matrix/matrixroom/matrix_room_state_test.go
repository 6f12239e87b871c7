package matrixroom_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func mustState(t testing.TB, client *mautrix.Client, room id.RoomID) *matrixroom.MatrixRoomStateResult {
	t.Helper()
	state, err := matrixroom.MatrixRoomState(t.Context(), matrixroom.MatrixRoomStateConfig{Client: client, RoomID: room})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// What the unit says a user may do is compared with what the server lets them
// do.
func TestMatrixRoomState_ServerAgrees(t *testing.T) {
	t.Parallel()
	for _, version := range []id.RoomVersion{"6", "10", "11", "12"} {
		t.Run("version "+string(version), func(t *testing.T) {
			t.Parallel()
			ada, bob, carol, dan := newClient(t, "ada"), newClient(t, "bob"), newClient(t, "carol"), newClient(t, "dan")
			fifty, ten := 50, 10
			room, err := ada.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{
				Preset: "public_chat", RoomVersion: version, PowerLevelOverride: powerOverride(version, ada.UserID, &event.PowerLevelsEventContent{
					Users: map[id.UserID]int{bob.UserID: 60, carol.UserID: 20}, EventsDefault: 5, StateDefaultPtr: &fifty, InvitePtr: &ten,
					Events: map[string]int{"m.room.topic": 15, "m.reaction": 0},
				}),
			})
			if err != nil {
				if version == "12" && core.ErrorCode(matrix.MatrixError("", err)) == core.CodeUnsupported {
					t.Logf("this homeserver has no version 12: %v", err)
					return
				}
				t.Fatal(err)
			}
			for _, client := range []*mautrix.Client{bob, carol, dan} {
				if _, err := client.JoinRoomByID(t.Context(), room.RoomID); err != nil {
					t.Fatal(err)
				}
			}
			state := mustState(t, carol, room.RoomID)
			if got := state.In(event.MembershipJoin); len(got) != 4 || !slices.IsSorted(got) {
				t.Errorf("members %v", got)
			}
			wantAda := 100
			if version == "12" {
				wantAda = math.MaxInt
			}
			if state.Power(ada.UserID) != wantAda || state.Power(bob.UserID) != 60 || state.Power(dan.UserID) != 0 {
				t.Errorf("power %d %d %d", state.Power(ada.UserID), state.Power(bob.UserID), state.Power(dan.UserID))
			}
			outsider := newClient(t, "erin")
			for who, client := range map[string]*mautrix.Client{"ada": ada, "bob": bob, "carol": carol, "dan": dan, "outsider": outsider} {
				check := func(what string, may bool, err error) {
					t.Helper()
					if code := core.ErrorCode(matrix.MatrixError("", err)); (err == nil) != may || (err != nil && code != core.CodeForbidden) {
						t.Errorf("%s %s: the unit says %v, the server %v", who, what, may, err)
					}
				}
				user := client.UserID
				_, err := client.SendText(t.Context(), room.RoomID, "x")
				check("sends", state.MaySend(user, "m.room.message"), err)
				_, err = client.SendStateEvent(t.Context(), room.RoomID, event.StateTopic, "", map[string]string{"topic": who})
				check("sets the topic", state.MaySetState(user, "m.room.topic"), err)
				_, err = client.SendStateEvent(t.Context(), room.RoomID, event.StateRoomName, "", map[string]string{"name": who})
				check("sets the name", state.MaySetState(user, "m.room.name"), err)
				_, err = client.InviteUser(t.Context(), room.RoomID, &mautrix.ReqInviteUser{UserID: newClient(t, "guest").UserID})
				check("invites", state.MayInvite(user), err)
				victim := newClient(t, "victim")
				if _, err := victim.JoinRoomByID(t.Context(), room.RoomID); err != nil {
					t.Fatal(err)
				}
				_, err = client.KickUser(t.Context(), room.RoomID, &mautrix.ReqKickUser{UserID: victim.UserID})
				check("kicks", state.MayKick(user, victim.UserID), err)
				if client != ada {
					_, err = client.KickUser(t.Context(), room.RoomID, &mautrix.ReqKickUser{UserID: ada.UserID})
					if status, ok := errors.AsType[mautrix.HTTPError](err); ok && servers.Matrix(t).Kind == "dendrite" && status.IsStatus(http.StatusInternalServerError) {
						err = kickRefused(t, ada, room.RoomID)
					}
					check("kicks ada", state.MayKick(user, ada.UserID), err)
				}
				_, err = client.BanUser(t.Context(), room.RoomID, &mautrix.ReqBanUser{UserID: newClient(t, "bad").UserID})
				check("bans", state.MayBan(user, "@nobody:x"), err)
			}
		})
	}
}

// kickRefused is for Dendrite v0.13.8, which returns 500 to a user who may
// kick, but not this member. It returns M_FORBIDDEN if the member is still
// there.
func kickRefused(t *testing.T, user *mautrix.Client, room id.RoomID) error {
	t.Helper()
	var member event.MemberEventContent
	if err := user.StateEvent(t.Context(), room, event.StateMember, string(user.UserID), &member); err != nil {
		t.Fatal(err)
	}
	if member.Membership != event.MembershipJoin {
		return nil
	}
	return mautrix.MForbidden
}

// powerOverride names the creator if that is allowed: from version 12 on it is
// not.
func powerOverride(version id.RoomVersion, creator id.UserID, levels *event.PowerLevelsEventContent) *event.PowerLevelsEventContent {
	if version != "12" {
		levels.Users[creator] = 100
	}
	return levels
}

func TestMatrixRoomState_Title(t *testing.T) {
	t.Parallel()
	ada, bob, carol := newClient(t, "ada"), newClient(t, "bob"), newClient(t, "carol")
	if err := bob.SetDisplayName(t.Context(), "Bob the Builder"); err != nil {
		t.Fatal(err)
	}
	room := newRoom(t, ada, bob)
	state := mustState(t, ada, room)
	if got := state.Title(ada.UserID); got != "Bob the Builder" {
		t.Errorf("towards ada it is %q", got)
	}
	if got := state.Title(bob.UserID); got != string(ada.UserID) && got != ada.UserID.Localpart() {
		t.Errorf("towards bob it is %q", got)
	}
	if got := mustState(t, carol, newRoom(t, carol)).Title(carol.UserID); !strings.HasPrefix(got, "!") {
		t.Errorf("alone it is %q", got)
	}
}

func TestMatrixRoomState_UpdatesStateStore(t *testing.T) {
	t.Parallel()
	ada, bob := newClient(t, "ada"), newClient(t, "bob")
	made := mustRoom(t, matrixroom.MatrixRoomCreateConfig{Client: ada, Encrypted: true, Public: true})
	if _, err := bob.JoinRoomByID(t.Context(), made.RoomID); err != nil {
		t.Fatal(err)
	}
	bob.StateStore = mautrix.NewMemoryStateStore()
	if state := mustState(t, bob, made.RoomID); !state.Encrypted {
		t.Error("not encrypted")
	}
	if encrypted, err := bob.StateStore.IsEncrypted(t.Context(), made.RoomID); err != nil || !encrypted {
		t.Errorf("encrypted %v, %v", encrypted, err)
	}
	if !bob.StateStore.IsInRoom(t.Context(), made.RoomID, ada.UserID) {
		t.Error("ada is not in the room")
	}
}

func TestMatrixRoomState_Fails(t *testing.T) {
	t.Parallel()
	ada, bob := newClient(t, "ada"), newClient(t, "bob")
	room := newRoom(t, ada)
	for _, c := range []struct {
		cfg  matrixroom.MatrixRoomStateConfig
		want core.Code
	}{
		{matrixroom.MatrixRoomStateConfig{}, core.CodeInvalid},
		{matrixroom.MatrixRoomStateConfig{Client: ada}, core.CodeInvalid},
		{matrixroom.MatrixRoomStateConfig{Client: bob, RoomID: room}, core.CodeForbidden},
		{matrixroom.MatrixRoomStateConfig{Client: stateServer(t, `{}`), RoomID: room}, core.CodeUnavailable},
		{matrixroom.MatrixRoomStateConfig{Client: stateServer(t, `<html>`), RoomID: room}, core.CodeUnavailable},
		{matrixroom.MatrixRoomStateConfig{Client: stateServer(t, `[{"type":`), RoomID: room}, core.CodeUnavailable},
	} {
		_, err := matrixroom.MatrixRoomState(t.Context(), c.cfg)
		if got := core.ErrorCode(err); got != c.want {
			t.Errorf("%+v: %s %v, want %s", c.cfg, got, err, c.want)
		}
	}
}

// stateServer answers every request the same way: no homeserver sends such
// states.
func stateServer(t testing.TB, body string) *mautrix.Client {
	t.Helper()
	client, err := mautrix.NewClient(serve(t, answer(200, body)).URL, "@ada:example.org", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	client.StateStore = mautrix.NewMemoryStateStore()
	client.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return client
}

func TestMatrixRoomState_OldAndOddLevels(t *testing.T) {
	t.Parallel()
	const (
		ada, bob, eve = "@ada:x", "@bob:x", "@eve:x"
		members       = `{"type":"m.room.member","state_key":"@ada:x","content":{"membership":"join","displayname":"Ada"}},
			{"type":"m.room.member","state_key":"@bob:x","content":{"membership":"join","displayname":7}},
			{"type":"m.room.member","state_key":"@eve:x","content":{"membership":"leave"}}`
	)
	for name, c := range map[string]struct {
		state              string
		ada, bob           int
		bobTopic, bobSends bool
	}{
		"no power levels":   {`{"type":"m.room.create","state_key":"","sender":"@ada:x","content":{"room_version":"10","creator":"@ada:x"}}`, 100, 0, true, true},
		"creator sent":      {`{"type":"m.room.create","state_key":"","sender":"@ada:x","content":{"room_version":"11","creator":"@bob:x"}}`, 100, 0, true, true},
		"creator named":     {`{"type":"m.room.create","state_key":"","sender":"@x:x","content":{"creator":"@ada:x"}}`, 100, 0, true, true},
		"strings":           {`{"type":"m.room.power_levels","state_key":"","content":{"users":{"@ada:x":" 100","@bob:x":"050"},"events_default":"51"}}`, 100, 50, true, false},
		"nonsense":          {`{"type":"m.room.power_levels","state_key":"","content":{"users":{"@ada:x":[],"@bob:x":1e300},"users_default":{},"events":7}}`, 0, 0, false, true},
		"fraction":          {`{"type":"m.room.power_levels","state_key":"","content":{"users":{"@ada:x":50.9,"@bob:x":-3}}}`, 50, -3, false, false},
		"wrong state key":   {`{"type":"m.room.power_levels","state_key":"x","content":{"users":{"@bob:x":100}}}`, 0, 0, true, true},
		"no state":          {`{"type":"m.room.power_levels","content":{"users":{"@bob:x":100}}}`, 0, 0, true, true},
		"additional, v10":   {`{"type":"m.room.create","state_key":"","sender":"@ada:x","content":{"room_version":"10","additional_creators":["@bob:x"]}}`, 100, 0, true, true},
		"additional, v12":   {`{"type":"m.room.create","state_key":"","sender":"@ada:x","content":{"room_version":"12","additional_creators":["@bob:x",7]}}`, math.MaxInt, math.MaxInt, true, true},
		"not even an event": {`null, 7, "x", [], {}`, 0, 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state := mustState(t, stateServer(t, "["+c.state+","+members+"]"), "!r:x")
			if state.Power(ada) != c.ada || state.Power(bob) != c.bob {
				t.Errorf("power of ada %d, of bob %d, want %d and %d", state.Power(ada), state.Power(bob), c.ada, c.bob)
			}
			if state.MaySetState(bob, "m.room.topic") != c.bobTopic || state.MaySend(bob, "m.room.message") != c.bobSends {
				t.Errorf("bob's rights are %v %v", state.MaySetState(bob, "m.room.topic"), state.MaySend(bob, "m.room.message"))
			}
			if state.MaySend(eve, "m.room.message") || state.MayInvite(eve) || state.MaySend("@nobody:x", "m.room.message") {
				t.Error("one who is not in the room may do something")
			}
			if state.Members[bob].Name != "" || state.Members[ada].Name != "Ada" {
				t.Errorf("members %+v", state.Members)
			}
		})
	}
}

// FuzzMatrixRoomState: whatever a server responds, there is a state or an
// error.
func FuzzMatrixRoomState(f *testing.F) {
	f.Add(`[{"type":"m.room.power_levels","state_key":"","content":{"users":{"@ada:x":"100"},"events":{"a":1}}}]`)
	f.Add(`[{"type":"m.room.member","state_key":"@a:x","content":null},null,{"state_key":""}]`)
	f.Add(`[{"type":"m.room.create","state_key":"","sender":5,"content":{"room_version":"12","additional_creators":{"a":1}}}]`)
	f.Add(`[{"type":["m.room.encryption"],"state_key":"","content":{"algorithm":[]}}]`)
	f.Add(`{"chunk":[]}`)
	var body string
	server := serve(f, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) })
	client, err := mautrix.NewClient(server.URL, "@a:x", "")
	if err != nil {
		f.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client.Client = &http.Client{Transport: transport}
	f.Cleanup(transport.CloseIdleConnections)
	client.StateStore = mautrix.NewMemoryStateStore()
	f.Fuzz(func(t *testing.T, answer string) {
		body = answer
		state, err := matrixroom.MatrixRoomState(t.Context(), matrixroom.MatrixRoomStateConfig{Client: client, RoomID: "!r:x"})
		if (state == nil) == (err == nil) {
			t.Fatalf("state %v and error %v", state, err)
		}
		if err == nil {
			if !json.Valid([]byte(answer)) {
				t.Error("a state out of no JSON")
			}
			state.Title("@a:x")
			if state.MaySend("@a:x", "m.room.message") && state.Members["@a:x"].Membership != event.MembershipJoin {
				t.Error("one who is not in the room may send")
			}
		}
	})
}
