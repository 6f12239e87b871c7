package matrix

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/redirect"
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
	// sync. Zero: 2 minutes. There is no limit on a request as a whole.
	StallTimeout time.Duration
	// Transport makes the requests. nil: one of its own, with a proxy from the
	// environment.
	Transport http.RoundTripper
	// UserAgent is the header. Empty: that of mautrix.
	UserAgent string
	// Logger gets mautrix's messages: each request at level Debug. nil: none.
	Logger *slog.Logger
}

const defaultStallTimeout = 2 * time.Minute

// MatrixClientInit returns a client that is logged in: it finds the homeserver,
// checks that it speaks Matrix 1.1, takes the token from the config, else from
// the store, else logs in by password, and asks the server whose it is. UserID,
// DeviceID, StateStore (in memory) and SpecVersions are set.
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
//   - client.AccessToken is empty on purpose: no %+v of the client, no error
//     and no log shows the token.
//   - New credentials come by matrix_client_login, also while requests run.
func MatrixClientInit(ctx context.Context, cfg MatrixClientInitConfig) (*mautrix.Client, error) {
	defer clear(cfg.Password)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	home, err := findHomeserver(ctx, cmp.Or(cfg.Homeserver, cfg.UserID.Homeserver()), cfg.Transport)
	if err != nil {
		return nil, err
	}
	transport := newClientTransport(cfg.Transport, cmp.Or(cfg.StallTimeout, defaultStallTimeout), home)
	client, err := mautrix.NewClient(home.String(), cfg.UserID, "")
	if err != nil {
		return nil, MatrixError("matrix_client_init", err)
	}
	client.DeviceID = cfg.DeviceID
	client.Client = redirect.Strict(&http.Client{Transport: transport})
	client.Log = clientLog(cfg.Logger, transport)
	client.StateStore = mautrix.NewMemoryStateStore()
	client.UserAgent = cmp.Or(cfg.UserAgent, client.UserAgent)
	err = checkVersions(ctx, client)
	if err == nil {
		err = cfg.login(ctx, client, transport)
	}
	if err != nil {
		if cfg.Transport == nil {
			client.Client.CloseIdleConnections()
		}
		return nil, err
	}
	return client, nil
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
	if cfg.StallTimeout < 0 {
		return invalid("StallTimeout is negative", "")
	}
	return nil
}

// login tries the given token, the stored one and the password, in this order,
// and fills in whose the token is.
func (cfg *MatrixClientInitConfig) login(
	ctx context.Context,
	client *mautrix.Client,
	transport *clientTransport,
) error {
	const op = "matrix_client_init"
	given := MatrixClientLoginConfig{
		Client:      client,
		AccessToken: cfg.AccessToken,
		Tokens:      cfg.Tokens,
		TokenName:   cfg.TokenName,
		DeviceName:  cfg.DeviceName,
	}
	stored := false
	if given.AccessToken == "" && cfg.Tokens != nil {
		var err error
		if given.AccessToken, err = cfg.storedToken(ctx, given.tokenName(cfg.UserID)); err != nil {
			return err
		}
		stored = given.AccessToken != ""
	}
	var owner clientOwner
	var err error
	if given.AccessToken != "" {
		if stored {
			given.Tokens = nil // it is there already
		}
		owner, err = given.useToken(ctx, op, transport)
	}
	if len(cfg.Password) > 0 && (given.AccessToken == "" || (stored && core.ErrorCode(err) == core.CodeUnauthenticated)) {
		given.Tokens, given.Password = cfg.Tokens, cfg.Password
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
