package matrixroom_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/work"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func newAlias() string { return "room-" + strings.ToLower(rand.Text()) }

func mustRoom(t testing.TB, cfg matrixroom.MatrixRoomCreateConfig) matrixroom.MatrixRoomCreateResult {
	t.Helper()
	room, err := matrixroom.MatrixRoomCreate(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return room
}

func TestMatrixRoomCreate_New(t *testing.T) {
	t.Parallel()
	ada, bob := newClient(t, "ada"), newClient(t, "bob")
	ada.StateStore = mautrix.NewMemoryStateStore()
	room := mustRoom(t, matrixroom.MatrixRoomCreateConfig{Client: ada, Name: "Ops \u00e9", Topic: "what burns", Invite: []id.UserID{bob.UserID}, Encrypted: true})
	if !room.Created {
		t.Error("not made")
	}
	if encrypted, err := ada.StateStore.IsEncrypted(t.Context(), room.RoomID); err != nil || !encrypted {
		t.Errorf("the state store says encrypted %v, %v", encrypted, err)
	}
	if _, err := bob.JoinRoomByID(t.Context(), room.RoomID); err != nil {
		t.Fatal(err)
	}
	state, err := matrixroom.MatrixRoomState(t.Context(), matrixroom.MatrixRoomStateConfig{Client: bob, RoomID: room.RoomID})
	if err != nil {
		t.Fatal(err)
	}
	if state.Name != "Ops \u00e9" || state.Topic != "what burns" || !state.Encrypted || state.JoinRule != event.JoinRuleInvite {
		t.Errorf("the room is %+v", state)
	}
	other := mustRoom(t, matrixroom.MatrixRoomCreateConfig{Client: ada, Public: true})
	if other.RoomID == room.RoomID {
		t.Error("without an alias the same room came twice")
	}
	if _, err := bob.JoinRoomByID(t.Context(), other.RoomID); err != nil {
		t.Errorf("a public room: %v", err)
	}
}

// Many callers want the room at once, as many processes would.
func TestMatrixRoomCreate_AliasRace(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	clients := []*mautrix.Client{clientFor(t, home.URL, user), clientFor(t, home.URL, user), newClient(t, "bob"), newClient(t, "carol")}
	alias := newAlias()
	var made, failed atomic.Int32
	var rooms sync.Map
	retry := work.RetryDoConfig{ // Dendrite answers 500 to some while it makes a room, on a loaded machine
		Backoff: core.BackoffDelayConfig{Initial: 100 * time.Millisecond},
		OnRetry: func(int, time.Duration, error) { failed.Add(1) },
	}
	var running sync.WaitGroup
	for _, client := range append(clients, clients...) {
		running.Go(func() {
			var room matrixroom.MatrixRoomCreateResult
			err := work.RetryDo(t.Context(), retry, func(ctx context.Context) (err error) {
				room, err = matrixroom.MatrixRoomCreate(ctx, matrixroom.MatrixRoomCreateConfig{Client: client, Alias: alias, Public: true, Encrypted: true})
				return err
			})
			if err != nil {
				t.Errorf("%s: %v", client.UserID, err)
				return
			}
			rooms.Store(room.RoomID, true)
			if room.Created {
				made.Add(1)
			}
		})
	}
	running.Wait()
	count := 0
	rooms.Range(func(any, any) bool { count++; return true })
	// A call that failed may have created it.
	if n := made.Load(); count != 1 || n > 1 || n == 0 && failed.Load() == 0 {
		t.Errorf("%d rooms, made %d times", count, n)
	}
	whole := "#" + alias + ":" + home.ServerName
	again := mustRoom(t, matrixroom.MatrixRoomCreateConfig{Client: clients[3], Alias: whole, Name: "not used"})
	if _, ok := rooms.Load(again.RoomID); !ok || again.Created {
		t.Errorf("%s is %+v", whole, again)
	}
}

// The room is created and the response is lost: calling again returns that
// room.
func TestMatrixRoomCreate_LostAnswer(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	proxy := fault.HTTP(t, home.URL)
	client := clientFor(t, proxy.URL(), user)
	lost := proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/createRoom", Max: 1, Fault: fault.Reset{AfterServer: true}})
	cfg := matrixroom.MatrixRoomCreateConfig{Client: client, Alias: newAlias()}
	_, err := matrixroom.MatrixRoomCreate(t.Context(), cfg)
	wantError(t, err, core.CodeUnavailable, "reset", user.AccessToken)
	if lost.Injected() != 1 {
		t.Fatalf("the fault met %d requests", lost.Injected())
	}
	room := mustRoom(t, cfg)
	joined, err := client.JoinedRooms(t.Context())
	if err != nil || room.Created || len(joined.JoinedRooms) != 1 || joined.JoinedRooms[0] != room.RoomID {
		t.Errorf("got %+v, in the rooms %v, %v", room, joined, err)
	}
}

func TestMatrixRoomCreate_Fails(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	adaUser := home.NewUser(t, "ada")
	ada, bob := clientFor(t, home.URL, adaUser), newClient(t, "bob")
	private := matrixroom.MatrixRoomCreateConfig{Client: ada, Alias: newAlias()}
	mustRoom(t, private)
	foreign := private
	foreign.Client = bob
	_, err := matrixroom.MatrixRoomCreate(t.Context(), foreign)
	if coded := wantError(t, err, core.CodeForbidden, " join=!"); !strings.Contains(coded.Hint, "invitation") {
		t.Errorf("the hint is %q", coded.Hint)
	}
	private.Encrypted = true
	_, err = matrixroom.MatrixRoomCreate(t.Context(), private)
	wantError(t, err, core.CodeConflict, "is not encrypted")

	for name, cfg := range map[string]matrixroom.MatrixRoomCreateConfig{
		"no client": {},
		"no server": {Client: ada, Alias: "#ops"},
		"no hash":   {Client: ada, Alias: "ops:localhost"},
		"empty":     {Client: ada, Alias: "#:localhost"},
		"no domain": {Client: ada, Alias: "#ops:"},
		"blank":     {Client: ada, Alias: "o ps"},
		"invite":    {Client: ada, Invite: []id.UserID{"bob"}},
		"version":   {Client: ada, Version: "no such version"},
	} {
		_, err := matrixroom.MatrixRoomCreate(t.Context(), cfg)
		want := core.CodeInvalid
		if name == "version" {
			want = core.CodeUnsupported
		}
		if got := core.ErrorCode(err); got != want {
			t.Errorf("%s: %s %v, want %s", name, got, err, want)
		}
	}

	proxy := fault.HTTP(t, home.URL)
	proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/createRoom", Fault: fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 2500}})
	_, err = matrixroom.MatrixRoomCreate(t.Context(), matrixroom.MatrixRoomCreateConfig{Client: clientFor(t, proxy.URL(), adaUser), Alias: newAlias()})
	if coded := wantError(t, err, core.CodeLimited, "M_LIMIT_EXCEEDED", adaUser.AccessToken); coded.RetryAfter.Milliseconds() != 2500 {
		t.Errorf("retry after %s", coded.RetryAfter)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = matrixroom.MatrixRoomCreate(ctx, matrixroom.MatrixRoomCreateConfig{Client: ada, Alias: newAlias()})
	wantError(t, err, core.CodeCanceled, "canceled")
}
