package matrix_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestMatrixClientInit_AccessToken(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	tokens := newTokens()
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL + "/", AccessToken: user.AccessToken, Tokens: tokens})
	if client.UserID != id.UserID(user.ID) || client.DeviceID != id.DeviceID(user.DeviceID) {
		t.Errorf("the client is for %s %s, want %s %s", client.UserID, client.DeviceID, user.ID, user.DeviceID)
	}
	if client.StateStore == nil || client.SpecVersions.GetLatest().LessThan(mautrix.SpecV11) {
		t.Error("no state store or no versions")
	}
	if got, err := tokens.Get(t.Context(), "matrix/"+user.ID); err != nil || got != user.AccessToken {
		t.Errorf("the store has %q, %v", got, err)
	}
	newRoom(t, client)

	// From now on the user ID is enough.
	again := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: id.UserID(user.ID), Tokens: tokens})
	if again.DeviceID != client.DeviceID {
		t.Errorf("the device is %s, want %s", again.DeviceID, client.DeviceID)
	}
	named := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, TokenName: "matrix/" + user.ID, Tokens: tokens})
	if named.UserID != client.UserID {
		t.Errorf("the user is %s", named.UserID)
	}
}

func TestMatrixClientInit_Password(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "bob")
	tokens := newTokens()
	cfg := matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: id.UserID(user.ID), Tokens: tokens, TokenName: "bot", DeviceName: "a test"}
	_, err := initClient(t, cfg)
	wantError(t, err, core.CodeUnauthenticated, "no access token is stored")

	cfg.Password = []byte("wrong-" + user.Password)
	_, err = initClient(t, cfg)
	wantError(t, err, core.CodeUnauthenticated, "M_FORBIDDEN", user.Password)
	if names, _ := tokens.List(t.Context()); len(names) != 0 {
		t.Errorf("the store has %q", names)
	}

	cfg.Password = []byte(user.Password)
	client := mustInit(t, cfg)
	if strings.Trim(string(cfg.Password), "\x00") != "" {
		t.Errorf("the password is still there: %q", cfg.Password)
	}
	if client.DeviceID == "" || client.DeviceID == id.DeviceID(user.DeviceID) {
		t.Errorf("the device is %q", client.DeviceID)
	}
	info, err := client.GetDeviceInfo(t.Context(), client.DeviceID)
	if err != nil || info.DisplayName != "a test" {
		t.Errorf("the device is called %v, %v", info, err)
	}

	// The stored token is used, and a wrong password is ignored.
	cfg.Password = []byte("unused")
	again := mustInit(t, cfg)
	if again.DeviceID != client.DeviceID || strings.Contains(string(cfg.Password), "unused") {
		t.Errorf("the device is %q, the password %q", again.DeviceID, cfg.Password)
	}

	// A token that the server no longer knows leads to a new login, as the same
	// device if that is named.
	if _, err := again.Logout(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg.Password = nil
	_, err = initClient(t, cfg)
	wantError(t, err, core.CodeUnauthenticated, "M_UNKNOWN_TOKEN")
	cfg.Password, cfg.DeviceID = []byte(user.Password), client.DeviceID
	if resumed := mustInit(t, cfg); resumed.DeviceID != client.DeviceID {
		t.Errorf("the device is %q, want %q", resumed.DeviceID, client.DeviceID)
	}
}

// A token that cannot be stored must not leave behind a device that nobody can
// use.
func TestMatrixClientInit_StoreFails(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "carol")
	tokens := newTokens()
	tokens.Broken = &core.Error{Code: core.CodeUnavailable, Op: "the keyring", Message: "is locked"}
	_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: id.UserID(user.ID), Tokens: tokens, Password: []byte(user.Password)})
	wantError(t, err, core.CodeUnavailable, "store token: the keyring: is locked", user.Password)
	devices, err := clientFor(t, home.URL, user).GetDevicesInfo(t.Context())
	if err != nil || len(devices.Devices) != 1 {
		t.Errorf("devices %v, %v: want the one of the registration", devices, err)
	}
}

