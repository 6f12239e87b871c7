package matrix

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/durations"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/redirect"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
	"fnregistry.dev/functions/infra/token"
)

// MatrixClientInitConfig says for which user of which homeserver the client is,
// and where its access token comes from. Either AccessToken or UserID must be
// given.
type MatrixClientInitConfig struct {
	// Homeserver is the base URL (https://matrix.example.org), or a server name
	// (example.org), whose URL is found by .well-known discovery. Empty: the
	// server name in UserID.
	Homeserver string
	// UserID is @name:server. Empty: the one that AccessToken belongs to; then
	// Homeserver is needed.
	UserID id.UserID
	// DeviceID is the device to log in as again, or the one that the token must
	// belong to. Empty: the token's; a login by password makes a new device.
	DeviceID id.DeviceID

	// AccessToken is used instead of the stored one, and stored in its place
	// once the server has accepted it.
	AccessToken string
	// Password is used where there is no token, or the server does not know it
	// any more. Its bytes are zeroed in any case before the function returns.
	Password []byte
	// DeviceName is what a new device is shown as to its user. Empty: the
	// server's choice, mostly the device ID.
	DeviceName string

	// Tokens keeps the access token. nil: nowhere.
	Tokens token.TokenStore
	// TokenName is the token's name there. Empty: "matrix/" and the user ID.
	TokenName string

	// StallTimeout is how long no byte may move in a request, beyond what a
	// long poll asks the server to wait; five times as long for an initial
	// sync. A request as a whole may take ten times that, and as much longer as
	// it transfers 4 KiB a second. Zero: 2 minutes.
	StallTimeout time.Duration
	// Transport makes the requests. nil: one of its own, with a proxy from the
	// environment.
	Transport http.RoundTripper
	// UserAgent is the header. Empty: that of mautrix.
	UserAgent string
	// Logger gets mautrix's messages: each request at level Debug. nil: none.
	Logger *slog.Logger
}

// initPatience is how long MatrixClientInit waits for a homeserver without
// which it can do.
const initPatience = 10 * time.Second

// MatrixClientInit returns a client that is logged in: it finds the homeserver,
// checks that it speaks Matrix 1.1, takes the token from the config, else from
// the store, else logs in by password, and asks the server whose it is. UserID,
// DeviceID, StateStore (in memory) and SpecVersions are set.
//
// Where the network or the server is down, or has not answered within 10
// seconds, and user ID and token are known (UserID, or a former login in
// Tokens), it returns the client all the same, and no error. Then the client's
// first request that gets through to the server asks what was not asked: until
// all of it was answered, each request fails with the error that
// MatrixClientInit would have returned, and nothing of it is sent. DeviceID is
// the one of the config, else of the last login in Tokens, else empty, and
// SpecVersions is nil.
//
// The token is in the client's HTTP transport, and client.AccessToken stays
// empty: no way of printing or logging the client or an error shows it, and
// [MatrixClientLogin] may give the client a new one while requests run. The
// client retries nothing by itself; the caller ends it with
// client.Client.CloseIdleConnections().
//
// Errors: CodeInvalid for a bad config, CodeNotFound where no homeserver is
// there, CodeUnsupported for one that is too old, CodeUnauthenticated for no
// token, a wrong one or a wrong password, CodeConflict for a token of another
// user or device, and those of the store and of [MatrixError].
//
// More in matrix_client_init.md:
//   - Offline: where the network or the homeserver is away (no connection, no
//     answer within 10 s, 5xx, 429), and token and user are known, there is a
//     client and no error.
//   - A start offline leaves DeviceID empty if neither the config nor a former
//     login names it (matrix_crypto_init then needs the server), SpecVersions
//     nil, and HomeserverURL https:// and the server name, of which requests go
//     to where discovery leads.
func MatrixClientInit(ctx context.Context, cfg MatrixClientInitConfig) (*mautrix.Client, error) {
	defer clear(cfg.Password)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	name := (&MatrixClientLoginConfig{TokenName: cfg.TokenName}).tokenName(cfg.UserID)
	stored := false
	if cfg.AccessToken == "" && cfg.Tokens != nil {
		var err error
		if cfg.AccessToken, err = cfg.storedToken(ctx, name); err != nil {
			return nil, err
		}
		stored = cfg.AccessToken != ""
	}
	asking := ctx
	if cfg.AccessToken != "" && (cfg.UserID != "" || stored) { // nothing that only a server can give is missing
		var cancel context.CancelFunc
		asking, cancel = context.WithTimeout(ctx, initPatience)
		defer cancel()
	}
	client, err := cfg.online(asking, ctx, stored)
	if err == nil || asking == ctx || ctx.Err() != nil || !unsent.ServerAway(err) {
		return client, err
	}
	later, laterErr := cfg.later(ctx, name, stored)
	if laterErr != nil {
		return nil, err
	}
	later.Log.Warn().Err(err).Msg("the homeserver is asked at the first request")
	return later, nil
}

