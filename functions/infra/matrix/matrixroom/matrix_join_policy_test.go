package matrixroom_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// policyFor starts a policy whose results arrive on a channel.
func policyFor(t testing.TB, cfg matrixroom.MatrixJoinPolicyConfig) (*matrixroom.MatrixJoinPolicyHandle, <-chan matrixroom.MatrixJoinPolicyResult) {
	t.Helper()
	results := make(chan matrixroom.MatrixJoinPolicyResult, 1000)
	cfg.OnResult = func(result matrixroom.MatrixJoinPolicyResult) { results <- result }
	if cfg.Interval == 0 {
		cfg.Interval = 5 * time.Millisecond
	}
	policy, err := matrixroom.MatrixJoinPolicy(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { matrixtest.Stop(t, policy) })
	return policy, results
}

func wantResult(t testing.TB, results <-chan matrixroom.MatrixJoinPolicyResult) matrixroom.MatrixJoinPolicyResult {
	t.Helper()
	select {
	case result := <-results:
		return result
	case <-time.After(matrixtest.Patience):
		t.Fatal("no result came")
		panic("unreachable")
	}
}

// invitations requests the pending invitations from the server, as in a sync.
func invitations(t testing.TB, client *mautrix.Client, rooms ...id.RoomID) map[id.RoomID]matrix.MatrixSyncEvent {
	t.Helper()
	found := map[id.RoomID]matrix.MatrixSyncEvent{}
	since, deadline := "", time.Now().Add(matrixtest.Patience)
	for slices.ContainsFunc(rooms, func(room id.RoomID) bool { return found[room].Type == "" }) { // Dendrite may be late
		response, err := client.FullSyncRequest(t.Context(), mautrix.ReqSync{Since: since, Timeout: 1000})
		if err != nil {
			t.Fatal(err)
		}
		since = response.NextBatch
		for room, invite := range response.Rooms.Invite {
			for _, evt := range invite.State.Events {
				if evt.Type.Type == event.StateMember.Type && evt.GetStateKey() == string(client.UserID) {
					evt.RoomID = room
					found[room] = matrix.MatrixEventNormalize(evt)
				}
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no invitation into all of %v came", rooms)
		}
	}
	return found
}

func inviteInto(t testing.TB, owner, guest *mautrix.Client) id.RoomID {
	t.Helper()
	room := newRoom(t, owner)
	if _, err := owner.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: guest.UserID}); err != nil {
		t.Fatal(err)
	}
	return room
}

// inviteEvent is an invitation that no server has sent.
func inviteEvent(room id.RoomID, inviter, guest id.UserID, membership string) matrix.MatrixSyncEvent {
	stateKey := string(guest)
	raw, err := json.Marshal(map[string]any{"type": "m.room.member", "state_key": stateKey, "sender": inviter, "content": map[string]any{"membership": membership}})
	if err != nil {
		panic(err)
	}
	return matrix.MatrixSyncEvent{Type: "m.room.member", RoomID: room, Sender: inviter, StateKey: &stateKey, Raw: raw}
}

// wantMembership waits until a room's owner sees a membership: in the state,
// since Synapse returns the same initial sync for two minutes.
func wantMembership(t testing.TB, owner *mautrix.Client, room id.RoomID, user id.UserID, want event.Membership) {
	t.Helper()
	until(t, "membership "+string(want), func() bool {
		var member event.MemberEventContent
		if err := owner.StateEvent(t.Context(), room, event.StateMember, string(user), &member); err != nil {
			t.Fatal(err)
		}
		return member.Membership == want
	})
}

func TestMatrixJoinPolicy_Allowlist(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  func(room id.RoomID) matrixroom.MatrixJoinPolicyConfig
		want matrixroom.MatrixJoinAction
		then event.Membership
	}{
		"nobody": {func(id.RoomID) matrixroom.MatrixJoinPolicyConfig { return matrixroom.MatrixJoinPolicyConfig{} }, matrixroom.MatrixJoinIgnore, event.MembershipInvite},
		"room": {func(room id.RoomID) matrixroom.MatrixJoinPolicyConfig {
			return matrixroom.MatrixJoinPolicyConfig{AllowRooms: []id.RoomID{room}, LeaveOthers: true}
		}, matrixroom.MatrixJoinAccept, event.MembershipJoin},
		"server": {func(id.RoomID) matrixroom.MatrixJoinPolicyConfig {
			return matrixroom.MatrixJoinPolicyConfig{AllowServers: []string{"LocalHost"}}
		}, matrixroom.MatrixJoinAccept, event.MembershipJoin},
		"every server": {func(id.RoomID) matrixroom.MatrixJoinPolicyConfig {
			return matrixroom.MatrixJoinPolicyConfig{AllowServers: []string{"*"}}
		}, matrixroom.MatrixJoinAccept, event.MembershipJoin},
		"others": {func(id.RoomID) matrixroom.MatrixJoinPolicyConfig {
			return matrixroom.MatrixJoinPolicyConfig{AllowRooms: []id.RoomID{"!other:localhost"}, AllowServers: []string{"example.org"}, LeaveOthers: true}
		}, matrixroom.MatrixJoinLeave, event.MembershipLeave},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner, bot := newClient(t, "owner"), newClient(t, "bot")
			room := inviteInto(t, owner, bot)
			cfg := c.cfg(room)
			cfg.Client = bot
			policy, results := policyFor(t, cfg)
			if got := policy.Observe(invitations(t, bot, room)[room]); got != c.want {
				t.Fatalf("it does %q, want %q", got, c.want)
			}
			if c.want != matrixroom.MatrixJoinIgnore {
				if result := wantResult(t, results); result.Err != nil || result.RoomID != room || result.Inviter != owner.UserID || result.Action != c.want {
					t.Errorf("the result is %+v", result)
				}
			}
			wantMembership(t, owner, room, bot.UserID, c.then)
		})
	}
}

