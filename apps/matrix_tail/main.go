// Command matrix_tail reads and writes Matrix rooms in the terminal: units, wired. All that is its own is flags.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"maunium.net/go/mautrix"
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
	"fnregistry.dev/functions/infra/tokenfile"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	err := command().ExecuteContext(ctx)
	if _, coded := errors.AsType[*core.Error](err); err != nil && !coded { // cobra's, of flags and arguments: all units' are coded
		err = &core.Error{Code: core.CodeInvalid, Hint: "matrix_tail --help", Err: err}
	}
	fmt.Fprint(os.Stderr, core.ErrorText("matrix_tail", err))
	os.Exit(core.ErrorExitCode(err))
}

// tail is what the flags say, and what is made of it.
type tail struct {
	user, homeserver, dir, file string
	client                      *mautrix.Client
	db                          *sqliteopen.SQLiteOpenHandle
	room                        id.RoomID // that the command's first argument names
}

func command() *cobra.Command {
	var t tail
	root := &cobra.Command{Use: "matrix_tail", Short: "Read and write Matrix rooms in the terminal, encrypted ones too", SilenceUsage: true, SilenceErrors: true}
	config, _ := os.UserConfigDir()
	flags := root.PersistentFlags()
	flags.StringVarP(&t.user, "user", "u", os.Getenv("MATRIX_TAIL_USER"), "@name:server; default: $MATRIX_TAIL_USER")
	flags.StringVar(&t.homeserver, "homeserver", os.Getenv("MATRIX_TAIL_HOMESERVER"), "URL, where the user's server name does not lead there; default: $MATRIX_TAIL_HOMESERVER")
	flags.StringVar(&t.dir, "state", config+"/matrix_tail", "folder for keys, the send queue and the place where follow stopped")
	flags.StringVar(&t.file, "token-file", "", "keep secrets in this file, which a passphrase opens (asked for, or $MATRIX_TAIL_PASSPHRASE); default: the system's keyring")
	add := func(use, short string, args cobra.PositionalArgs, run func(context.Context, []string) error) {
		root.AddCommand(&cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error { return t.with(cmd, args, run) }})
	}
	add("login", "Log in by password, and keep the access token", cobra.NoArgs, func(context.Context, []string) error {
		_, err := fmt.Println(t.client.UserID, "is logged in on device", t.client.DeviceID)
		return err
	})
	add("rooms", "List your rooms and invitations", cobra.NoArgs, t.rooms)
	add("follow ROOM", "Print what comes in a room (ID, alias or link), from where the last follow stopped", cobra.ExactArgs(1), t.follow)
	add("send ROOM TEXT...", "Send a message, in Markdown", cobra.MinimumNArgs(2), func(ctx context.Context, args []string) error { return t.say(ctx, "", args[1:]) })
	add("answer ROOM EVENT TEXT...", "Answer an event in its thread, or begin one", cobra.MinimumNArgs(3), func(ctx context.Context, args []string) error { return t.say(ctx, id.EventID(args[1]), args[2:]) })
	return root
}

// with logs in, sets encryption up, and runs a command.
func (t *tail) with(cmd *cobra.Command, args []string, run func(context.Context, []string) error) error {
	if t.user == "" {
		return &core.Error{Code: core.CodeInvalid, Message: "whose rooms?", Hint: "give --user @name:server, or set MATRIX_TAIL_USER"}
	}
	ctx, login := cmd.Context(), cmd.Name() == "login"
	secrets, err := keyring.KeyringTokenStore(keyring.KeyringTokenStoreConfig{Service: "matrix_tail"})
	if t.file != "" {
		passphrase := terminal.SecretAskConfig{Prompt: "passphrase of " + t.file, Env: "MATRIX_TAIL_PASSPHRASE", Twice: login}
		secrets, err = tokenfile.FileTokenStore(tokenfile.FileTokenStoreConfig{Path: t.file, Passphrase: passphrase.Passphrase})
	}
	err = errors.Join(err, os.MkdirAll(t.dir, 0o700))
	cfg := matrix.MatrixClientInitConfig{Homeserver: t.homeserver, UserID: id.UserID(t.user), Tokens: secrets, DeviceName: "matrix_tail"}
	if err == nil && login {
		cfg.Password, err = terminal.SecretAsk(ctx, terminal.SecretAskConfig{Prompt: "password of " + t.user})
	}
	if err == nil {
		t.client, err = matrix.MatrixClientInit(ctx, cfg)
	}
	if err == nil && len(args) > 0 {
		t.room, _, err = matrixroom.MatrixRoomResolve(ctx, matrixroom.MatrixRoomResolveConfig{Client: t.client, Room: args[0]})
	}
	if err == nil {
		t.db, err = sqliteopen.SQLiteOpen(ctx, sqliteopen.SQLiteOpenConfig{Path: t.dir + "/state.db"})
	}
	if err != nil {
		return err
	}
	defer t.db.Close()
	crypto, err := matrixcrypto.MatrixCryptoInit(ctx, matrixcrypto.MatrixCryptoInitConfig{Client: t.client, DB: t.db.Writer, Secrets: secrets})
	if err != nil {
		return err
	}
	defer crypto.Close()
	return run(ctx, args)
}

func (t *tail) rooms(ctx context.Context, _ []string) error {
	rooms, err := matrixroom.MatrixRoomList(ctx, matrixroom.MatrixRoomListConfig{Client: t.client})
	for _, room := range rooms {
		fmt.Printf("%s  %s  members: %d, encrypted: %t, invited: %t\n", room.RoomID, core.TerminalText(room.Title), room.Joined, room.Encrypted, room.Invited)
	}
	return err
}

func (t *tail) follow(ctx context.Context, _ []string) error {
	store, err := matrixsync.MatrixSyncStore(ctx, matrixsync.MatrixSyncStoreConfig{DB: t.db.Writer, Prefix: fmt.Sprintf("follow_%x", core.HashContent([]byte(t.room))[7:23])})
	if err != nil {
		return err
	}
	return matrixsync.MatrixSyncEach(ctx, matrixsync.MatrixSyncServiceConfig{Client: t.client, Store: store, Logger: slog.Default()}, func(_ context.Context, evt matrix.MatrixSyncEvent) error {
		if line := matrix.MatrixEventLine(evt, time.Local); line != "" && evt.RoomID == t.room {
			fmt.Println(line)
		}
		return nil
	})
}

// say puts a message into the queue on disk and waits until it is sent. What Ctrl-C leaves there goes out with the next.
func (t *tail) say(ctx context.Context, to id.EventID, words []string) error {
	outbox, err := matrixoutbox.MatrixOutbox(ctx, matrixoutbox.MatrixOutboxConfig{Client: t.client, DB: t.db.Writer, Logger: slog.Default()})
	if err != nil {
		return err
	}
	defer outbox.Stop(context.WithoutCancel(ctx))
	message := matrix.MatrixSendMessageConfig{Outbox: outbox, Room: t.room, Message: matrix.MatrixMessage{Text: strings.Join(words, " "), Markdown: true}}
	if to != "" {
		evt, err := t.client.GetEvent(ctx, t.room, to)
		if err != nil {
			return matrix.MatrixError("answer "+string(to), err)
		}
		message.RelatesTo = matrix.MatrixThreadRelation(matrix.MatrixEventNormalize(evt), matrix.MatrixThreadRelationConfig{StartThread: true})
	}
	sent, err := matrix.MatrixSendMessage(ctx, message)
	if err != nil {
		return err
	}
	if sent.EventID, err = outbox.Wait(ctx, sent.TransactionID); err == nil {
		fmt.Println(sent.EventID)
	}
	return err
}
