// Command matrix_tail reads and writes Matrix rooms in the terminal. What it
// does is in the units that it uses; its own are flags and sub-commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/keyring"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixcrypto"
	"fnregistry.dev/functions/infra/matrix/matrixoutbox"
	"fnregistry.dev/functions/infra/matrix/matrixroom"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/functions/infra/terminal"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/tokenfile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := newCommand().ExecuteContext(ctx)
	if err != nil && !isCoded(err) {
		// All units return coded errors, so this one is cobra's, about flags
		// or arguments.
		err = &core.Error{Code: core.CodeInvalid, Hint: "matrix_tail --help", Err: err}
	}
	fmt.Fprint(os.Stderr, core.ErrorText("matrix_tail", err))
	os.Exit(core.ErrorExitCode(err))
}

func isCoded(err error) bool {
	_, coded := errors.AsType[*core.Error](err)
	return coded
}

// options are the flags that all sub-commands have.
type options struct {
	user       string
	homeserver string
	stateDir   string
	tokenFile  string
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "matrix_tail",
		Short:         "Read and write Matrix rooms in the terminal, encrypted ones too",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	var opts options
	opts.register(root)

	add := func(use, short string, args cobra.PositionalArgs, run func(context.Context, *session, []string) error) {
		root.AddCommand(&cobra.Command{
			Use: use, Short: short, Args: args,
			RunE: func(cmd *cobra.Command, args []string) error {
				return opts.runInSession(cmd, args, run)
			},
		})
	}
	add("login", "Log in by password, and keep the access token", cobra.NoArgs, login)
	add("rooms", "List your rooms and invitations", cobra.NoArgs, rooms)
	add("follow ROOM", "Print what comes in a room (ID, alias or link), from where the last follow stopped",
		cobra.ExactArgs(1), follow)
	add("send ROOM TEXT...", "Send a message, in Markdown", cobra.MinimumNArgs(2), send)
	add("answer ROOM EVENT TEXT...", "Answer an event in its thread, or begin one", cobra.MinimumNArgs(3), answer)
	return root
}

func (o *options) register(cmd *cobra.Command) {
	configDir, err := os.UserConfigDir()
	if err != nil {
		configDir = "" // no home: the state is in the working directory
	}
	flags := cmd.PersistentFlags()
	flags.StringVarP(&o.user, "user", "u", os.Getenv("MATRIX_TAIL_USER"),
		"@name:server; default: $MATRIX_TAIL_USER")
	flags.StringVar(&o.homeserver, "homeserver", os.Getenv("MATRIX_TAIL_HOMESERVER"),
		"URL, where the user's server name does not lead there; default: $MATRIX_TAIL_HOMESERVER")
	flags.StringVar(&o.stateDir, "state", filepath.Join(configDir, "matrix_tail"),
		"folder for keys, the send queue and the place where follow stopped")
	flags.StringVar(&o.tokenFile, "token-file", "",
		"keep secrets in this file, which a passphrase opens (asked for, or $MATRIX_TAIL_PASSPHRASE);"+
			" default: the system's keyring")
}

// session is a user who is logged in, with what the sub-commands need.
type session struct {
	client *mautrix.Client
	db     *sqliteopen.SQLiteOpenHandle
	crypto *matrixcrypto.MatrixCryptoInitHandle
	room   id.RoomID // named by the sub-command's first argument; empty without
}

// runInSession logs in, sets encryption up, and runs a sub-command.
func (o *options) runInSession(
	cmd *cobra.Command, args []string, run func(context.Context, *session, []string) error,
) error {
	s, err := o.open(cmd.Context(), cmd.Name() == "login", args)
	if err != nil {
		return err
	}
	return errors.Join(run(cmd.Context(), s, args), s.Close())
}

// open logs in, by password if askPassword, else by the stored token. The caller
// closes the session.
func (o *options) open(ctx context.Context, askPassword bool, args []string) (*session, error) {
	if o.user == "" {
		return nil, &core.Error{Code: core.CodeInvalid, Message: "whose rooms?",
			Hint: "give --user @name:server, or set MATRIX_TAIL_USER"}
	}
	secrets, err := o.secrets(askPassword)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.stateDir, 0o700); err != nil {
		return nil, &core.Error{Op: "create state folder", Err: err}
	}
	cfg := matrix.MatrixClientInitConfig{
		Homeserver: o.homeserver,
		UserID:     id.UserID(o.user),
		Tokens:     secrets,
		DeviceName: "matrix_tail",
	}
	if askPassword {
		cfg.Password, err = terminal.SecretAsk(ctx, terminal.SecretAskConfig{Prompt: "password of " + o.user})
		if err != nil {
			return nil, err
		}
	}
	var s session
	s.client, err = matrix.MatrixClientInit(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if len(args) > 0 {
		s.room, _, err = matrixroom.MatrixRoomResolve(ctx,
			matrixroom.MatrixRoomResolveConfig{Client: s.client, Room: args[0]})
		if err != nil {
			return nil, err
		}
	}
	s.db, err = sqliteopen.SQLiteOpen(ctx,
		sqliteopen.SQLiteOpenConfig{Path: filepath.Join(o.stateDir, "state.db")})
	if err != nil {
		return nil, err
	}
	s.crypto, err = matrixcrypto.MatrixCryptoInit(ctx,
		matrixcrypto.MatrixCryptoInitConfig{Client: s.client, DB: s.db.Writer, Secrets: secrets})
	if err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return &s, nil
}