// The server refuses for a while; withdrawn invitations are not retried, and
// permanent failures are reported.
func TestMatrixJoinPolicy_Faults(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	owner, user := newClient(t, "owner"), home.NewUser(t, "bot")
	direct := clientFor(t, home.URL, user)
	rooms := []id.RoomID{inviteInto(t, owner, direct), inviteInto(t, owner, direct), inviteInto(t, owner, direct)}
	events := invitations(t, direct, rooms...)
	proxy := fault.HTTP(t, home.URL)
	limited := proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/join/", Max: 2, Fault: fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 300}})
	proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/join/", Skip: 2, Max: 2, Fault: fault.Status{Code: 502}})
	proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/join/", Skip: 4, Max: 1, Fault: fault.Reset{AfterServer: true}})
	policy, results := policyFor(t, matrixroom.MatrixJoinPolicyConfig{Client: clientFor(t, proxy.URL(), user), AllowServers: []string{home.ServerName}})

	began := time.Now()
	policy.Observe(events[rooms[0]])
	policy.Observe(events[rooms[1]])
	policy.Observe(events[rooms[0]]) // redelivered
	if _, err := owner.KickUser(t.Context(), rooms[1], &mautrix.ReqKickUser{UserID: direct.UserID}); err != nil {
		t.Fatal(err)
	}
	if got := policy.Observe(inviteEvent(rooms[1], owner.UserID, direct.UserID, "leave")); got != "" {
		t.Errorf("a withdrawn invitation: %q", got)
	}
	if result := wantResult(t, results); result.RoomID != rooms[0] || result.Err != nil {
		t.Errorf("the result is %+v", result)
	}
	if took := time.Since(began); took < 300*time.Millisecond || limited.Injected() != 2 {
		t.Errorf("it took %s and met %d limits: too soon", took, limited.Injected())
	}
	if _, err := owner.KickUser(t.Context(), rooms[2], &mautrix.ReqKickUser{UserID: direct.UserID}); err != nil {
		t.Fatal(err)
	}
	policy.Observe(events[rooms[2]]) // the policy has not heard of the kick
	result := wantResult(t, results)
	wantError(t, result.Err, core.CodeForbidden, string(rooms[2]), user.AccessToken)
	want := matrixroom.MatrixJoinPolicyStats{Joined: 1, Failed: 1}
	if got := policy.Stats(); got != want {
		t.Errorf("the stats are %+v, want %+v", got, want)
	}
}

func TestMatrixJoinPolicy_GivesUp(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	proxy := fault.HTTP(t, home.URL)
	down := proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/", Fault: fault.Status{Code: 500}})
	bot := clientFor(t, proxy.URL(), home.NewUser(t, "bot"))
	policy, results := policyFor(t, matrixroom.MatrixJoinPolicyConfig{Client: bot, AllowServers: []string{"*"}, Attempts: 3, Interval: time.Millisecond})
	policy.Observe(inviteEvent("!a:b", "@eve:b", bot.UserID, "invite"))
	wantError(t, wantResult(t, results).Err, core.CodeUnavailable, "500")
	if down.Injected() != 3 {
		t.Errorf("tried %d times", down.Injected())
	}
}

