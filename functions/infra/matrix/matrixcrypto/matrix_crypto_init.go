package matrixcrypto

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/token"
)

// MatrixCryptoInitConfig says for which client [MatrixCryptoInit] sets
// encryption up, and where its keys are.
type MatrixCryptoInitConfig struct {
	// Client is logged in (a missing device ID is asked from the server).
	// Required. Its Crypto and StateStore are set. What happens is logged
	// through its Log.
	Client *mautrix.Client
	// DB is a SQLite database, such as sqlite_open's Writer; it may hold other
	// tables, too. FILE.crypto.lock is made beside it. Required. It must stay
	// open until Close, which leaves it open.
	DB *sql.DB
	// PickleKey encrypts the private keys in DB: 32 random bytes. It must be
	// the same at each start.
	PickleKey []byte
	// Secrets keeps the pickle key where PickleKey is empty (made at random on
	// first use), and the recovery key.
	Secrets token.TokenStore
	// SecretsName is what the names in Secrets begin with: NAME/pickle and
	// NAME/recovery. Default "matrix/" + user ID.
	SecretsName string
	// RecoveryKey is the recovery key, or the passphrase, of the account's
	// secret storage. With it a new device is signed by the account's own
	// identity and reads the key backup. Default: the one in Secrets, if there
	// is one.
	RecoveryKey string
	// Bootstrap makes a cross-signing identity, secret storage and a key
	// backup, and publishes them, where the account has none. What is there is
	// never replaced. It needs Secrets or RecoveryKey (then a passphrase for
	// the new storage).
	Bootstrap bool
	// Password of the account, where the server asks for it before it takes a
	// new identity. Used for Bootstrap alone.
	Password string
	// Wait waits, until ctx is done, where another process uses the keys.
	// Default: CodeConflict at once.
	Wait bool
}

// ErrMatrixKeysInUse is in the error of [MatrixCryptoInit] where another
// process, or another handle in this one, uses the keys in the database. A
// *filelock.FileLockedError beside it names the process.
var ErrMatrixKeysInUse = errors.New("the keys are in use")

// MatrixCryptoInitHandle is the encryption of one client: a
// mautrix.CryptoHelper and a matrixsync.MatrixSyncCrypto, safe for use by
// several goroutines. matrix_sync_service finds it by itself; with a sync of
// your own call ProcessSync with each response before anything else is done
// with it, and repeat the response when ProcessSync fails.
type MatrixCryptoInitHandle struct {
	machine

	Fingerprint string // the device's public signing key, in groups of four, for people to compare

	// What follows is what the server said to MatrixCryptoInit, and stays zero
	// where that could not ask it.

	HasIdentity    bool   // the account has a cross-signing identity
	DeviceVerified bool   // this device is signed by it, so that other clients trust it
	BackupVersion  string // of the key backup in use; empty: none

	client *mautrix.Client
}

// machine is what a build with goolm or libolm provides.
type machine interface {
	mautrix.CryptoHelper
	matrixsync.MatrixSyncCrypto
	close()
}

var (
	_ mautrix.CryptoHelper        = (*MatrixCryptoInitHandle)(nil)
	_ matrixsync.MatrixSyncCrypto = (*MatrixCryptoInitHandle)(nil)
)

