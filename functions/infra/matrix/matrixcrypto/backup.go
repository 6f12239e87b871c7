//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/backup"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/crypto/ssss"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

// backupState is the key backup in use. key and version are set by open, and
// version is emptied when the server says that there is another.
type backupState struct {
	key     *backup.MegolmBackupKey
	version atomic.Value                              // id.KeyBackupVersion
	due     atomic.Bool                               // there may be sessions that it lacks
	asked   map[matrixsync.MatrixSessionKey]time.Time // sessions that it did not have, by engine.mu
	pause   time.Time                                 // no upload before then, by engine.mu
}

func (b *backupState) current() id.KeyBackupVersion {
	version, _ := b.version.Load().(id.KeyBackupVersion)
	return version
}

const (
	askBackupAgain = 10 * time.Minute // another device may upload a session later
	backupPause    = time.Minute      // after an upload that failed
	backupBatch    = 100              // sessions in a request
)

// setUpBackup finds the key backup's private key and checks that the server's
// backup is of it. A backup that is missing is made with Bootstrap; one that
// can't be used is logged, and encryption works without.
func (m *engine) setUpBackup(ctx context.Context, vault *vault, h *MatrixCryptoInitHandle) error {
	info, err := m.client.GetKeyBackupLatestVersion(ctx)
	if errors.Is(err, mautrix.MNotFound) || errors.Is(err, mautrix.MUnrecognized) {
		if !vault.cfg.Bootstrap {
			return nil
		}
		storage, err := vault.open(ctx)
		if err != nil || storage == nil {
			return err
		}
		return m.makeBackup(ctx, storage, h)
	}
	if err != nil {
		return matrix.MatrixError(op+" key backup", err)
	}
	fits := func(key *backup.MegolmBackupKey) bool {
		return key != nil && info.Algorithm == id.KeyBackupAlgorithmMegolmBackupV1 && info.AuthData.PublicKey == publicKey(key)
	}
	key, err := m.localBackupKey(ctx)
	if err == nil && !fits(key) {
		var storage *ssss.Key
		if storage, err = vault.open(ctx); err == nil && storage != nil {
			key, err = m.storedBackupKey(ctx, storage)
		}
	}
	if err != nil {
		return err
	}
	if !fits(key) {
		m.log.Warn().Stringer("version", info.Version).Msg("the key backup is not used: its key is not known here")
		return nil
	}
	return m.useBackup(ctx, key, info.Version, h)
}

func publicKey(key *backup.MegolmBackupKey) id.Ed25519 {
	return id.Ed25519(base64.RawStdEncoding.EncodeToString(key.PublicKey().Bytes()))
}

// localBackupKey returns the private key that the database has, or nil.
func (m *engine) localBackupKey(ctx context.Context) (*backup.MegolmBackupKey, error) {
	text, err := m.store.GetSecret(ctx, id.SecretMegolmBackupV1)
	if err != nil {
		return nil, storeError(op+" key backup", err)
	}
	return readBackupKey(base64.RawStdEncoding.DecodeString(text))
}

// storedBackupKey returns the private key that secret storage has, or nil.
func (m *engine) storedBackupKey(ctx context.Context, storage *ssss.Key) (*backup.MegolmBackupKey, error) {
	raw, err := m.mach.SSSS.GetDecryptedAccountData(ctx, event.AccountDataMegolmBackupKey, storage)
	if errors.Is(err, mautrix.MNotFound) || errors.Is(err, ssss.ErrNotEncryptedForKey) {
		return nil, nil
	}
	return readBackupKey(raw, matrix.MatrixError(op+" key backup", err))
}

func readBackupKey(raw []byte, err error) (*backup.MegolmBackupKey, error) {
	if err != nil || len(raw) == 0 {
		return nil, err
	}
	key, err := backup.MegolmBackupKeyFromBytes(raw)
	if err != nil {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: "the key of the key backup is damaged",
			Err:     err,
		}
	}
	return key, nil
}

