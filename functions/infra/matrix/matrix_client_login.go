package matrix

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

// MatrixClientLoginConfig has the new credentials of a client: an access token
// or a password.
type MatrixClientLoginConfig struct {
	Client      *mautrix.Client  // made by MatrixClientInit; required
	AccessToken string           // the new token
	Password    []byte           // instead of a token; zeroed in any case before the function returns
	DeviceName  string           // what the device is shown as, where the server makes it anew; empty: the server's choice
	Tokens      token.TokenStore // where the new token is stored; nil: nowhere
	TokenName   string           // its name there; empty: "matrix/" and the user ID; NAME/login gets user and device

	stored bool // AccessToken is in Tokens already
}

// MatrixClientLogin gives a client new credentials, also while a sync and other
// requests run: the next request uses them; a sync service that waits goes on
// at once after its handle's Resume. They must be those of the same user and
// device (a login by password asks for the same device), because what a sync
// and encryption have stored belongs to it.
//
// The order is: asked of the server, stored, used. After an error the client
// has its old token.
//
// Errors: CodeInvalid for a bad config, CodeUnauthenticated for credentials
// that the server does not accept, CodeConflict for those of another user or
// device, CodeUnsupported where the server takes no passwords, and those of the
// store and of [MatrixError].
//
// More in matrix_client_login.md:
//   - Requests that are under way keep the old token; a long poll may still end
//     with 401 after the call.
//   - It takes only clients of matrix_client_init, whose transport holds the
//     token.
func MatrixClientLogin(ctx context.Context, cfg MatrixClientLoginConfig) error {
	defer clear(cfg.Password)
	const op = "matrix_client_login"
	transport := transportOf(cfg.Client)
	switch {
	case transport == nil:
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "the client was not made by matrix_client_init"}
	case (cfg.AccessToken == "") == (len(cfg.Password) == 0):
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "one of an access token and a password is needed"}
	}
	if err := checkToken(cfg.AccessToken); err != nil {
		return &core.Error{Code: core.CodeInvalid, Op: op, Err: err}
	}
	var err error
	if cfg.AccessToken != "" {
		_, err = cfg.useToken(ctx, op, transport)
	} else {
		_, err = cfg.usePassword(ctx, op, transport)
	}
	if err == nil {
		transport.owned.open()
	}
	return err
}

// clientOwner is whom the server says that a token belongs to.
type clientOwner struct {
	user   id.UserID
	device id.DeviceID // empty where the server does not say it
}

// checkToken does not quote it.
func checkToken(accessToken string) error {
	for _, c := range []byte(accessToken) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("the access token has a blank, a line's end or another character that no header takes")
		}
	}
	return nil
}

func (cfg *MatrixClientLoginConfig) tokenName(user id.UserID) string {
	return cmp.Or(cfg.TokenName, "matrix/"+string(user))
}

// useToken asks the server whose the token is, stores it and sets it.
func (cfg *MatrixClientLoginConfig) useToken(
	ctx context.Context,
	op string,
	transport *clientTransport,
) (clientOwner, error) {
	transport.changing.Lock()
	defer transport.changing.Unlock()
	whose, err := cfg.Client.Whoami(withClientAsk(withClientToken(ctx, cfg.AccessToken), askOwner))
	if err == nil && (whose == nil || whose.UserID == "") {
		err = errors.New("the server does not say whose the access token is")
	}
	if err != nil {
		return clientOwner{}, loginError(op, err, cfg.AccessToken)
	}
	owner := clientOwner{whose.UserID, whose.DeviceID}
	return owner, cfg.accept(ctx, op, transport, owner, cfg.AccessToken)
}

func (cfg *MatrixClientLoginConfig) accept(
	ctx context.Context,
	op string,
	transport *clientTransport,
	owner clientOwner,
	accessToken string,
) error {
	client, user, device := cfg.Client, owner.user, owner.device
	if client.UserID != "" && user != client.UserID {
		return &core.Error{
			Code:    core.CodeConflict,
			Op:      op,
			Message: fmt.Sprintf("the access token belongs to %s, not to %s", user, client.UserID),
		}
	}
	if client.DeviceID != "" && device != "" && device != client.DeviceID {
		return &core.Error{Code: core.CodeConflict, Op: op, Message: fmt.Sprintf("the access token belongs to the device %s, not to %s", device, client.DeviceID),
			Hint: "make a new client for another device, with stores of its own"}
	}
	if cfg.Tokens != nil && !cfg.stored {
		if err := cfg.Tokens.Set(ctx, cfg.tokenName(user), accessToken); err != nil {
			return &core.Error{Op: op + " store token", Err: err}
		}
	}
	if cfg.Tokens != nil {
		cfg.record(ctx, owner)
	}
	transport.token.Store(&accessToken)
	return nil
}