// secrets returns the store of the access token. newPassphrase says that a file's
// passphrase may be chosen now, so it is asked for twice.
func (o *options) secrets(newPassphrase bool) (token.TokenStore, error) {
	if o.tokenFile == "" {
		return keyring.KeyringTokenStore(keyring.KeyringTokenStoreConfig{Service: "matrix_tail"})
	}
	passphrase := terminal.SecretAskConfig{
		Prompt: "passphrase of " + o.tokenFile,
		Env:    "MATRIX_TAIL_PASSPHRASE",
		Twice:  newPassphrase,
	}
	return tokenfile.FileTokenStore(
		tokenfile.FileTokenStoreConfig{Path: o.tokenFile, Passphrase: passphrase.Passphrase})
}

// Close closes the databases.
func (s *session) Close() error {
	return errors.Join(s.crypto.Close(), s.db.Close())
}

func login(_ context.Context, s *session, _ []string) error {
	_, err := fmt.Println(s.client.UserID, "is logged in on device", s.client.DeviceID)
	return err
}

func rooms(ctx context.Context, s *session, _ []string) error {
	rooms, err := matrixroom.MatrixRoomList(ctx, matrixroom.MatrixRoomListConfig{Client: s.client})
	if err != nil {
		return err
	}
	for _, room := range rooms {
		fmt.Printf("%s  %s  members: %d, encrypted: %t, invited: %t\n",
			room.RoomID, core.TerminalText(room.Title), room.Joined, room.Encrypted, room.Invited)
	}
	return nil
}

// follow prints the room's events until ctx is done. Its position is stored for
// each room by itself, so the next follow of this room resumes there.
func follow(ctx context.Context, s *session, _ []string) error {
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{
		DB:     s.db.Writer,
		Prefix: fmt.Sprintf("follow_%x", core.HashContent([]byte(s.room))[7:23]),
	})
	if err != nil {
		return err
	}
	cfg := matrixsync.MatrixSyncServiceConfig{Client: s.client, Store: store, Logger: slog.Default()}
	return matrixsync.MatrixSyncEach(ctx, cfg, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
		if evt.RoomID != s.room {
			return nil
		}
		if line := matrix.MatrixEventLine(evt, time.Local); line != "" {
			fmt.Println(line)
		}
		return nil
	})
}

func send(ctx context.Context, s *session, args []string) error {
	return s.say(ctx, strings.Join(args[1:], " "), nil)
}

func answer(ctx context.Context, s *session, args []string) error {
	eventID := id.EventID(args[1])
	evt, err := s.client.GetEvent(ctx, s.room, eventID)
	if err != nil {
		return matrix.MatrixError("matrix_tail answer event="+string(eventID), err)
	}
	thread := matrix.MatrixThreadRelation(matrix.MatrixEventNormalize(evt),
		matrix.MatrixThreadRelationConfig{StartThread: true})
	return s.say(ctx, strings.Join(args[2:], " "), thread)
}

// say puts a message into the queue on disk, waits until it is sent, and prints
// its ID. If ctx ends before, the message stays in the queue, and the next say
// sends it first.
func (s *session) say(ctx context.Context, text string, relation *event.RelatesTo) error {
	outbox, err := matrixoutbox.MatrixOutbox(ctx, matrixoutbox.MatrixOutboxConfig{
		Client: s.client,
		DB:     s.db.Writer,
		Logger: slog.Default(),
	})
	if err != nil {
		return err
	}
	defer outbox.Stop(context.WithoutCancel(ctx))
	sent, err := matrix.MatrixSendMessage(ctx, matrix.MatrixSendMessageConfig{
		Outbox:    outbox,
		Room:      s.room,
		Message:   matrix.MatrixMessage{Text: text, Markdown: true},
		RelatesTo: relation,
	})
	if err != nil {
		return err
	}
	eventID, err := outbox.Wait(ctx, sent.TransactionID)
	if err != nil {
		return err
	}
	fmt.Println(eventID)
	return nil
}