// makeBackup makes a backup on the server. Its key goes to secret storage
// first.
func (m *engine) makeBackup(ctx context.Context, storage *ssss.Key, h *MatrixCryptoInitHandle) error {
	key, err := m.storedBackupKey(ctx, storage)
	if err != nil {
		return err
	}
	if key == nil {
		if key, err = backup.NewMegolmBackupKey(); err != nil {
			return &core.Error{Code: core.CodeInternal, Op: op, Err: err}
		}
		if err := m.mach.SSSS.SetEncryptedAccountData(ctx, event.AccountDataMegolmBackupKey, key.Bytes(), storage); err != nil {
			return matrix.MatrixError(op+" key backup", err)
		}
	}
	auth := backup.MegolmAuthData{PublicKey: publicKey(key)}
	signature, err := m.mach.GetAccount().SignJSON(auth)
	if err != nil {
		return &core.Error{Code: core.CodeInternal, Op: op, Err: err}
	}
	auth.Signatures = signatures.NewSingleSignature(m.client.UserID, id.KeyAlgorithmEd25519, m.client.DeviceID.String(), signature)
	if identity := m.mach.CrossSigningKeys; identity != nil {
		if signature, err = identity.MasterKey.SignJSON(auth); err != nil {
			return &core.Error{Code: core.CodeInternal, Op: op, Err: err}
		}
		auth.Signatures[m.client.UserID][id.NewKeyID(id.KeyAlgorithmEd25519, identity.MasterKey.PublicKey().String())] = signature
	}
	made, err := m.client.CreateKeyBackupVersion(ctx, &mautrix.ReqRoomKeysVersionCreate[backup.MegolmAuthData]{Algorithm: id.KeyBackupAlgorithmMegolmBackupV1, AuthData: auth})
	if err != nil {
		return matrix.MatrixError(op+" key backup", err)
	}
	return m.useBackup(ctx, key, made.Version, h)
}

func (m *engine) useBackup(
	ctx context.Context,
	key *backup.MegolmBackupKey,
	version id.KeyBackupVersion,
	h *MatrixCryptoInitHandle,
) error {
	if err := m.store.PutSecret(ctx, id.SecretMegolmBackupV1, base64.RawStdEncoding.EncodeToString(key.Bytes())); err != nil {
		return storeError(op+" key backup", err)
	}
	if m.mach.KeyBackupVersion() != version {
		if err := m.mach.SetKeyBackupVersion(ctx, version); err != nil {
			return storeError(op+" key backup", err)
		}
	}
	m.backup.key = key
	m.backup.version.Store(version)
	m.backup.due.Store(true)
	h.BackupVersion = string(version)
	return nil
}

// fetchFromBackup asks the backup for one session, and reports whether it is
// there now.
func (m *engine) fetchFromBackup(ctx context.Context, key matrixsync.MatrixSessionKey) bool {
	version := m.backup.current()
	if version == "" || key.SessionID == "" {
		return false
	}
	m.mu.Lock()
	now := time.Now()
	known := now.Sub(m.backup.asked[key]) < askBackupAgain
	if !known && len(m.backup.asked) >= maxMissing {
		maps.DeleteFunc(
			m.backup.asked,
			func(_ matrixsync.MatrixSessionKey, at time.Time) bool { return now.Sub(at) >= askBackupAgain },
		)
		known = len(m.backup.asked) >= maxMissing
	}
	if !known {
		m.backup.asked[key] = now
	}
	m.mu.Unlock()
	if known {
		return false
	}
	err := m.importFromBackup(ctx, version, key)
	if err != nil && !errors.Is(err, mautrix.MNotFound) {
		m.log.Warn().Err(err).Stringer("session_id", key.SessionID).Msg("failed to get a room key from the backup")
		m.mu.Lock()
		delete(m.backup.asked, key)
		m.mu.Unlock()
	}
	return err == nil
}