func TestMatrixClientInit_WrongOwner(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	ada, bob := home.NewUser(t, "ada"), home.NewUser(t, "bob")
	tokens := newTokens()
	_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, UserID: id.UserID(bob.ID), AccessToken: ada.AccessToken, Tokens: tokens})
	wantError(t, err, core.CodeConflict, "belongs to "+ada.ID, ada.AccessToken)
	_, err = initClient(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, DeviceID: "OTHER", AccessToken: ada.AccessToken, Tokens: tokens})
	wantError(t, err, core.CodeConflict, "belongs to the device "+ada.DeviceID, ada.AccessToken)
	if names, _ := tokens.List(t.Context()); len(names) != 0 {
		t.Errorf("the store has %q", names)
	}
	_, err = initClient(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, AccessToken: "syt_hunter2"})
	wantError(t, err, core.CodeUnauthenticated, "M_UNKNOWN_TOKEN", "hunter2")
	if _, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: home.URL, AccessToken: bob.AccessToken}); err != nil {
		t.Errorf("without a user ID: %v", err)
	}
}

func TestMatrixClientInit_BadConfig(t *testing.T) {
	t.Parallel()
	const home = "https://127.0.0.1:1"
	for name, c := range map[string]struct {
		cfg  matrix.MatrixClientInitConfig
		want string
	}{
		"empty":            {matrix.MatrixClientInitConfig{}, "neither a user ID nor an access token"},
		"no homeserver":    {matrix.MatrixClientInitConfig{AccessToken: "hunter2"}, "neither a homeserver nor a user ID"},
		"no credentials":   {matrix.MatrixClientInitConfig{UserID: "@a:example.org"}, "no access token"},
		"no user, no name": {matrix.MatrixClientInitConfig{Homeserver: home, Tokens: newTokens()}, "no user ID"},
		"user ID":          {matrix.MatrixClientInitConfig{UserID: "ada", AccessToken: "hunter2"}, "user ID cannot be read"},
		"user of nowhere":  {matrix.MatrixClientInitConfig{UserID: "@ada:", AccessToken: "hunter2"}, "user ID cannot be read"},
		"server with path": {matrix.MatrixClientInitConfig{UserID: "@ada:example.org/x", AccessToken: "hunter2"}, "user ID cannot be read"},
		"server with user": {matrix.MatrixClientInitConfig{Homeserver: "me:hunter2@example.org", AccessToken: "hunter2"}, "server name cannot be read"},
		"scheme":           {matrix.MatrixClientInitConfig{Homeserver: "ftp://example.org", AccessToken: "hunter2"}, "neither https nor http"},
		"no host":          {matrix.MatrixClientInitConfig{Homeserver: "https:///", AccessToken: "hunter2"}, "no host"},
		"URL with secret":  {matrix.MatrixClientInitConfig{Homeserver: "https://me:hunter2@example.org", AccessToken: "x"}, "user or password"},
		"URL unreadable":   {matrix.MatrixClientInitConfig{Homeserver: "https://me:hunter2@[", AccessToken: "x"}, "cannot be read"},
		"URL with query":   {matrix.MatrixClientInitConfig{Homeserver: "https://example.org?a=hunter2", AccessToken: "x"}, "query"},
		"newline in token": {matrix.MatrixClientInitConfig{Homeserver: home, AccessToken: "hunter2\n"}, "a line's end"},
		"stall":            {matrix.MatrixClientInitConfig{Homeserver: home, AccessToken: "x", StallTimeout: -1}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Password = []byte("battery")
			if name == "no credentials" {
				c.cfg.Password = []byte{}
			}
			_, err := initClient(t, c.cfg)
			wantError(t, err, core.CodeInvalid, c.want, "hunter2", "battery")
			if strings.Contains(string(c.cfg.Password), "b") {
				t.Error("the password is still there")
			}
		})
	}
}

