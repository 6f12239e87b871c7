//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.mau.fi/util/dbutil"
	"go.mau.fi/util/exsync"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/id"
	"maunium.net/go/mautrix/sqlstatestore"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
	"fnregistry.dev/functions/infra/sqlite"
)

const linked = true

// engine is the machine of a build with Olm.
type engine struct {
	client *mautrix.Client
	log    zerolog.Logger
	exec   *execer
	db     *dbutil.Database
	state  *stateStore
	pickle []byte

	// syncing: one response at a time. live is held for writing while a
	// response is taken in (such a transaction waits for locks of mautrix that
	// others hold while they wait for the database), and where the machine is
	// replaced or closed.
	syncing sync.Mutex
	live    sync.RWMutex
	mach    *crypto.OlmMachine
	store   *crypto.SQLCryptoStore
	renewed time.Time // when a fallback key was last published; guarded by syncing
	broken  bool      // the machine's memory is ahead of the database
	closed  bool

	// offline: MatrixCryptoInit could not ask the server, and waiting is what
	// it left, guarded by syncing and live. assumed: so is the client's device.
	offline atomic.Bool
	waiting func(ctx context.Context) error
	assumed bool

	encrypting exsync.KeyedMutex[id.RoomID] // a new session may be for one message only: who shares it uses it

	backup backupState
	synced atomic.Value // time.Time of the last response that was taken in

	mu      sync.Mutex // guards what follows
	keys    []matrixsync.MatrixSessionKey
	missing map[matrixsync.MatrixSessionKey]*missingKey
	fresh   map[id.RoomID]time.Time // until when a large room's members and devices are believed
	looked  map[string]time.Time    // when the owner of a key was last asked for
	tried   map[id.UserID]time.Time // when an outdated device list was last asked for
	counted time.Time               // when the server was last asked how many one-time keys it has
}

func newEngine(client *mautrix.Client, db *sql.DB, claim *claim) *engine {
	return &engine{
		client:  client,
		log:     client.Log.With().Str("component", "crypto").Logger(),
		exec:    &execer{db: db, claim: claim},
		missing: map[matrixsync.MatrixSessionKey]*missingKey{},
		fresh:   map[id.RoomID]time.Time{},
		looked:  map[string]time.Time{},
		tried:   map[id.UserID]time.Time{},
		backup:  backupState{asked: map[matrixsync.MatrixSessionKey]time.Time{}},
	}
}

// open makes the engine, and fills the handle.
func open(ctx context.Context, cfg MatrixCryptoInitConfig, h *MatrixCryptoInitHandle) (err error) {
	claim, err := takeClaim(ctx, cfg.DB, cfg.Wait)
	if err != nil {
		return err
	}
	m := newEngine(cfg.Client, cfg.DB, claim)
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.exec.file, err = sqlite.SQLiteFileCheck(ctx, cfg.DB); err != nil {
		return storeError(op, err)
	}
	if err := m.openStores(ctx, cfg); err != nil {
		return err
	}
	if err := m.load(ctx); err != nil {
		return wrongKey(err)
	}
	online := func(ctx context.Context, h *MatrixCryptoInitHandle) error {
		if err := m.checkDevice(ctx); err != nil {
			return err
		}
		if err := m.publishKeys(ctx); err != nil {
			return err
		}
		return m.setUpIdentity(ctx, cfg, h)
	}
	if err := online(ctx, h); err != nil {
		if ctx.Err() != nil || !unsent.ServerAway(err) {
			return err
		}
		m.log.Warn().Err(err).Msg("the server is asked before the first use of the encryption")
		*h = MatrixCryptoInitHandle{client: h.client}
		m.waiting = func(ctx context.Context) error { return online(ctx, &MatrixCryptoInitHandle{}) }
		m.offline.Store(true)
	}
	h.machine = m
	h.Fingerprint = m.mach.Fingerprint()
	cfg.Client.StateStore = m.state
	return nil
}

// checkDevice makes sure that the database, the server and the token have the
// same device. A server that is silent is not waited for long.
func (m *engine) checkDevice(ctx context.Context) error {
	if !m.offline.Load() { // the first time, from MatrixCryptoInit
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	if m.assumed {
		device, err := askDevice(ctx, m.client)
		if err != nil {
			return err
		}
		if device != m.client.DeviceID {
			return otherDevice(m.client.DeviceID, device)
		}
		m.assumed = false
	}
	return m.publishDevice(ctx)
}

func otherDevice(database, client id.DeviceID) error {
	return fail(
		core.CodeConflict,
		fmt.Sprintf("the database has the keys of device %s, and the client is device %s", database, client),
		"log in with the device ID of the database, or use a new database for the new device",
	)
}

// goOnline does what MatrixCryptoInit could not, since the server was away.
// Nothing is encrypted or taken in before: others could not send this device
// keys, and what is wrong with it would not show.
func (m *engine) goOnline(ctx context.Context) error {
	if !m.offline.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, onlineTimeout)
	defer cancel()
	m.live.Lock()
	defer m.live.Unlock()
	if m.closed {
		return errClosed()
	}
	if err := m.waiting(ctx); err != nil {
		return err
	}
	m.waiting = nil
	m.offline.Store(false)
	return nil
}

// onlineTimeout bounds the requests of goOnline, for which others wait.
const onlineTimeout = time.Minute

