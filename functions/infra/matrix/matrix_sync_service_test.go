package matrix_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"
)

const syncPath = "GET /_matrix/client/v3/sync"

// world is a user whose sync is tested, another one who speaks, and a room of both.
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
	service := startSync(t, matrix.MatrixSyncServiceConfig{Client: w.bot})
	sent, err := w.alice.SendText(t.Context(), w.room, "hello")
	if err != nil {
		t.Fatal(err)
	}
	e := nextMessage(t, service)
	if e.Body != "hello" || e.RoomID != w.room || e.Sender != w.alice.UserID || e.EventID != sent.EventID || e.MsgType != "m.text" ||
		e.Timestamp.IsZero() || len(e.Raw) == 0 || e.Redelivered || e.Replayed || e.Encrypted {
		t.Errorf("got %+v", e)
	}
	if health := waitHealth(t, service, matrix.MatrixSyncHealthy); health.LastSuccess.IsZero() || health.Err != nil {
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
			service := startSync(t, matrix.MatrixSyncServiceConfig{Client: w.bot, InitialBackoffMS: 10, MaxBackoffMS: 50})
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
			if health := waitHealth(t, service, matrix.MatrixSyncHealthy); health.Failures != 0 {
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
			service := startSync(t, matrix.MatrixSyncServiceConfig{Client: w.bot, InitialBackoffMS: 1, MaxBackoffMS: 2})
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
	service := startSync(t, matrix.MatrixSyncServiceConfig{Client: w.bot, MaxBackoffMS: 3_600_000})
	send(t, w.alice, w.room, "before")
	nextMessage(t, service)
	// A copy of the client logs out: what happens when an administrator ends the session.
	if _, err := clientFor(t, w.proxy.URL(), w.user).Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, w.alice, w.room, "meanwhile") // Dendrite ends no long poll at a logout
	var err error
	for err == nil || core.ErrorCode(err) != core.CodeUnauthenticated {
		err = nextError(t, service)
	}
	if !errors.Is(err, mautrix.MUnknownToken) {
		t.Errorf("got %v", err)
	}
	if health := waitHealth(t, service, matrix.MatrixSyncNeedsCredentials); health.Err == nil {
		t.Errorf("health %+v", health)
	}
	login, err := clientFor(t, w.proxy.URL(), w.user).Login(t.Context(), &mautrix.ReqLogin{
		Type: mautrix.AuthTypePassword, Password: w.user.Password, DeviceID: id.DeviceID(w.user.DeviceID),
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: w.user.ID},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.bot.OAuthSetTokens("", "", login.AccessToken, time.Time{})
	service.Resume()
	send(t, w.alice, w.room, "after")
	var bodies []string
	for len(bodies) == 0 || bodies[len(bodies)-1] != "after" {
		bodies = append(bodies, nextMessage(t, service).Body)
	}
	if fmt.Sprint(bodies) != "[meanwhile after]" && fmt.Sprint(bodies) != "[after]" {
		t.Errorf("got %q", bodies)
	}
	waitHealth(t, service, matrix.MatrixSyncHealthy)
}

func TestMatrixSyncService_IdempotentStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	service := startSync(t, matrix.MatrixSyncServiceConfig{Client: w.bot})
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
	if matrix.MatrixSyncRunning(w.bot) {
		t.Error("it still runs")
	}
	again := startSync(t, matrix.MatrixSyncServiceConfig{Client: w.bot})
	next(t, again)
}

func TestMatrixSyncService_CtxCancelClosesChannels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	// A buffer of one that nobody empties: the loop stands in a send.
	service, err := matrix.MatrixSyncService(ctx, matrix.MatrixSyncServiceConfig{Client: w.bot, ChannelBuffer: 1})
	if err != nil {
		t.Fatal(err)
	}
	next(t, service)
	cancel()
	wantClosed(t, "Events", service.Events)
	wantClosed(t, "Errors", service.Errors)
	service.Stop()
}