func TestMatrixClientInit_NoHomeserver(t *testing.T) {
	t.Parallel()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	for name, c := range map[string]struct {
		url  string
		want core.Code
		text string
	}{
		"down":        {"http://" + down.Addr().String(), core.CodeUnavailable, "refused"},
		"a web page":  {serve(t, answer(200, "<html>hello</html>")).URL, core.CodeNotFound, "no Matrix homeserver"},
		"nothing":     {serve(t, answer(404, "404 page not found")).URL, core.CodeNotFound, "no Matrix homeserver"},
		"other JSON":  {serve(t, answer(200, `{"hello":1}`)).URL, core.CodeNotFound, "names no version"},
		"null":        {serve(t, answer(200, `null`)).URL, core.CodeNotFound, "names no version"},
		"starting":    {serve(t, answer(502, "bad gateway")).URL, core.CodeUnavailable, "502"},
		"overloaded":  {serve(t, answer(429, `{"errcode":"M_LIMIT_EXCEEDED","error":"x","retry_after_ms":1500}`)).URL, core.CodeLimited, "M_LIMIT_EXCEEDED"},
		"too old":     {serve(t, answer(200, `{"versions":["r0.0.1","r0.6.1"]}`)).URL, core.CodeUnsupported, "up to r0.6.1, and v1.1 is needed"},
		"cut":         {serve(t, cutAnswer).URL, core.CodeUnavailable, "EOF"},
		"wrong types": {serve(t, answer(200, `{"versions":{"a":1}}`)).URL, core.CodeNotFound, "no Matrix homeserver"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: c.url, AccessToken: "hunter2"})
			coded := wantError(t, err, c.want, c.text, "hunter2")
			if c.want == core.CodeLimited && coded.RetryAfter != 1500*time.Millisecond {
				t.Errorf("retry after %s", coded.RetryAfter)
			}
		})
	}
}

func cutAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	io.WriteString(w, `{"versions":[`)
}

// discoveryServer answers at https://example.com; discovery's response tells a
// client how to reach it.
func discoveryServer(t *testing.T, wellKnown http.HandlerFunc) *http.Transport {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET example.com/.well-known/matrix/client", wellKnown)
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS() // its certificate is for example.com
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr == "example.com:443" {
			addr = server.Listener.Addr().String()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func TestMatrixClientInit_Discovery(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	transport := discoveryServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the discovery got the token")
		}
		fmt.Fprintf(w, `{"m.homeserver":{"base_url":%q}}`, home.URL+"/")
	})
	for _, server := range []string{"example.com", "example.com:8448"} { // the port is that of federation
		client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: server, AccessToken: user.AccessToken, Transport: transport})
		if client.HomeserverURL.String() != home.URL {
			t.Errorf("%s: the homeserver is %s, want %s", server, client.HomeserverURL, home.URL)
		}
	}
	// Without a homeserver, the user ID's server is looked up: here one that
	// does not know this token.
	_, err := initClient(t, matrix.MatrixClientInitConfig{UserID: "@ada:example.com", AccessToken: user.AccessToken, Transport: transport})
	wantError(t, err, core.CodeConflict, "belongs to "+user.ID, user.AccessToken)
}

func TestMatrixClientInit_DiscoveryFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wellKnown http.HandlerFunc
		want      core.Code
		text      string
	}{
		// 404 means the server name itself, which here serves only discovery.
		"none":      {answer(404, ""), core.CodeNotFound, "https://example.com: no Matrix homeserver"},
		"error":     {answer(500, "oh"), core.CodeUnavailable, "discover host=example.com"},
		"no JSON":   {answer(200, "<html>"), core.CodeUnavailable, "not JSON"},
		"no URL":    {answer(200, "{}"), core.CodeUnavailable, "names no usable homeserver"},
		"bad URL":   {answer(200, `{"m.homeserver":{"base_url":"ftp://x"}}`), core.CodeUnavailable, "names no usable homeserver"},
		"not https": {answer(200, `{"m.homeserver":{"base_url":"http://matrix.example.com"}}`), core.CodeUnavailable, "not https"},
		"wrong":     {answer(200, `{"m.homeserver":[1]}`), core.CodeUnavailable, "not JSON"},
		"huge":      {answer(200, `{"a":"`+strings.Repeat("x", 1<<17)+`"}`), core.CodeUnavailable, "too large"},
		"downgrade": {http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound).ServeHTTP, core.CodeUnavailable, "not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: "example.com", AccessToken: "hunter2", Transport: discoveryServer(t, c.wellKnown)})
			wantError(t, err, c.want, c.text, "hunter2")
		})
	}
}

