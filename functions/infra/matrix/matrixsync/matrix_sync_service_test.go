package matrixsync_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/service"
	"fnregistry.dev/functions/infra/service/servicetest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

const syncPath = "GET /_matrix/client/v3/sync"

// world is a user whose sync is tested, another one who sends, and a room with
// both.
type world struct {
	bot, alice *mautrix.Client
	user       servers.User // the bot's
	room       id.RoomID
	proxy      *fault.HTTPProxy // before the bot's server
}

func newWorld(t testing.TB) *world {
	t.Helper()
	server := servers.Matrix(t)
	w := &world{alice: newClient(t, "alice"), user: server.NewUser(t, "bot"), proxy: fault.HTTP(t, server.URL)}
	w.bot = clientFor(t, w.proxy.URL(), w.user)
	w.room = newRoom(t, w.alice, w.bot)
	return w
}

func TestMatrixSyncService_ReceivesMessageAndStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot})
	sent, err := w.alice.SendText(t.Context(), w.room, "hello")
	if err != nil {
		t.Fatal(err)
	}
	e := nextMessage(t, service)
	if e.Body != "hello" || e.RoomID != w.room || e.Sender != w.alice.UserID || e.EventID != sent.EventID || e.MsgType != "m.text" ||
		e.Timestamp.IsZero() || len(e.Raw) == 0 || e.Redelivered || e.Replayed || e.Encrypted {
		t.Errorf("got %+v", e)
	}
	if health := waitHealth(t, service, matrixsync.MatrixSyncHealthy); health.LastSuccess.IsZero() || health.Err != nil {
		t.Errorf("health %+v", health)
	}
	service.Stop()
	wantClosed(t, "Events", service.Events)
	wantClosed(t, "Errors", service.Errors)
}

func TestMatrixSyncService_BackoffRecovery(t *testing.T) {
	t.Parallel()
	for name, failure := range map[string]fault.Fault{
		"502":           fault.Status{Code: 502},
		"500":           fault.Status{Code: 500, Errcode: "M_UNKNOWN"},
		"429":           fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 20},
		"reset":         fault.Reset{},
		"cut body":      fault.CutBody{},
		"corrupt JSON":  fault.CorruptJSON{},
		"flipped bytes": fault.CorruptJSON{How: fault.Flip},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.bot.Client.Transport.(*http.Transport).DisableKeepAlives = true // or Go repeats a GET by itself
			rule := w.proxy.Add(fault.Rule{Match: syncPath, Max: 4, Fault: failure})
			service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot, InitialBackoff: 10 * time.Millisecond, MaxBackoff: 50 * time.Millisecond})
			for range rule.Injected() + 1 {
				if err := nextError(t, service); core.ErrorCode(err) == core.CodeInternal {
					t.Errorf("an error without a code: %v", err)
				}
			}
			send(t, w.alice, w.room, "after the storm")
			if e := nextMessage(t, service); e.Body != "after the storm" {
				t.Errorf("got %q", e.Body)
			}
			if rule.Injected() == 0 {
				t.Error("the fault met no sync")
			}
			if health := waitHealth(t, service, matrixsync.MatrixSyncHealthy); health.Failures != 0 {
				t.Errorf("health %+v", health)
			}
		})
	}
}

func TestMatrixSyncService_RetryAfter(t *testing.T) {
	t.Parallel()
	for name, limited := range map[string]fault.Status{
		"header": {Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfter: 2 * time.Second},
		"body":   {Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 2000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.proxy.Add(fault.Rule{Match: syncPath, Max: 1, Fault: limited})
			service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot, InitialBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond})
			began := time.Now()
			if err := nextError(t, service); core.ErrorCode(err) != core.CodeLimited {
				t.Errorf("got %v", err)
			}
			next(t, service)
			if waited := time.Since(began); waited < 1900*time.Millisecond { // the proxy's answer was before began, by what a loaded machine takes
				t.Errorf("asked again after %v", waited)
			}
		})
	}
}

