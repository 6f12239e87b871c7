package matrix_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// whoami makes a request, and returns its error as units do.
func whoami(t testing.TB, client *mautrix.Client) error {
	t.Helper()
	_, err := client.JoinedRooms(t.Context())
	return matrix.MatrixError("test rooms", err)
}

// A client that is made while the homeserver is away works once that is there,
// and knows its user and device before.
func TestMatrixClientInit_Offline(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	proxy := fault.HTTP(t, home.URL)
	tokens := newTokens()
	cfg := matrix.MatrixClientInitConfig{Homeserver: proxy.URL(), UserID: id.UserID(user.ID), AccessToken: user.AccessToken, Tokens: tokens}
	mustInit(t, cfg) // the login before
	cfg.AccessToken = ""
	proxy.Down()
	client := mustInit(t, cfg)
	if client.UserID != cfg.UserID || client.DeviceID != id.DeviceID(user.DeviceID) {
		t.Errorf("the client is for %s %s", client.UserID, client.DeviceID)
	}
	wantError(t, whoami(t, client), core.CodeUnavailable, "test rooms", user.AccessToken)
	proxy.Up()
	asked := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/account/whoami", Fault: fault.Delay{Time: time.Millisecond}})
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := whoami(t, client); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := asked.Matched(); n != 1 {
		t.Errorf("asked %d times whose the token is", n)
	}
}

// Without a former login a token and a user ID do, and the token is stored once
// the server has accepted it, not before.
func TestMatrixClientInit_OfflineFirst(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	proxy := fault.HTTP(t, home.URL)
	tokens := newTokens()
	proxy.Down()
	cfg := matrix.MatrixClientInitConfig{Homeserver: proxy.URL(), UserID: id.UserID(user.ID), AccessToken: user.AccessToken, Tokens: tokens}
	client := mustInit(t, cfg)
	if client.DeviceID != "" || tokens.Value("matrix/"+user.ID) != "" {
		t.Errorf("the device is %s, the token %q", client.DeviceID, tokens.Value("matrix/"+user.ID))
	}
	unknown := cfg
	unknown.UserID = ""
	_, err := initClient(t, unknown)
	wantError(t, err, core.CodeUnavailable, "", user.AccessToken)
	byPassword := cfg
	byPassword.AccessToken, byPassword.Password = "", []byte(user.Password)
	_, err = initClient(t, byPassword)
	wantError(t, err, core.CodeUnavailable, "", user.Password)
	proxy.Up()
	if err := whoami(t, client); err != nil {
		t.Fatal(err)
	}
	if tokens.Value("matrix/"+user.ID) != user.AccessToken {
		t.Error("the token was not stored")
	}
}

// What is wrong with the token is said as soon as the server can say it, with
// each request, and nothing is done in another's name.
func TestMatrixClientInit_OfflineWrongToken(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	ada, bob := home.NewUser(t, "ada"), home.NewUser(t, "bob")
	for name, c := range map[string]struct {
		cfg  matrix.MatrixClientInitConfig
		code core.Code
		text string
	}{
		"unknown":          {matrix.MatrixClientInitConfig{UserID: id.UserID(ada.ID), AccessToken: "syt_hunter2"}, core.CodeUnauthenticated, "M_UNKNOWN_TOKEN"},
		"another user's":   {matrix.MatrixClientInitConfig{UserID: id.UserID(ada.ID), AccessToken: bob.AccessToken}, core.CodeConflict, "belongs to " + bob.ID},
		"another device's": {matrix.MatrixClientInitConfig{UserID: id.UserID(bob.ID), AccessToken: bob.AccessToken, DeviceID: "OTHER"}, core.CodeConflict, "belongs to the device"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := fault.HTTP(t, home.URL)
			rooms := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v3/joined_rooms", Fault: fault.Delay{Time: time.Millisecond}})
			proxy.Down()
			c.cfg.Homeserver, c.cfg.Tokens = proxy.URL(), newTokens()
			client := mustInit(t, c.cfg)
			proxy.Up()
			for range 2 {
				coded := wantError(t, whoami(t, client), c.code, c.text, c.cfg.AccessToken)
				if c.code == core.CodeUnauthenticated && coded.Hint == "" {
					t.Error("no hint")
				}
			}
			if n := rooms.Matched(); n != 0 {
				t.Errorf("%d requests with that token", n)
			}
			if names, _ := c.cfg.Tokens.List(t.Context()); len(names) != 0 {
				t.Errorf("stored %q", names)
			}
			login := matrix.MatrixClientLoginConfig{Client: client, AccessToken: ada.AccessToken}
			if c.cfg.UserID == id.UserID(ada.ID) {
				if err := matrix.MatrixClientLogin(t.Context(), login); err != nil {
					t.Fatal(err)
				}
				if err := whoami(t, client); err != nil {
					t.Errorf("with new credentials: %v", err)
				}
			}
		})
	}
}

// A server name is looked up as soon as that works.
func TestMatrixClientInit_OfflineDiscovery(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	base := discoveryServer(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"m.homeserver":{"base_url":%q}}`, home.URL)
	})
	down := &switched{RoundTripper: base, down: true}
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: "example.com", UserID: id.UserID(user.ID), AccessToken: user.AccessToken, Transport: down})
	t.Cleanup(base.CloseIdleConnections)
	wantError(t, whoami(t, client), core.CodeUnavailable, "network is unreachable", user.AccessToken)
	down.set(false)
	if err := whoami(t, client); err != nil {
		t.Fatal(err)
	}
	newRoom(t, client)
}

// A server that accepts connections and says nothing holds a start up for 10
// seconds.
func TestMatrixClientInit_OfflineSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		silent := roundTrip(func(request *http.Request) (*http.Response, error) {
			<-request.Context().Done()
			return nil, context.Cause(request.Context())
		})
		cfg := matrix.MatrixClientInitConfig{Homeserver: "http://homeserver", UserID: "@ada:example.org", AccessToken: "x", Transport: silent}
		if _, err := initClient(t, cfg); err != nil || time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := matrix.MatrixClientInit(ctx, cfg) // the caller's own deadline is an error
		matrixtest.WantError(t, err, core.CodeTimeout, "deadline")
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// switched is a transport without a network while it is down.
type switched struct {
	http.RoundTripper
	mu   sync.Mutex
	down bool
}

func (s *switched) set(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

func (s *switched) RoundTrip(request *http.Request) (*http.Response, error) {
	s.mu.Lock()
	down := s.down
	s.mu.Unlock()
	if down {
		return nil, fmt.Errorf("network is unreachable")
	}
	return s.RoundTripper.RoundTrip(request)
}