// Twenty thousand invitations by an attacker, and a friend's among them: memory
// and requests are bounded, and the friend's is handled first.
func TestMatrixJoinPolicy_Flood(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	owner, user := newClient(t, "owner"), home.NewUser(t, "bot")
	proxy := fault.HTTP(t, home.URL)
	hold := proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/rooms/{room}/leave", Fault: fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 50}})
	bot := clientFor(t, proxy.URL(), user)
	room := inviteInto(t, owner, bot)
	friend := invitations(t, bot, room)[room]
	var log lockedBuffer
	began := time.Now()
	policy, results := policyFor(t, matrixroom.MatrixJoinPolicyConfig{
		Client: bot, AllowServers: []string{home.ServerName}, LeaveOthers: true, QueueSize: 20, Interval: 20 * time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	counts := map[matrixroom.MatrixJoinAction]int{}
	for n := range 20_000 {
		counts[policy.Observe(inviteEvent(id.RoomID(fmt.Sprintf("!%d:evil.example", n)), "@eve:evil.example", bot.UserID, "invite"))]++
		if n == 10_000 {
			if got := policy.Observe(friend); got != matrixroom.MatrixJoinAccept {
				t.Errorf("the friend's: %q", got)
			}
		}
	}
	if result := wantResult(t, results); result.RoomID != room || result.Err != nil {
		t.Errorf("the first result is %+v", result)
	}
	if counts[matrixroom.MatrixJoinLeave] != 20 || counts[matrixroom.MatrixJoinDrop] != 19_980 {
		t.Errorf("it did %v", counts)
	}
	if got := policy.Stats(); got.Waiting != 20 || got.Dropped != 19_980 || got.Joined != 1 {
		t.Errorf("the stats are %+v", got)
	}
	if n := strings.Count(log.String(), "are dropped"); n != 1 {
		t.Errorf("the log tells of it %d times", n)
	}
	// The limit applies to all of them together: they don't each send a
	// request.
	matrixtest.Stop(t, policy)
	if most := 1 + int(time.Since(began)/(50*time.Millisecond)); hold.Injected() > most {
		t.Errorf("%d requests in spite of the limit, which allowed %d", hold.Injected(), most)
	}
	if got := policy.Observe(friend); got != matrixroom.MatrixJoinDrop {
		t.Errorf("after Stop: %q", got)
	}
}

func TestMatrixJoinPolicy_NoInvitation(t *testing.T) {
	t.Parallel()
	bot := newClient(t, "bot")
	policy, results := policyFor(t, matrixroom.MatrixJoinPolicyConfig{Client: bot, AllowServers: []string{"*"}})
	own := string(bot.UserID)
	for name, e := range map[string]matrix.MatrixSyncEvent{
		"empty":          {},
		"message":        {Type: "m.room.message", RoomID: "!a:b", StateKey: &own, Raw: json.RawMessage(`{"content":{"membership":"invite"}}`)},
		"of another":     inviteEvent("!a:b", "@eve:b", "@other:b", "invite"),
		"join":           inviteEvent("!a:b", "@eve:b", bot.UserID, "join"),
		"no room":        inviteEvent("", "@eve:b", bot.UserID, "invite"),
		"no raw":         {Type: "m.room.member", RoomID: "!a:b", StateKey: &own},
		"wrong content":  {Type: "m.room.member", RoomID: "!a:b", StateKey: &own, Raw: json.RawMessage(`{"content":["membership"]}`)},
		"in prev":        {Type: "m.room.member", RoomID: "!a:b", StateKey: &own, Raw: json.RawMessage(`{"unsigned":{"membership":"invite"}}`)},
		"wrong spelling": {Type: "m.room.member", RoomID: "!a:b", StateKey: &own, Raw: json.RawMessage(`{"content":{"Membership":"invite"}}`)},
	} {
		if got := policy.Observe(e); got != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := policy.Stats(); got != (matrixroom.MatrixJoinPolicyStats{}) || len(results) != 0 {
		t.Errorf("the stats are %+v", got)
	}
}

func TestMatrixJoinPolicy_BadConfig(t *testing.T) {
	t.Parallel()
	bot := newClient(t, "bot")
	for _, cfg := range []matrixroom.MatrixJoinPolicyConfig{
		{}, {Client: &mautrix.Client{}}, {Client: bot, AllowServers: []string{""}}, {Client: bot, AllowServers: []string{"https://example.org"}}, {Client: bot, AllowServers: []string{"@a:b"}},
	} {
		_, err := matrixroom.MatrixJoinPolicy(t.Context(), cfg)
		wantError(t, err, core.CodeInvalid, "matrix_join_policy")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	policy, err := matrixroom.MatrixJoinPolicy(ctx, matrixroom.MatrixJoinPolicyConfig{Client: bot})
	if err != nil {
		t.Fatal(err)
	}
	cancel(errors.New("enough"))
	matrixtest.Stop(t, policy)
	matrixtest.Stop(t, policy)
}

func TestMatrixJoinPolicy_Conformance(t *testing.T) {
	t.Parallel()
	client, err := mautrix.NewClient("http://recorded.invalid", "@bot:example.org", "token")
	if err != nil {
		t.Fatal(err)
	}
	servicetest.ServiceConformance(t, func(_ *testing.T, ctx context.Context) (service.Service, error) {
		return matrixroom.MatrixJoinPolicy(ctx, matrixroom.MatrixJoinPolicyConfig{Client: client})
	})
}