func TestMatrixSyncService_Error401NoExit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bot, err := matrix.MatrixClientInit(t.Context(), matrix.MatrixClientInitConfig{Homeserver: w.proxy.URL(), AccessToken: w.user.AccessToken})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(bot.Client.CloseIdleConnections)
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: bot, MaxBackoff: 3600 * time.Second})
	send(t, w.alice, w.room, "before")
	nextMessage(t, service)
	// A copy of the client logs out: what happens when an administrator ends
	// the session.
	if _, err := clientFor(t, w.proxy.URL(), w.user).Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, w.alice, w.room, "meanwhile") // Dendrite ends no long poll at a logout
	err = nil
	for err == nil || core.ErrorCode(err) != core.CodeUnauthenticated {
		err = nextError(t, service)
	}
	if !errors.Is(err, mautrix.MUnknownToken) {
		t.Errorf("got %v", err)
	}
	if health := waitHealth(t, service, matrixsync.MatrixSyncNeedsCredentials); health.Err == nil {
		t.Errorf("health %+v", health)
	}
	if err := matrix.MatrixClientLogin(t.Context(), matrix.MatrixClientLoginConfig{Client: bot, Password: []byte(w.user.Password)}); err != nil {
		t.Fatal(err)
	}
	service.Resume()
	send(t, w.alice, w.room, "after")
	var bodies []string
	for len(bodies) == 0 || bodies[len(bodies)-1] != "after" {
		bodies = append(bodies, nextMessage(t, service).Body)
	}
	if fmt.Sprint(bodies) != "[meanwhile after]" && fmt.Sprint(bodies) != "[after]" {
		t.Errorf("got %q", bodies)
	}
	waitHealth(t, service, matrixsync.MatrixSyncHealthy)
}

func TestMatrixSyncService_IdempotentStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot})
	stopped := make(chan struct{}, 3)
	for range 3 {
		go func() {
			service.Stop()
			stopped <- struct{}{}
		}()
	}
	for range 3 {
		<-stopped
	}
	service.Stop()
	wantClosed(t, "Events", service.Events)
	if matrixsync.MatrixSyncRunning(w.bot) {
		t.Error("it still runs")
	}
	again := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot})
	next(t, again)
}

func TestMatrixSyncService_CtxCancelClosesChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	// A buffer of one that nobody drains: the loop blocks in a send.
	service, err := matrixsync.MatrixSyncService(ctx, matrixsync.MatrixSyncServiceConfig{Client: w.bot, ChannelBuffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	next(t, service)
	cancel()
	wantClosed(t, "Events", service.Events)
	wantClosed(t, "Errors", service.Errors)
	service.Stop()
}

func TestMatrixSyncService_SlowConsumer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot, ChannelBuffer: 1, Store: newStore(t)})
	nextThat(t, service, func(e matrix.MatrixSyncEvent) bool { // its own joining: the initial sync is read
		return e.Type == "m.room.member" && e.Sender == w.bot.UserID
	})
	send(t, w.alice, w.room, "first")
	nextMessage(t, service)
	var bodies []string
	for i := range 120 {
		bodies = append(bodies, fmt.Sprint("message ", i))
	}
	send(t, w.alice, w.room, bodies...) // all of them while nobody reads
	polls := w.proxy.Add(fault.Rule{Match: syncPath, Fault: fault.Delay{Time: time.Millisecond}})
	wantMessages(t, service, bodies)
	if polls.Injected() > 10 { // 120 messages come in two or three answers
		t.Errorf("%d polls", polls.Injected())
	}
}

func TestMatrixSyncService_SecondServiceRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot})
	_, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: w.bot})
	if core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("got %v", err)
	}
	next(t, service) // the first one goes on
}

func TestMatrixSyncService_ErrorsNeverBlock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rule := w.proxy.Add(fault.Rule{Match: syncPath, Max: 100, Fault: fault.Status{Code: 503}})
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot, InitialBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond})
	send(t, w.alice, w.room, "through")
	if e := nextMessage(t, service); e.Body != "through" || rule.Injected() != 100 {
		t.Errorf("%q after %d failures", e.Body, rule.Injected())
	}
	service.Stop()
	kept := 0
	for range service.Errors {
		kept++
	}
	if kept == 0 || kept > 100 {
		t.Errorf("%d errors kept", kept)
	}
}