// Whatever is printed or logged, and whatever the server responds: neither the
// token nor the password is in it.
func TestMatrixClientInit_NothingLeaks(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	var log lockedBuffer
	cfg := matrix.MatrixClientInitConfig{
		Homeserver: home.URL, UserID: id.UserID(user.ID), Password: []byte(user.Password), Tokens: newTokens(),
		Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	client := mustInit(t, cfg)
	accessToken, err := cfg.Tokens.Get(t.Context(), "matrix/"+user.ID)
	if err != nil {
		t.Fatal(err)
	}
	room := newRoom(t, client)
	if _, err := client.SendText(t.Context(), room, "what people write"); err != nil {
		t.Fatal(err)
	}
	_, err = client.FullSyncRequest(t.Context(), mautrix.ReqSync{Since: "bogus"})
	if err == nil {
		t.Fatal("a bogus token was taken")
	}
	raw := shown(err) + shown(matrix.MatrixError("sync", err))
	if answer, ok := errors.AsType[mautrix.HTTPError](err); !ok {
		t.Errorf("no HTTPError: %v", err)
	} else {
		raw += shown(answer.Request.Header) + answer.Request.URL.String()
	}
	printed := shown(client) + shown(*client.Client) + shown(client.Client) + shown(client.Client.Transport) + shown(cfg)
	if !strings.Contains(log.String(), `"msg":"Request completed"`) || !strings.Contains(log.String(), "/_matrix/client/v3/sync") {
		t.Errorf("the log has no requests: %s", log.String())
	}
	wantNoSecret(t, printed+raw+log.String(), accessToken, user.Password)
	wantNoSecret(t, log.String(), "what people write", "since=bogus", "battery")
}

// A debugging proxy echoes the request.
func TestMatrixClientInit_EchoedToken(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 500, 502} {
		var log lockedBuffer
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/versions") {
				answer(200, `{"versions":["v1.1"]}`)(w, r)
				return
			}
			answer(status, fmt.Sprintf(`{"errcode":"M_UNKNOWN","error":%q}`, fmt.Sprint(r.Header)))(w, r)
		})
		_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: server.URL, AccessToken: "hunter2hunter2",
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err == nil {
			t.Fatal("no error came")
		}
		wantNoSecret(t, shown(err)+log.String(), "hunter2")
	}
}

// A host to which the homeserver redirects learns nothing.
func TestMatrixClientInit_Redirect(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(401, `{"errcode":"M_MISSING_TOKEN","error":"missing"}`)(w, r)
	})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/versions") {
			answer(200, `{"versions":["v1.1"]}`)(w, r)
			return
		}
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			t.Errorf("the homeserver got %q", r.Header.Get("Authorization"))
		}
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: server.URL, AccessToken: "hunter2"})
	wantError(t, err, core.CodeUnavailable, "HTTP 307", "hunter2")
	if asked.Load() != 0 {
		t.Error("the other host was asked")
	}
}

