package matrix_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// Requests run continuously while the client gets new credentials; -race checks
// that this is safe.
func TestMatrixClientLogin_WhileRequestsRun(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	tokens := newTokens()
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: id.UserID(user.ID), Password: []byte(user.Password), Tokens: tokens})
	device := client.DeviceID

	var stop atomic.Bool
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for !stop.Load() {
				if whose, err := client.Whoami(t.Context()); err == nil && whose.UserID != client.UserID {
					t.Errorf("the token is that of %s", whose.UserID)
				}
			}
		})
	}
	for range 3 {
		old, _ := tokens.Get(t.Context(), "matrix/"+user.ID)
		password := []byte(user.Password)
		if err := matrix.MatrixClientLogin(t.Context(), matrix.MatrixClientLoginConfig{Client: client, Password: password, Tokens: tokens}); err != nil {
			t.Fatal(err)
		}
		if strings.Trim(string(password), "\x00") != "" {
			t.Error("the password is still there")
		}
		now, _ := tokens.Get(t.Context(), "matrix/"+user.ID)
		if now == old {
			t.Error("the store has the old token")
		}
	}
	stop.Store(true)
	running.Wait()
	if whose, err := client.Whoami(t.Context()); err != nil || whose.DeviceID != device {
		t.Errorf("got %v, %v, want the device %s", whose, err, device)
	}
}

// The server no longer knows the token; a new one for the same device makes the
// client work again.
func TestMatrixClientLogin_AfterLogout(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, AccessToken: user.AccessToken})
	if _, err := client.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := client.Whoami(t.Context())
	wantError(t, matrix.MatrixError("whoami", err), core.CodeUnauthenticated, "M_UNKNOWN_TOKEN", user.AccessToken)

	tokens := newTokens()
	mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: client.UserID, DeviceID: client.DeviceID, Password: []byte(user.Password), Tokens: tokens})
	accessToken, _ := tokens.Get(t.Context(), "matrix/"+user.ID)
	if err := matrix.MatrixClientLogin(t.Context(), matrix.MatrixClientLoginConfig{Client: client, AccessToken: accessToken}); err != nil {
		t.Fatal(err)
	}
	newRoom(t, client)
}

func TestMatrixClientLogin_Refused(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	ada, bob := home.NewUser(t, "ada"), home.NewUser(t, "bob")
	proxy := fault.HTTP(t, home.URL)
	tokens := newTokens()
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: proxy.URL(), AccessToken: ada.AccessToken, Tokens: tokens})
	secondDevice := newTokens()
	mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: id.UserID(ada.ID), Password: []byte(ada.Password), Tokens: secondDevice})
	otherDevice, _ := secondDevice.Get(t.Context(), "matrix/"+ada.ID)

	login := func(cfg matrix.MatrixClientLoginConfig) error {
		cfg.Client, cfg.Tokens = client, tokens
		return matrix.MatrixClientLogin(t.Context(), cfg)
	}
	wantError(t, login(matrix.MatrixClientLoginConfig{}), core.CodeInvalid, "is needed")
	wantError(t, login(matrix.MatrixClientLoginConfig{AccessToken: "hunter2", Password: []byte("battery")}), core.CodeInvalid, "is needed", "hunter2", "battery")
	wantError(t, login(matrix.MatrixClientLoginConfig{AccessToken: "hunter2 "}), core.CodeInvalid, "blank", "hunter2")
	wantError(t, login(matrix.MatrixClientLoginConfig{AccessToken: "hunter2"}), core.CodeUnauthenticated, "M_UNKNOWN_TOKEN", "hunter2")
	wantError(t, login(matrix.MatrixClientLoginConfig{AccessToken: bob.AccessToken}), core.CodeConflict, "belongs to "+bob.ID, bob.AccessToken)
	wantError(t, login(matrix.MatrixClientLoginConfig{AccessToken: otherDevice}), core.CodeConflict, "belongs to the device", otherDevice)
	wantError(t, login(matrix.MatrixClientLoginConfig{Password: []byte("battery")}), core.CodeUnauthenticated, "M_FORBIDDEN", "battery")

	proxy.Add(fault.Rule{Match: "POST /_matrix/client/v3/login", Max: 1, Fault: fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 1500}})
	limited := wantError(t, login(matrix.MatrixClientLoginConfig{Password: []byte(ada.Password)}), core.CodeLimited, "M_LIMIT_EXCEEDED", ada.Password)
	if limited.RetryAfter.Milliseconds() != 1500 {
		t.Errorf("retry after %s", limited.RetryAfter)
	}
	tokens.Broken = &core.Error{Code: core.CodeUnavailable, Op: "the keyring", Message: "is locked"}
	wantError(t, login(matrix.MatrixClientLoginConfig{AccessToken: ada.AccessToken}), core.CodeUnavailable, "is locked", ada.AccessToken)

	wantError(t, matrix.MatrixClientLogin(t.Context(), matrix.MatrixClientLoginConfig{Client: clientFor(t, home.URL, ada), AccessToken: "x"}), core.CodeInvalid, "not made by matrix_client_init")
	wantError(t, matrix.MatrixClientLogin(t.Context(), matrix.MatrixClientLoginConfig{AccessToken: "x"}), core.CodeInvalid, "not made by matrix_client_init")

	// After all of this the client has its old token, and so has the store.
	if _, err := client.Whoami(t.Context()); err != nil {
		t.Error(err)
	}
	if got, _ := tokens.Get(t.Context(), "matrix/"+ada.ID); got != ada.AccessToken {
		t.Errorf("the store has %q", got)
	}
}

// A homeserver that only supports another login type; neither of the tests'
// servers does that.
func TestMatrixClientLogin_NoPasswords(t *testing.T) {
	t.Parallel()
	server := serve(t, answer(200, `{"versions":["v1.1"],"flows":[{"type":"m.login.sso"}]}`))
	_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: server.URL, UserID: "@a:b", Password: []byte("battery")})
	wantError(t, err, core.CodeUnsupported, "no login by password", "battery")
}
