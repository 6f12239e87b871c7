// Command matrix_tail reads and writes Matrix rooms in the terminal. It only
// connects units: its own code defines the commands.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/keyring"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
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
	program.ProgramLog
}

// call is one call of a command.
type call = program.ProgramCall[*settings]

func matrixTail() program.ProgramRunConfig {
	config, _ := os.UserConfigDir() // without one, state must be set
	defaults := &settings{State: filepath.Join(config, "matrix_tail")}
	command := func(name, args string, least, most int, doc string, run func(context.Context, call) error) *program.ProgramCommandHandle {
		return program.ProgramCommand(program.ProgramCommandConfig[*settings]{
			Name: name, Args: args, MinArgs: least, MaxArgs: most, Doc: doc, Defaults: defaults, Run: run,
			Complete: func(context.Context, program.ProgramCompletion[*settings]) []string { return nil },
		})
	}
	return program.ProgramRunConfig{
		Name: "matrix_tail", Doc: "reads and writes Matrix rooms in the terminal, encrypted ones too",
		Commands: []*program.ProgramCommandHandle{
			command("login", "", 0, 0, "log in by password, and keep the access token", login),
			command("rooms", "", 0, 0, "list your rooms and invitations", rooms),
			command("follow", "ROOM", 1, 1, "print the events of a room (ID, alias or link), starting where the last follow stopped", follow),
			command("send", "ROOM TEXT...", 2, -1, "send a message, in Markdown", send),
			command("answer", "ROOM EVENT TEXT...", 3, -1, "answer an event in its thread, or start one", answer),
		},
	}
}

// session is a user who is logged in, with what the commands need.
type session struct {
	call
	client *mautrix.Client
	db     *sqliteopen.SQLiteOpenHandle
	crypto *matrixcrypto.MatrixCryptoInitHandle
}

// open logs in, by password if requested, and sets up encryption. The caller
// closes the session.
func open(ctx context.Context, c call, byPassword bool) (*session, error) {
	if c.Settings.User == "" {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "no user given",
			Hint:    "give --user @name:server, or set MATRIX_TAIL_USER",
		}
	}
	secrets, err := openSecrets(c.Settings, byPassword)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Settings.State, 0o700); err != nil {
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
	s := &session{call: c}
	if s.client, err = matrix.MatrixClientInit(ctx, cfg); err != nil {
		return nil, err
	}
	s.db, err = sqliteopen.SQLiteOpen(
		ctx,
		sqliteopen.SQLiteOpenConfig{Path: filepath.Join(c.Settings.State, "state.db")},
	)
	if err != nil {
		return nil, err
	}
	s.crypto, err = matrixcrypto.MatrixCryptoInit(
		ctx,
		matrixcrypto.MatrixCryptoInitConfig{Client: s.client, DB: s.db.Writer, Secrets: secrets},
	)
	if err != nil {
		s.db.Close()
		return nil, err
	}
	return s, nil
}

// openSecrets opens the store of the access token. It asks for a new file's
// passphrase twice.
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
	s.crypto.Close()
	s.db.Close()
}

func login(ctx context.Context, c call) error {
	s, err := open(ctx, c, true)
	if err != nil {
		return err
	}
	defer s.close()
	_, err = fmt.Fprintln(c.Stdout, s.client.UserID, "is logged in on device", s.client.DeviceID)
	return err
}

func rooms(ctx context.Context, c call) error {
	s, err := open(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	rooms, err := matrixroom.MatrixRoomList(ctx, matrixroom.MatrixRoomListConfig{Client: s.client})
	for _, room := range rooms {
		fmt.Fprintf(c.Stdout, "%s  %s  members: %d, encrypted: %t, invited: %t\n",
			room.RoomID, core.TerminalText(room.Title), room.Joined, room.Encrypted, room.Invited)
	}
	return err
}

func follow(ctx context.Context, c call) error {
	s, err := open(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	room, err := s.room(ctx)
	if err != nil {
		return err
	}
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{
		DB: s.db.Writer, Prefix: fmt.Sprintf("follow_%x", core.HashContent([]byte(room))[7:23]),
	})
	if err != nil {
		return err
	}
	cfg := matrixsync.MatrixSyncServiceConfig{Client: s.client, Store: store, Logger: c.Log}
	return matrixsync.MatrixSyncEach(ctx, cfg, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
		line := matrix.MatrixEventLine(evt, time.Local)
		if line == "" || evt.RoomID != room {
			return nil
		}
		_, err := fmt.Fprintln(c.Stdout, line)
		return err
	})
}

func send(ctx context.Context, c call) error { return say(ctx, c, "", c.Args[1:]) }

func answer(ctx context.Context, c call) error { return say(ctx, c, id.EventID(c.Args[1]), c.Args[2:]) }

// say puts a message into the queue on disk and waits until it is sent. A
// message left there by Ctrl-C is sent with the next one. A reply to an event
// is sent in its thread.
func say(ctx context.Context, c call, to id.EventID, words []string) error {
	s, err := open(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	room, err := s.room(ctx)
	if err != nil {
		return err
	}
	outbox, err := matrixoutbox.MatrixOutbox(
		ctx,
		matrixoutbox.MatrixOutboxConfig{Client: s.client, DB: s.db.Writer, Logger: c.Log},
	)
	if err != nil {
		return err
	}
	defer outbox.Stop(context.WithoutCancel(ctx)) // 5 seconds at most
	message := matrix.MatrixSendMessageConfig{
		Outbox: outbox, Room: room, Message: matrix.MatrixMessage{Text: strings.Join(words, " "), Markdown: true},
	}
	if to != "" {
		evt, err := s.client.GetEvent(ctx, room, to)
		if err != nil {
			return matrix.MatrixError("answer "+string(to), err)
		}
		message.RelatesTo = matrix.MatrixThreadRelation(
			matrix.MatrixEventNormalize(evt),
			matrix.MatrixThreadRelationConfig{StartThread: true},
		)
	}
	sent, err := matrix.MatrixSendMessage(ctx, message)
	if err != nil {
		return err
	}
	event, err := outbox.Wait(ctx, sent.TransactionID)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Stdout, event)
	return err
}
