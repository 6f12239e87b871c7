// Command matrix_tail reads and writes Matrix rooms in the terminal: units,
// wired. Its own code defines the commands, a file for each topic, and how two
// processes share a queue.
package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/keyring"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/terminal"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/tokenfile"
)

func main() { program.ProgramMain(matrixTail()) }

// settings are shared by all commands.
type settings struct {
	User       string                `yaml:"user" short:"u" doc:"the user to log in as: @name:server"`
	Homeserver string                `yaml:"homeserver" doc:"URL (default: found through the user's server name)"`
	State      string                `yaml:"state" doc:"folder for keys, the send queue and where follow stopped"`
	TokenStore string                `yaml:"token_store" doc:"keep tokens in this file, protected by a passphrase (default: the system's keyring)"`
	Passphrase program.ProgramSecret `yaml:"passphrase" doc:"opens the token store (default: ask)"`
	Recovery   program.ProgramSecret `yaml:"recovery_key" doc:"recovery key or passphrase of the account, for login"`
	JSON       bool                  `yaml:"-" flag:"json" doc:"print results and events as JSON objects, one a line"`
	Wait       time.Duration         `yaml:"wait" doc:"how long a matrix_tail that has the keys, such as follow, may take to send another one's message"`
	program.ProgramLog
}

// common returns the settings that a command's own options come with.
func (s *settings) common() *settings { return s }

// call is one call of a command.
type call = program.ProgramCall[*settings]

func defaults() settings { return settings{State: defaultState(), Wait: time.Minute} }

// defaultState is empty where the user has no folder for settings: then --state
// must be given.
func defaultState() string {
	config, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(config, "matrix_tail")
}

// session is a user who is logged in, with what the commands need.
type session struct {
	call
	client  *mautrix.Client
	db      *sqliteopen.SQLiteOpenHandle
	secrets token.TokenStore
	crypto  *matrixcrypto.MatrixCryptoInitHandle // nil: the keys are not used
	// recovery is the recovery key; "": the one among the secrets, if any.
	recovery string
	own      ownItems // those whose failure is the command's own error
}

// open is connect with the keys, which no other process may have.
func open(ctx context.Context, c call) (*session, error) { return openWith(ctx, c, false, "") }

// openWith logs in by password, if that is asked for. A recovery key verifies
// the device and opens the key backup.
func openWith(ctx context.Context, c call, byPassword bool, recovery string) (*session, error) {
	s, err := connect(ctx, c, byPassword)
	if err != nil {
		return nil, err
	}
	s.recovery = recovery
	if err := s.useKeys(ctx, false); err != nil {
		s.close()
		return nil, inUse(err)
	}
	return s, nil
}

// connect logs in, by password if that is asked for, and opens the database.
// The caller closes the session.
func connect(ctx context.Context, c call, byPassword bool) (*session, error) {
	if err := checkUser(c.Settings); err != nil {
		return nil, err
	}
	secrets, err := openSecrets(c.Settings, byPassword)
	if err != nil {
		return nil, err
	}
	cfg := matrix.MatrixClientInitConfig{
		Homeserver: c.Settings.Homeserver, UserID: id.UserID(c.Settings.User), Tokens: secrets, DeviceName: "matrix_tail",
	}
	if byPassword {
		cfg.Password, err = terminal.SecretAsk(ctx, terminal.SecretAskConfig{Prompt: "password of " + c.Settings.User})
		if err != nil {
			return nil, err
		}
	}
	s := &session{call: c, secrets: secrets}
	if s.client, err = matrix.MatrixClientInit(ctx, cfg); err != nil {
		return nil, err
	}
	if s.db, err = openState(ctx, c.Settings); err != nil {
		return nil, err
	}
	return s, nil
}

// useKeys sets encryption up. wait waits for another process to end.
func (s *session) useKeys(ctx context.Context, wait bool) error {
	if s.crypto != nil {
		return nil
	}
	crypto, err := matrixcrypto.MatrixCryptoInit(ctx, matrixcrypto.MatrixCryptoInitConfig{
		Client: s.client, DB: s.db.Writer, Secrets: s.secrets, RecoveryKey: s.recovery, Wait: wait,
	})
	s.crypto = crypto
	return err
}

func checkUser(s *settings) error {
	if s.User != "" {
		return nil
	}
	return &core.Error{
		Code:    core.CodeInvalid,
		Message: "no user given",
		Hint:    "give --user @name:server, or set MATRIX_TAIL_USER",
	}
}

// openState opens the database. It holds private keys and unsent messages: so
// the file is for this user alone, and so is the folder, where it is new or the
// default one. Another folder that exists keeps its mode: it may be shared.
func openState(ctx context.Context, s *settings) (*sqliteopen.SQLiteOpenHandle, error) {
	if s.State == "" {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "no folder for the state", Hint: "give --state FOLDER"}
	}
	if err := os.MkdirAll(s.State, 0o700); err != nil {
		return nil, err
	}
	if s.State == defaultState() {
		if err := os.Chmod(s.State, 0o700); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(s.State, "state.db")
	return sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: path, Private: true})
}

// openSecrets opens where the access token is kept. A new file's passphrase is
// asked for twice.
func openSecrets(s *settings, isNew bool) (token.TokenStore, error) {
	if s.TokenStore == "" {
		return keyring.KeyringTokenStore(keyring.KeyringTokenStoreConfig{Service: "matrix_tail"})
	}
	passphrase := terminal.SecretAskConfig{Prompt: "passphrase of " + s.TokenStore, Twice: isNew}.Passphrase
	if s.Passphrase.IsSet() {
		passphrase = func(context.Context) (string, error) { return s.Passphrase.Reveal(), nil }
	}
	return tokenfile.FileTokenStore(tokenfile.FileTokenStoreConfig{Path: s.TokenStore, Passphrase: passphrase})
}

func (s *session) close() {
	if s.crypto != nil {
		s.crypto.Close()
	}
	s.db.Close()
}

// room is the one that the first argument names.
func (s *session) room(ctx context.Context) (id.RoomID, error) { return s.resolve(ctx, s.Args[0]) }