// MatrixCryptoInit sets end-to-end encryption up for a client, before its sync
// begins: it opens the keys in cfg.DB, or makes them, publishes what the server
// lacks, and sets client.Crypto and client.StateStore, so that messages to
// encrypted rooms are encrypted and matrix_sync_service decrypts. It makes a
// handful of requests. Until Close, or the end of the process, no other can use
// the database's keys. Close the handle.
//
// Where the network or the server is down, or has not answered within 10
// seconds, there is a handle all the same, and no error: the requests are made
// before the first message is encrypted or the first sync response is taken in.
// Either fails, and changes nothing, until the server has answered them.
//
// Errors: CodeUnsupported in a build without the tag goolm or libolm;
// CodeInvalid for a bad config or a wrong recovery key; CodeConflict with
// [ErrMatrixKeysInUse] where another process uses the database, and without it
// where the client syncs already, has encryption already, or where the device
// ID, or the device's keys on the server, are not those of the store;
// CodeUnauthenticated for a wrong pickle key or password; and those of
// matrix.MatrixError.
//
// More in matrix_crypto_init.md:
//   - Build with -tags goolm (pure Go, works with CGO_ENABLED=0) or -tags
//     libolm (cgo and libolm's headers; never both).
//   - One database for each user, one device in it, and one process at a time:
//     a second one gets CodeConflict with ErrMatrixKeysInUse, or waits with
//     cfg.Wait.
func MatrixCryptoInit(ctx context.Context, cfg MatrixCryptoInitConfig) (*MatrixCryptoInitHandle, error) {
	if !linked {
		return nil, &core.Error{
			Code:    core.CodeUnsupported,
			Op:      op,
			Message: "this program was built without encryption",
			Hint:    "build with -tags goolm (pure Go) or -tags libolm (needs libolm's headers and cgo)",
		}
	}
	if err := check(&cfg); err != nil {
		return nil, err
	}
	h := &MatrixCryptoInitHandle{client: cfg.Client}
	if err := open(ctx, cfg, h); err != nil {
		return nil, err
	}
	cfg.Client.Crypto = h
	return h, nil
}

// Close ends the use of the keys: what is under way is waited for, and nothing
// is written to the database afterwards, which another process may then use.
// Sending to an encrypted room fails
// from then on (CodeUnavailable) until MatrixCryptoInit is called again; it
// never falls back to plain text. Stop the sync first. It may be called again,
// and returns nil.
func (h *MatrixCryptoInitHandle) Close() error {
	h.machine.close()
	if h.client.Crypto == mautrix.CryptoHelper(h) {
		h.client.Crypto = closedCrypto{}
	}
	return nil
}

const op = "matrix_crypto_init"

func fail(code core.Code, message, hint string) error {
	return &core.Error{Code: code, Op: op, Message: message, Hint: hint}
}

// check checks the config and fills the defaults in.
func check(cfg *MatrixCryptoInitConfig) error {
	client := cfg.Client
	switch {
	case client == nil:
		return fail(core.CodeInvalid, "no Client given", "")
	case cfg.DB == nil:
		return fail(core.CodeInvalid, "no DB given", "sqlite_open's Writer does")
	case client.UserID == "": // matrix_client_init's has its token elsewhere, so AccessToken says nothing
		return fail(core.CodeInvalid, "the client has no user ID", "matrix_client_init makes one that is logged in")
	case len(cfg.PickleKey) == 0 && cfg.Secrets == nil:
		return fail(
			core.CodeInvalid,
			"no pickle key given",
			"give PickleKey, 32 random bytes kept outside of the database, or Secrets",
		)
	case cfg.Bootstrap && cfg.Secrets == nil && cfg.RecoveryKey == "":
		return fail(
			core.CodeInvalid,
			"Bootstrap has no place for the recovery key",
			"give Secrets, or a passphrase as RecoveryKey",
		)
	case matrixsync.MatrixSyncRunning(client):
		return fail(
			core.CodeConflict,
			"the client's sync has begun already, and keys that came in it are lost",
			"call matrix_crypto_init before matrix_sync_service",
		)
	}
	if _, closed := client.Crypto.(closedCrypto); client.Crypto != nil && !closed {
		return fail(core.CodeConflict, "the client has encryption already", "close the other handle first")
	}
	if cfg.SecretsName == "" {
		cfg.SecretsName = "matrix/" + client.UserID.String()
	}
	return nil
}

// patience is how long MatrixCryptoInit waits for the first answer of a server
// without which it can do.
const patience = 10 * time.Second

// askDevice returns which device the client's token belongs to.
func askDevice(ctx context.Context, client *mautrix.Client) (id.DeviceID, error) {
	who, err := client.Whoami(ctx)
	if err != nil {
		return "", matrix.MatrixError(op+" whoami", err)
	}
	if who.UserID != client.UserID || who.DeviceID == "" {
		return "", fail(
			core.CodeConflict,
			"the access token belongs to "+who.UserID.String()+", and to device \""+who.DeviceID.String()+"\"",
			"log in with a device",
		)
	}
	return who.DeviceID, nil
}