// openStores makes the tables, finds out whose they are, and gets the pickle
// key.
func (m *engine) openStores(ctx context.Context, cfg MatrixCryptoInitConfig) error {
	var err error
	if m.db, err = dbutil.NewWithDB(cfg.DB, "sqlite"); err != nil {
		return storeError(op, err)
	}
	m.db.LoggingDB.UnderlyingExecable = m.exec
	m.state = &stateStore{
		SQLStateStore: sqlstatestore.NewSQLStateStore(m.db, nil, false),
		client:        cfg.Client,
		told:          m.told,
		inTransaction: m.inTransaction,
		plain:         map[id.RoomID]time.Time{},
		stale:         map[id.RoomID]bool{},
	}
	m.state.DisableNameDisambiguation = true // nobody here asks for it, and it costs time for each member
	m.store = m.newStore()
	m.state.forget = m.newStore().RemoveOutboundGroupSession // it reads nothing of the store's memory
	for _, upgrade := range []func(context.Context) error{m.store.DB.Upgrade, m.state.Upgrade} {
		if err := upgrade(ctx); err != nil {
			return storeError(op+" tables", err)
		}
	}
	device, err := m.store.FindDeviceID(ctx)
	if err != nil {
		return storeError(op, err)
	}
	if m.client.DeviceID == "" {
		if err := m.findDevice(ctx, device); err != nil {
			return err
		}
		m.store = m.newStore()
	}
	if device != "" && device != cfg.Client.DeviceID {
		return otherDevice(device, cfg.Client.DeviceID)
	}
	m.pickle, err = pickleKey(ctx, cfg, device != "")
	return err
}

// findDevice sets the client's device: the one that the server names, or, where
// it can't be asked, the database's.
func (m *engine) findDevice(ctx context.Context, database id.DeviceID) error {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	device, err := askDevice(asking, m.client)
	switch {
	case err == nil:
		m.client.DeviceID = device
	case database != "" && ctx.Err() == nil && unsent.ServerAway(err):
		m.client.DeviceID, m.assumed = database, true
	default:
		return err
	}
	return nil
}

func (m *engine) newStore() *crypto.SQLCryptoStore {
	return crypto.NewSQLCryptoStore(m.db, dbutil.NoopLogger, m.client.UserID.String(), m.client.DeviceID, m.pickle)
}

// load makes a machine of what is in the database. Callers hold live, or are
// alone.
func (m *engine) load(ctx context.Context) error {
	store := m.newStore()
	mach := crypto.NewOlmMachine(m.client, &m.log, &guardedStore{store, m}, m.state.SQLStateStore)
	mach.SessionReceived = m.sessionReceived
	mach.DisableDecryptKeyFetching = true // checkSender does it; in takeIn it would keep the transaction waiting
	mach.DisableRatchetTracking = true    // it serves the deletion of used keys, and writes with each message
	if err := mach.Load(ctx); err != nil {
		return err
	}
	if m.mach != nil {
		mach.CrossSigningKeys = m.mach.CrossSigningKeys
		m.mach.Destroy()
	}
	m.mach, m.store, m.broken = mach, store, false
	return nil
}

// wrongKey tells a wrong pickle key from a database that fails.
func wrongKey(err error) error {
	if coded := storeError(op, err); core.ErrorCode(coded) != core.CodeInternal || fromStore(err) {
		return coded
	}
	return &core.Error{
		Code:    core.CodeUnauthenticated,
		Op:      op,
		Message: "the keys in the database can't be read",
		Hint:    "is it the pickle key that they were written with?",
		Err:     err,
	}
}

// use locks the machine for use.
func (m *engine) use() (*crypto.OlmMachine, func(), error) {
	m.live.RLock()
	if gone := m.exec.claim.gone.Load(); m.closed || m.broken || gone {
		m.live.RUnlock()
		if m.closed {
			return nil, nil, errClosed()
		}
		if gone {
			return nil, nil, errLost
		}
		return nil, nil, &core.Error{Code: core.CodeUnavailable, Op: "matrix_crypto_init", Message: "the key database failed, and has not been read anew yet"}
	}
	return m.mach, m.live.RUnlock, nil
}

// reload drops what the machine has in memory and was not made durable.
func (m *engine) reload(ctx context.Context) error {
	m.live.Lock()
	defer m.live.Unlock()
	if m.closed {
		return errClosed()
	}
	m.broken = true
	return m.load(context.WithoutCancel(ctx))
}

func (m *engine) close() {
	m.live.Lock()
	defer m.live.Unlock()
	if !m.closed {
		m.closed = true
		if m.mach != nil {
			m.mach.Destroy()
		}
		m.exec.claim.release()
	}
}

// Init does nothing: MatrixCryptoInit has done it.
func (m *engine) Init(context.Context) error { return nil }

// sessionReceived is told of each new room key.
func (m *engine) sessionReceived(ctx context.Context, room id.RoomID, session id.SessionID, _ uint32) {
	key := matrixsync.MatrixSessionKey{RoomID: room, SessionID: session}
	if b, ok := ctx.Value(batchKey{}).(*batch); ok {
		b.keys = append(b.keys, key)
		return
	}
	m.publish([]matrixsync.MatrixSessionKey{key})
}

// publish makes keys known to NewKeys once they are durable.
func (m *engine) publish(keys []matrixsync.MatrixSessionKey) {
	if len(keys) == 0 {
		return
	}
	m.backup.due.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range keys {
		delete(m.missing, key)
	}
	// Without a sync service nobody asks for them.
	m.keys = append(m.keys, keys[max(0, len(keys)-maxNewKeys):]...)
	m.keys = m.keys[max(0, len(m.keys)-maxNewKeys):]
}

// maxNewKeys bounds what NewKeys returns. A sync brings 100 to-device messages
// at most.
const maxNewKeys = 100_000

// NewKeys returns the sessions whose keys came since the last call.
func (m *engine) NewKeys() []matrixsync.MatrixSessionKey {
	m.mu.Lock()
	defer m.mu.Unlock()
	keys := m.keys
	m.keys = nil
	return keys
}