// clientRecord is what is stored next to a token, so that the next start knows
// it without the server. It is no secret.
type clientRecord struct {
	UserID   id.UserID   `json:"user_id"`
	DeviceID id.DeviceID `json:"device_id"`
}

func recordName(tokenName string) string { return tokenName + "/login" }

// recorded returns what is stored next to a token; nothing where that can't be
// read.
func recorded(ctx context.Context, tokens token.TokenStore, tokenName string) (record clientRecord) {
	if tokens == nil {
		return record
	}
	text, err := tokens.Get(ctx, recordName(tokenName))
	if err == nil && json.Unmarshal([]byte(text), &record) != nil {
		return clientRecord{}
	}
	return record
}

// record stores whose a token is. It is a help for the next start: that it
// fails is no reason to refuse the token.
func (cfg *MatrixClientLoginConfig) record(ctx context.Context, owner clientOwner) {
	name, record := cfg.tokenName(owner.user), clientRecord{owner.user, owner.device}
	if recorded(ctx, cfg.Tokens, name) == record {
		return
	}
	text, err := json.Marshal(record)
	if err == nil {
		err = cfg.Tokens.Set(ctx, recordName(name), string(text))
	}
	if err != nil {
		cfg.Client.Log.Warn().Err(err).Msg("failed to store user and device next to the token")
	}
}

// usePassword logs in. A new device whose token cannot be stored is logged out
// again; a device that was there before is not, because its keys would go.
func (cfg *MatrixClientLoginConfig) usePassword(
	ctx context.Context,
	op string,
	transport *clientTransport,
) (clientOwner, error) {
	transport.changing.Lock()
	defer transport.changing.Unlock()
	client := cfg.Client
	if client.UserID == "" {
		return clientOwner{}, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "a login by password needs the user ID",
		}
	}
	ctx = withClientAsk(withClientToken(ctx, ""), askOwner) // these two need none
	flows, err := client.GetLoginFlows(ctx)
	if err != nil {
		return clientOwner{}, MatrixError(op, err)
	}
	if flows == nil || !flows.HasFlow(mautrix.AuthTypePassword) {
		return clientOwner{}, &core.Error{Code: core.CodeUnsupported, Op: op, Message: "the homeserver takes no login by password",
			Hint: "log in with another client or in a browser, and give its access token"}
	}
	password := string(cfg.Password)
	answer, err := client.Login(ctx, &mautrix.ReqLogin{
		Type:       mautrix.AuthTypePassword,
		Identifier: mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: string(client.UserID)},
		Password:   password, DeviceID: client.DeviceID, InitialDeviceDisplayName: cfg.DeviceName,
	})
	if err == nil && (answer == nil || answer.AccessToken == "" || answer.UserID == "" || checkToken(answer.AccessToken) != nil) {
		err = errors.New("the server's answer to the login has no usable access token")
	}
	if err != nil {
		return clientOwner{}, loginError(op, err, password)
	}
	newDevice := client.DeviceID == ""
	owner := clientOwner{answer.UserID, answer.DeviceID}
	err = cfg.accept(ctx, op, transport, owner, answer.AccessToken)
	if err != nil && newDevice {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if _, logoutErr := client.Logout(withClientToken(ctx, answer.AccessToken)); logoutErr != nil {
			err = errors.Join(err, MatrixError(op+" logout", logoutErr))
		}
	}
	return owner, err
}

// loginError is MatrixError for a refused login: M_FORBIDDEN there means that
// the credentials are wrong. An answer that quotes the secret is left out.
func loginError(op string, err error, secret string) error {
	wrapped := MatrixError(op, err)
	coded, ok := errors.AsType[*core.Error](wrapped)
	if !ok {
		return wrapped
	}
	said := *coded
	if said.Code == core.CodeForbidden && !errors.Is(err, mautrix.RespError{ErrCode: "M_CONSENT_NOT_GIVEN"}) {
		said.Code, said.Hint = core.CodeUnauthenticated, "look at the user ID and at the password or access token"
	}
	if said.Code == "" {
		said.Code = core.CodeUnavailable
	}
	if said.Err != nil && strings.Contains(said.Err.Error(), secret) {
		said.Message, said.Err = "the server's answer is left out: it quotes the secret", nil
	}
	return &said
}