func TestMatrixSyncService_BadConfig(t *testing.T) {
	t.Parallel()
	noUser, err := mautrix.NewClient("http://127.0.0.1:1", "", "secret")
	if err != nil {
		t.Fatal(err)
	}
	for name, client := range map[string]*mautrix.Client{"none": nil, "empty": {}, "no user": noUser} {
		if _, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: client}); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: got %v", name, err)
		}
		if client != nil && matrixsync.MatrixSyncRunning(client) {
			t.Errorf("%s: counts as running", name)
		}
	}
}

// ownMember returns a predicate for the bot's member event in a room, with this
// membership.
func ownMember(w *world, room id.RoomID, membership string) func(matrix.MatrixSyncEvent) bool {
	return func(e matrix.MatrixSyncEvent) bool {
		var said struct{ Content struct{ Membership string } }
		return e.RoomID == room && e.Type == "m.room.member" && e.StateKey != nil && *e.StateKey == string(w.bot.UserID) &&
			json.Unmarshal(e.Raw, &said) == nil && said.Content.Membership == membership
	}
}

func TestMatrixSyncService_InvitesAndLeaves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := newStore(t)
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: store})
	room := newRoom(t, w.alice)
	own := func(membership string) func(matrix.MatrixSyncEvent) bool { return ownMember(w, room, membership) }
	invite := func() {
		if _, err := w.alice.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: w.bot.UserID}); err != nil {
			t.Fatal(err)
		}
		if e := nextThat(t, service, own("invite")); e.Sender != w.alice.UserID || e.EventID != "" {
			t.Errorf("the invitation is %+v", e)
		}
	}
	invite()
	if _, err := w.bot.LeaveRoom(t.Context(), room); err != nil { // rejected
		t.Fatal(err)
	}
	nextThat(t, service, own("leave"))
	invite() // the same again is a new one
	if _, err := w.bot.JoinRoomByID(t.Context(), room); err != nil {
		t.Fatal(err)
	}
	nextThat(t, service, own("join"))
	send(t, w.alice, room, "last words")
	if _, err := w.alice.KickUser(t.Context(), room, &mautrix.ReqKickUser{UserID: w.bot.UserID}); err != nil {
		t.Fatal(err)
	}
	if e := nextMessage(t, service); e.Body != "last words" {
		t.Errorf("got %q", e.Body)
	}
	if e := nextThat(t, service, own("leave")); e.Sender != w.alice.UserID {
		t.Errorf("the kick is %+v", e)
	}
}

// An invitation that was withdrawn and repeated while offline is a new one,
// though the server reports only one; in an initial sync a known one is not
// new.
func TestMatrixSyncService_InvitedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	db := newDB(t).Writer
	store, err := matrixsync.MatrixSyncStore(t.Context(), matrixsync.MatrixSyncStoreConfig{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: store, InitialBackoff: time.Millisecond}
	room := newRoom(t, w.alice)
	invited, left := ownMember(w, room, "invite"), ownMember(w, room, "leave")
	service := startSync(t, cfg)
	for range 2 {
		if _, err := w.alice.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: w.bot.UserID}); err != nil {
			t.Fatal(err)
		}
		nextThat(t, service, invited)
		service.Stop()
		if _, err := w.alice.KickUser(t.Context(), room, &mautrix.ReqKickUser{UserID: w.bot.UserID}); err != nil {
			t.Fatal(err)
		}
		// Its token is older: the withdrawal is never seen alone.
		if _, err := w.alice.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: w.bot.UserID}); err != nil {
			t.Fatal(err)
		}
		service = startSync(t, cfg)
		nextThat(t, service, invited)
		if _, err := w.alice.KickUser(t.Context(), room, &mautrix.ReqKickUser{UserID: w.bot.UserID}); err != nil {
			t.Fatal(err)
		}
		nextThat(t, service, left)
	}
	if _, err := w.alice.InviteUser(t.Context(), room, &mautrix.ReqInviteUser{UserID: w.bot.UserID}); err != nil {
		t.Fatal(err)
	}
	nextThat(t, service, invited)
	service.Stop()
	if _, err := db.ExecContext(t.Context(), "UPDATE matrix_sync_state SET token = 'no such token'"); err != nil {
		t.Fatal(err)
	}
	// Another filter: Synapse caches its response to an initial sync for two
	// minutes.
	cfg.Filter = &mautrix.Filter{Room: &mautrix.RoomFilter{Timeline: &mautrix.FilterPart{Limit: 40}}}
	service = startSync(t, cfg)
	send(t, w.alice, w.room, "go on")
	nextThat(t, service, func(e matrix.MatrixSyncEvent) bool {
		if invited(e) {
			t.Errorf("a known invitation came again: %+v", e)
		}
		return e.Body == "go on"
	})
}

