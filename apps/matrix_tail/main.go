// Command matrix_tail reads and writes Matrix rooms in the terminal: units,
// wired. Its own code defines the commands, and how two of it share a queue.
package main

import (
	"cmp"
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
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/terminal"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/tokenfile"
)

func main() { program.ProgramMain(matrixTail()) }

// settings are those of all commands.
type settings struct {
	User       string                `yaml:"user" short:"u" doc:"the user to log in as: @name:server"`
	Homeserver string                `yaml:"homeserver" doc:"URL (default: found through the user's server name)"`
	State      string                `yaml:"state" doc:"folder for keys, the send queue and where follow stopped"`
	TokenStore string                `yaml:"token_store" doc:"keep tokens in this file, protected by a passphrase (default: the system's keyring)"`
	Passphrase program.ProgramSecret `yaml:"passphrase" doc:"opens the token store (default: ask)"`
	Wait       time.Duration         `yaml:"wait" doc:"how long a matrix_tail that has the keys, such as follow, may take to send another one's message"`
	program.ProgramLog
}

// call is one call of a command.
type call = program.ProgramCall[*settings]

func matrixTail() program.ProgramRunConfig {
	config, _ := os.UserConfigDir() // without one, state must be given
	defaults := &settings{State: filepath.Join(config, "matrix_tail"), Wait: time.Minute}
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
	client  *mautrix.Client
	db      *sqliteopen.SQLiteOpenHandle
	secrets token.TokenStore
	crypto  *matrixcrypto.MatrixCryptoInitHandle // nil: the keys are not used
}

// open is connect with the keys, which no other process may have.
func open(ctx context.Context, c call, byPassword bool) (*session, error) {
	s, err := connect(ctx, c, byPassword)
	if err != nil {
		return nil, err
	}
	if err := s.useKeys(ctx, false); err != nil {
		s.close()
		return nil, inUse(err)
	}
	return s, nil
}

// connect logs in, by password if that is asked for, and opens the database.
// The caller closes the session.
func connect(ctx context.Context, c call, byPassword bool) (*session, error) {
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
	s := &session{call: c, secrets: secrets}
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
	return s, nil
}

// useKeys sets encryption up. wait waits for another process to end.
func (s *session) useKeys(ctx context.Context, wait bool) error {
	crypto, err := matrixcrypto.MatrixCryptoInit(
		ctx,
		matrixcrypto.MatrixCryptoInitConfig{Client: s.client, DB: s.db.Writer, Secrets: s.secrets, Wait: wait},
	)
	s.crypto = crypto
	return err
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
	s, err := connect(ctx, c, false)
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
	outbox, err := s.startSender(ctx)
	if err != nil {
		return err
	}
	defer outbox.Stop(context.WithoutCancel(ctx)) // 5 seconds at most
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // it ends by itself where another process has taken all over
		<-outbox.Done()
		cancel()
	}()
	cfg := matrixsync.MatrixSyncServiceConfig{Client: s.client, Store: store, Logger: c.Log}
	err = matrixsync.MatrixSyncEach(ctx, cfg, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
		line := matrix.MatrixEventLine(evt, time.Local)
		if line == "" || evt.RoomID != room {
			return nil
		}
		_, err := fmt.Fprintln(c.Stdout, line)
		return err
	})
	return cmp.Or(outbox.Err(), err)
}

func send(ctx context.Context, c call) error { return say(ctx, c, "", c.Args[1:]) }

func answer(ctx context.Context, c call) error { return say(ctx, c, id.EventID(c.Args[1]), c.Args[2:]) }

// say puts a message into the queue on disk and waits until it is sent. What
// Ctrl-C leaves there is sent with the next. A message to an event is in its
// thread.
func say(ctx context.Context, c call, to id.EventID, words []string) error {
	s, err := connect(ctx, c, false)
	if err != nil {
		return err
	}
	defer s.close()
	room, err := s.room(ctx)
	if err != nil {
		return err
	}
	message := matrix.MatrixSendMessageConfig{
		Room: room, Message: matrix.MatrixMessage{Text: strings.Join(words, " "), Markdown: true},
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
	queue, err := s.openQueue(ctx)
	if err != nil {
		return err
	}
	defer queue.Stop(context.WithoutCancel(ctx))
	message.Outbox = queue
	sent, err := matrix.MatrixSendMessage(ctx, message)
	if err != nil {
		return err
	}
	event, err := s.deliver(ctx, queue, sent.TransactionID)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Stdout, event)
	return err
}