func (m *engine) importFromBackup(
	ctx context.Context,
	version id.KeyBackupVersion,
	key matrixsync.MatrixSessionKey,
) error {
	found, err := m.client.GetKeyBackupForRoomAndSession(ctx, version, key.RoomID, key.SessionID)
	if err != nil {
		return err
	}
	session, err := found.SessionData.Decrypt(m.backup.key)
	if err != nil {
		return err
	}
	mach, done, err := m.use()
	if err != nil {
		return err
	}
	defer done()
	_, err = mach.ImportRoomKeyFromBackup(ctx, version, key.RoomID, key.SessionID, session)
	return err
}

// uploadToBackup uploads some of the sessions that the backup lacks. The rest
// follows with the next responses.
func (m *engine) uploadToBackup(ctx context.Context, mach *crypto.OlmMachine) {
	version := m.backup.current()
	m.mu.Lock()
	paused := time.Now().Before(m.backup.pause)
	m.mu.Unlock()
	if version == "" || paused || !m.backup.due.Swap(false) {
		return
	}
	more, err := m.uploadBatch(ctx, mach, version)
	if err == nil {
		if more {
			m.backup.due.Store(true)
		}
		return
	}
	m.log.Warn().Err(err).Msg("failed to upload room keys to the backup")
	if resp, ok := errors.AsType[mautrix.RespError](err); ok && (resp.ErrCode == "M_WRONG_ROOM_KEYS_VERSION" || resp.ErrCode == mautrix.MNotFound.ErrCode) {
		m.backup.version.Store(id.KeyBackupVersion(""))
		return
	}
	m.backup.due.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.backup.pause = time.Now().Add(backupPause)
}

func (m *engine) uploadBatch(
	ctx context.Context,
	mach *crypto.OlmMachine,
	version id.KeyBackupVersion,
) (more bool, err error) {
	var sessions []*crypto.InboundGroupSession
	err = mach.CryptoStore.GetGroupSessionsWithoutKeyBackupVersion(ctx, version).Iter(func(session *crypto.InboundGroupSession) (bool, error) {
		sessions = append(sessions, session)
		return len(sessions) < backupBatch, nil
	})
	if err != nil || len(sessions) == 0 {
		return false, err
	}
	rooms := map[id.RoomID]mautrix.ReqRoomKeyBackup{}
	for _, session := range sessions {
		data, err := m.backupData(session)
		if err != nil {
			return false, err
		}
		if rooms[session.RoomID].Sessions == nil {
			rooms[session.RoomID] = mautrix.ReqRoomKeyBackup{Sessions: map[id.SessionID]mautrix.ReqKeyBackupData{}}
		}
		rooms[session.RoomID].Sessions[session.ID()] = data
	}
	if _, err := m.client.PutKeysInBackup(ctx, version, &mautrix.ReqKeyBackup{Rooms: rooms}); err != nil {
		return false, err
	}
	_, err = m.exec.batch(ctx, func(ctx context.Context) error {
		for _, session := range sessions {
			if err := m.store.SetGroupSessionKeyBackupVersion(ctx, session.ID(), version); err != nil {
				return err
			}
		}
		return nil
	})
	return len(sessions) == backupBatch, err
}

func (m *engine) backupData(session *crypto.InboundGroupSession) (mautrix.ReqKeyBackupData, error) {
	first := session.Internal.FirstKnownIndex()
	exported, err := session.Internal.Export(first)
	if err != nil {
		return mautrix.ReqKeyBackupData{}, err
	}
	chain := session.ForwardingChains
	if chain == nil {
		chain = []string{}
	}
	sealed, err := backup.EncryptSessionDataWithPubkey(m.backup.key.PublicKey(), backup.MegolmSessionData{
		Algorithm:          id.AlgorithmMegolmV1,
		ForwardingKeyChain: chain,
		SenderClaimedKeys:  backup.SenderClaimedKeys{Ed25519: session.SigningKey},
		SenderKey:          session.SenderKey,
		SessionKey:         string(exported),
		SharedHistory:      session.SharedHistory,
	})
	if err != nil {
		return mautrix.ReqKeyBackupData{}, err
	}
	data, err := json.Marshal(sealed)
	return mautrix.ReqKeyBackupData{FirstMessageIndex: int(first), ForwardedCount: len(chain), SessionData: data}, err
}