// online makes a client that has asked the server all. asking is for what the
// client can do without.
func (cfg *MatrixClientInitConfig) online(asking, ctx context.Context, stored bool) (*mautrix.Client, error) {
	home, err := findHomeserver(asking, cfg.server(), cfg.Transport)
	if err != nil {
		return nil, err
	}
	client, transport, err := cfg.client(home)
	if err != nil {
		return nil, err
	}
	if err = checkVersions(asking, client); err == nil {
		err = cfg.login(asking, ctx, client, transport, stored)
	}
	if err != nil {
		if cfg.Transport == nil {
			client.Client.CloseIdleConnections()
		}
		return nil, err
	}
	return client, nil
}

// later makes a client that asks the server with its first request.
func (cfg *MatrixClientInitConfig) later(ctx context.Context, tokenName string, stored bool) (*mautrix.Client, error) {
	written := cfg.server()
	home := &url.URL{Scheme: "https", Host: written}
	if strings.Contains(written, "://") {
		var err error
		if home, err = checkHomeserverURL(written); err != nil {
			return nil, err
		}
	}
	record := recorded(ctx, cfg.Tokens, tokenName)
	user := cmp.Or(cfg.UserID, record.UserID)
	if ident.CheckUser(user) != nil {
		return nil, &core.Error{Code: core.CodeUnavailable, Message: "the user is not known"}
	}
	client, transport, err := cfg.client(home)
	if err != nil {
		return nil, err
	}
	client.UserID = user
	if client.DeviceID == "" && record.UserID == user {
		client.DeviceID = record.DeviceID
	}
	transport.token.Store(&cfg.AccessToken)
	asked := &mautrix.Client{ // not client, whose fields others read meanwhile
		HomeserverURL: client.HomeserverURL, Client: client.Client, UserAgent: client.UserAgent, Log: client.Log,
		UserID: client.UserID, DeviceID: client.DeviceID,
	}
	transport.reached.close(func(ctx context.Context) error {
		real, err := findHomeserver(ctx, written, cfg.Transport)
		if err != nil {
			return err
		}
		transport.real.Store(real)
		// Without the token, which Synapse would judge here.
		return checkVersions(withClientAsk(withClientToken(ctx, ""), askAll), asked)
	})
	given := cfg.given(asked, stored)
	transport.owned.close(func(ctx context.Context) error {
		_, err := given.useToken(ctx, "matrix_client_init", transport)
		return err
	})
	return client, nil
}

// server is what names the homeserver: a URL, or a server name.
func (cfg *MatrixClientInitConfig) server() string {
	return cmp.Or(cfg.Homeserver, cfg.UserID.Homeserver())
}

// client makes the client, which has asked nothing yet.
func (cfg *MatrixClientInitConfig) client(home *url.URL) (*mautrix.Client, *clientTransport, error) {
	transport := newClientTransport(cfg.Transport, cfg.StallTimeout, home)
	client, err := mautrix.NewClient(home.String(), cfg.UserID, "")
	if err != nil {
		return nil, nil, MatrixError("matrix_client_init", err)
	}
	client.DeviceID = cfg.DeviceID
	client.Client = redirect.Strict(&http.Client{Transport: transport})
	client.Log = clientLog(cfg.Logger, transport)
	client.StateStore = mautrix.NewMemoryStateStore()
	client.UserAgent = cmp.Or(cfg.UserAgent, client.UserAgent)
	return client, transport, nil
}