// Servers may report a rejected invitation or a ban only in the state. Those of
// testenv don't.
func TestMatrixSyncService_LeaveInState(t *testing.T) {
	t.Parallel()
	server := &recorded{responses: [][]byte{
		[]byte(`{"next_batch":"s1"}`),
		[]byte(`{"next_batch":"s2","rooms":{"leave":{"!r:x":{"state":{"events":[{"type":"m.room.name","state_key":""},` +
			`{"type":"m.room.member","event_id":"$ban","state_key":"@bot:localhost","content":{"membership":"ban"}}]}}}}}`),
	}}
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, server)})
	if e := next(t, service); e.EventID != "$ban" || e.Type != "m.room.member" || e.RoomID != "!r:x" {
		t.Errorf("got %+v", e)
	}
}

func TestMatrixSyncService_HealthAndMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	registry := metrics.MetricsText(metrics.MetricsTextConfig{})
	w.proxy.Add(fault.Rule{Match: syncPath, Max: 1, Fault: fault.Status{Code: 503}})
	service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: w.bot, Metrics: registry, InitialBackoff: time.Millisecond})
	if health := service.Health(); health.State != matrixsync.MatrixSyncDegraded {
		t.Errorf("at the start %+v", health)
	}
	send(t, w.alice, w.room, "counted")
	nextMessage(t, service)
	waitHealth(t, service, matrixsync.MatrixSyncHealthy)
	service.Stop() // an event is counted just after it was delivered
	page := httptest.NewRecorder()
	registry.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`matrix_sync_failures_total{user="` + w.user.ID + `",kind="unavailable"} 1`,
		`matrix_sync_events_total{user="` + w.user.ID + `",type="m.room.message",kind=""} 1`,
		`matrix_sync_lag_seconds{user="` + w.user.ID + `"}`,
		`matrix_sync_last_success_timestamp_seconds{user="` + w.user.ID + `"} 1`,
		`matrix_sync_queue_depth{user="` + w.user.ID + `"}`,
	} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("%s is not in\n%s", want, page.Body)
		}
	}
}

// A state store in memory is empty after a restart, and a message to an
// encrypted room would be sent unencrypted: the service requests the state
// again.
func TestMatrixSyncService_StateAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.alice.SendStateEvent(t.Context(), w.room, event.StateEncryption, "", &event.EncryptionEventContent{Algorithm: id.AlgorithmMegolmV1}); err != nil {
		t.Fatal(err)
	}
	store := newStore(t)
	for start := range 2 {
		bot := clientFor(t, w.proxy.URL(), w.user)
		bot.StateStore = mautrix.NewMemoryStateStore()
		service := startSync(t, matrixsync.MatrixSyncServiceConfig{Client: bot, Store: store})
		send(t, w.alice, w.room, "anyone there?")
		nextMessage(t, service)
		encrypted, err := bot.StateStore.IsEncrypted(t.Context(), w.room)
		if err != nil || !encrypted {
			t.Errorf("start %d: encrypted: %v, %v", start, encrypted, err)
		}
		if !bot.StateStore.IsInRoom(t.Context(), w.room, w.alice.UserID) {
			t.Errorf("start %d: the members are not known", start)
		}
		service.Stop()
	}
}