// A long poll may take longer than the stall timeout; a silent server may not.
func TestMatrixClientInit_Stall(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	proxy := fault.HTTP(t, home.URL)
	const stall = time.Second
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: proxy.URL(), AccessToken: user.AccessToken, StallTimeout: stall})
	newRoom(t, clientFor(t, home.URL, user))
	poll := func(since string, timeout int) (*mautrix.RespSync, error) {
		return client.FullSyncRequest(t.Context(), mautrix.ReqSync{Since: since, Timeout: timeout})
	}
	first, err := poll("", 0)
	if err != nil {
		t.Fatal(err)
	}
	var took time.Duration
	for tries := 0; took < stall; tries++ { // news ends a poll early
		began := time.Now()
		next, err := poll(first.NextBatch, 2000)
		if err != nil {
			t.Fatalf("a poll longer than the stall timeout: %v", err)
		}
		first, took = next, time.Since(began)
		if tries == 50 {
			t.Fatalf("no poll took long: they show nothing")
		}
	}

	hang := proxy.Add(fault.Rule{Match: "/_matrix/client/v3/", Fault: fault.Hang{}})
	_, err = poll(first.NextBatch, 100)
	wantError(t, matrix.MatrixError("poll", err), core.CodeTimeout, "stopped answering", user.AccessToken)
	_, err = client.Whoami(t.Context())
	wantError(t, matrix.MatrixError("whoami", err), core.CodeTimeout, "stopped answering", user.AccessToken)
	if hang.Injected() < 2 {
		t.Errorf("the fault met %d requests", hang.Injected())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Whoami(ctx)
	wantError(t, matrix.MatrixError("whoami", err), core.CodeCanceled, "canceled")
	proxy.Heal()
	if _, err := client.Whoami(t.Context()); err != nil {
		t.Error(err)
	}
}

// A body that is sent or received slowly is not stalled, however long it takes.
func TestMatrixClientInit_SlowIsNotStalled(t *testing.T) {
	t.Parallel()
	const stall = 300 * time.Millisecond
	steps := func(each func()) {
		for range 6 {
			time.Sleep(stall / 4) // the slowness that is tested
			each()
		}
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/versions"):
			answer(200, `{"versions":["v1.1"]}`)(w, r)
		case strings.HasSuffix(r.URL.Path, "/whoami"):
			io.WriteString(w, `{"user_id":"@a:b",`)
			steps(func() {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
			})
			io.WriteString(w, `"device_id":"D"}`)
		default:
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprintf(w, `{"content_uri":"mxc://b/%d"}`, n)
		}
	})
	client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: server.URL, AccessToken: "hunter2", StallTimeout: stall})
	if client.DeviceID != "D" {
		t.Errorf("the device is %q", client.DeviceID)
	}
	reader, writer := io.Pipe()
	go func() {
		steps(func() { io.WriteString(writer, "0123456789") })
		writer.Close()
	}()
	uploaded, err := client.UploadMedia(t.Context(), mautrix.ReqUploadMedia{Content: reader, ContentLength: 60, ContentType: "text/plain"})
	if err != nil || uploaded.ContentURI.FileID != "60" {
		t.Errorf("uploaded %v, %v", uploaded, err)
	}
}

// The certificate is checked.
func TestMatrixClientInit_Certificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(answer(200, `{"versions":["v1.1"]}`))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	_, err := initClient(t, matrix.MatrixClientInitConfig{Homeserver: server.URL, AccessToken: "hunter2"})
	wantError(t, err, core.CodeInvalid, "certificate", "hunter2")
}

// The client's writes are not redirected to another host, whose response would
// count as the homeserver's.
func TestMatrixClientInit_RedirectedWrites(t *testing.T) {
	t.Parallel()
	home := servers.Matrix(t)
	user := home.NewUser(t, "ada")
	for _, status := range []int{302, 307} {
		var on atomic.Bool
		var asked atomic.Int64
		client := mustInit(t, matrix.MatrixClientInitConfig{Homeserver: matrixtest.Redirecting(t, home.URL, "POST", status, &on, &asked), AccessToken: user.AccessToken})
		on.Store(true)
		room, err := client.CreateRoom(t.Context(), &mautrix.ReqCreateRoom{Name: "secret"})
		wantError(t, matrix.MatrixError("create", err), core.CodeUnavailable, fmt.Sprint(status), user.AccessToken)
		if room != nil && room.RoomID != "" || asked.Load() != 0 {
			t.Errorf("made %v, the other host was asked %d times", room, asked.Load())
		}
	}
}