func (cfg *MatrixClientInitConfig) check() error {
	invalid := func(message, hint string) error {
		return &core.Error{Code: core.CodeInvalid, Op: "matrix_client_init", Message: message, Hint: hint}
	}
	if cfg.UserID == "" {
		switch {
		case cfg.AccessToken == "" && cfg.Tokens == nil:
			return invalid(
				"neither a user ID nor an access token is given",
				"give UserID with Tokens or Password, or AccessToken",
			)
		case cfg.AccessToken == "" && cfg.TokenName == "":
			return invalid("no user ID is given", "give UserID, or TokenName for the token's name in the store")
		case cfg.Homeserver == "":
			return invalid("neither a homeserver nor a user ID is given", "give Homeserver beside AccessToken")
		}
	} else if err := ident.CheckUser(cfg.UserID); err != nil {
		return invalid("the user ID cannot be read: it is @name:server", "")
	}
	if cfg.AccessToken == "" && cfg.Tokens == nil && len(cfg.Password) == 0 {
		return invalid(
			"no access token, no store of tokens and no password is given",
			"give one of AccessToken, Tokens and Password",
		)
	}
	if err := checkToken(cfg.AccessToken); err != nil {
		return &core.Error{Code: core.CodeInvalid, Op: "matrix_client_init", Err: err}
	}
	return durations.Fill("matrix_client_init", durations.Field{Name: "StallTimeout", Value: &cfg.StallTimeout, Default: 2 * time.Minute})
}

// given is the login with the token that is known.
func (cfg *MatrixClientInitConfig) given(client *mautrix.Client, stored bool) MatrixClientLoginConfig {
	given := MatrixClientLoginConfig{
		Client:      client,
		AccessToken: cfg.AccessToken,
		Tokens:      cfg.Tokens,
		TokenName:   cfg.TokenName,
		DeviceName:  cfg.DeviceName,
	}
	given.stored = stored
	return given
}

// login tries the token that is known and the password, in this order, and
// fills in whose the token is.
func (cfg *MatrixClientInitConfig) login(
	asking, ctx context.Context,
	client *mautrix.Client,
	transport *clientTransport,
	stored bool,
) error {
	const op = "matrix_client_init"
	given := cfg.given(client, stored)
	var owner clientOwner
	var err error
	if given.AccessToken != "" {
		owner, err = given.useToken(asking, op, transport)
	}
	if len(cfg.Password) > 0 && (given.AccessToken == "" || (stored && core.ErrorCode(err) == core.CodeUnauthenticated)) {
		given.stored, given.Password = false, cfg.Password
		owner, err = given.usePassword(ctx, op, transport)
	}
	if err == nil {
		client.UserID, client.DeviceID = owner.user, cmp.Or(owner.device, client.DeviceID)
	}
	return err
}

// storedToken is empty where none is stored and a password can be used instead.
func (cfg *MatrixClientInitConfig) storedToken(ctx context.Context, name string) (string, error) {
	const op = "matrix_client_init read token"
	stored, err := cfg.Tokens.Get(ctx, name)
	switch {
	case core.ErrorCode(err) == core.CodeNotFound && len(cfg.Password) > 0:
		return "", nil
	case core.ErrorCode(err) == core.CodeNotFound:
		return "", &core.Error{Code: core.CodeUnauthenticated, Op: op, Message: "no access token is stored under this name", Hint: "log in with a password or an access token once", Err: err}
	case err != nil:
		return "", &core.Error{Op: op, Err: err}
	case checkToken(stored) != nil && len(cfg.Password) > 0:
		return "", nil
	case checkToken(stored) != nil:
		return "", &core.Error{
			Code:    core.CodeUnauthenticated,
			Op:      op,
			Message: "what is stored under this name is no access token",
			Hint:    "log in with a password or an access token once",
		}
	}
	return stored, nil
}