// The consumer may Ack from any goroutine, after Stop, and twice.
func TestMatrixSyncService_AckAfterStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := newStore(t)
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: store}
	service := startSync(t, cfg)
	send(t, w.alice, w.room, "one", "two", "three")
	var got []matrix.MatrixSyncEvent
	for messages := 0; messages < 3; {
		e := next(t, service)
		if e.Type == "m.room.message" {
			messages++
		}
		got = append(got, e)
	}
	service.Stop()
	kept := got[len(got)-2] // two
	done := append(slices.Clone(got[:len(got)-2]), got[len(got)-1])
	if err := service.Ack(t.Context(), done...); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(service.Ack(t.Context(), done...), done[0].Ack(t.Context()), service.Ack(t.Context())); err != nil {
		t.Error(err)
	}
	service = startSync(t, cfg)
	if e := next(t, service); e.EventID != kept.EventID || !e.Redelivered || e.Body != "two" || string(e.Raw) != string(kept.Raw) || !e.Timestamp.Equal(kept.Timestamp) {
		t.Errorf("came again: %+v\nwant %+v", e, kept)
	}
	send(t, w.alice, w.room, "four")
	if e := next(t, service); e.Body != "four" || e.Redelivered {
		t.Errorf("got %+v", e)
	}
}

// silent is a server that never answers.
type silent struct{}

func (silent) RoundTrip(request *http.Request) (*http.Response, error) {
	<-request.Context().Done()
	return nil, request.Context().Err()
}

func TestMatrixSyncService_Conformance(t *testing.T) {
	t.Parallel()
	servicetest.ServiceConformance(t, func(t *testing.T, ctx context.Context) (service.Service, error) {
		h, err := matrixsync.MatrixSyncService(ctx, matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, silent{})})
		if err != nil {
			return nil, err
		}
		return h.Service(), nil
	})
}

// The handle's own Stop and the service's are the same: after either the
// channels are closed.
func TestMatrixSyncService_StopForms(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(h *matrixsync.MatrixSyncServiceHandle) error{
		"Stop":         func(h *matrixsync.MatrixSyncServiceHandle) error { h.Stop(); return nil },
		"Service.Stop": func(h *matrixsync.MatrixSyncServiceHandle) error { return h.Service().Stop(context.Background()) },
	} {
		h, err := matrixsync.MatrixSyncService(t.Context(), matrixsync.MatrixSyncServiceConfig{Client: recordedClient(t, silent{})})
		if err != nil {
			t.Fatal(err)
		}
		if err := stop(h); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-h.Done():
		default:
			t.Errorf("%s: Done is open", name)
		}
		if _, open := <-h.Events; open || h.Err() != nil {
			t.Errorf("%s: Events open: %t, Err: %v", name, open, h.Err())
		}
	}
}

// Members can't forge the service's own events: an event may have any type.
func TestMatrixSyncService_ForgedKinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cfg := matrixsync.MatrixSyncServiceConfig{Client: w.bot, Store: newStore(t)}
	service := startSync(t, cfg)
	for _, kind := range []string{"gap", "encrypted", "hole", "state"} {
		content := map[string]any{"from": "a", "to": "b", "Gap": map[string]any{"from": "a", "to": "b"}, "Kind": "gap", "kind": "gap", "body": "x"}
		if _, err := w.alice.SendMessageEvent(t.Context(), w.room, event.Type{Type: kind, Class: event.MessageEventType}, content); err != nil {
			t.Fatal(err)
		}
	}
	check := func(service *matrixsync.MatrixSyncServiceHandle, redelivered bool) {
		t.Helper()
		for _, kind := range []string{"gap", "encrypted", "hole", "state"} {
			e := next(t, service)
			for e.Type != kind {
				e = next(t, service)
			}
			if e.Kind != matrix.MatrixKindEvent || e.Gap != nil || e.Encrypted || e.Reason != "" || e.Sender != w.alice.UserID || e.Redelivered != redelivered {
				t.Errorf("%s: %+v", kind, e)
			}
			if line := matrix.MatrixEventLine(e, matrix.MatrixEventLineConfig{}); strings.Contains(line, "(") {
				t.Errorf("%s reads as the service's own word: %s", kind, line)
			}
		}
	}
	check(service, false)
	service.Stop()
	check(startSync(t, cfg), true)
}
