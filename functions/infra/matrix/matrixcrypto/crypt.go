//go:build goolm || libolm

package matrixcrypto

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/olm"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

const opDecrypt, opEncrypt = "matrix_crypto decrypt", "matrix_crypto encrypt"

// Decrypt returns the decrypted event, with its trust in Mautrix.TrustState.
// ErrMatrixNoKey where the key may still come; CodeInvalid for what never
// decrypts: a message index that another event had (a replay), a session that
// is not the sender's, damage, an unknown algorithm. Where another try may
// pass, since the database is locked or ctx is done, the error has its code, is
// an ErrMatrixNoKey, too, and NewKeys names the session again.
func (m *engine) Decrypt(ctx context.Context, evt *event.Event) (*event.Event, error) {
	if evt == nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: opDecrypt, Message: "no event given"}
	}
	content, ok := parsed(evt, event.MessageEventType)
	encrypted, isEncrypted := content.(*event.EncryptedEventContent)
	if !ok || !isEncrypted {
		return nil, &core.Error{Code: core.CodeInvalid, Op: opDecrypt, Message: "the event is not an encrypted one"}
	}
	own := *evt
	own.Content.Parsed = encrypted
	decrypted, err := m.decryptOnce(ctx, &own, encrypted)
	key := matrixsync.MatrixSessionKey{RoomID: evt.RoomID, SessionID: encrypted.SessionID}
	if noKey(err) && m.fetchFromBackup(ctx, key) {
		decrypted, err = m.decryptOnce(ctx, &own, encrypted)
	}
	if noKey(err) {
		m.miss(key, evt.Sender)
	}
	if passes(err) {
		m.publish([]matrixsync.MatrixSessionKey{key}) // so that it is tried again
	}
	return decrypted, decryptError(err)
}

// passes reports whether an error is none of the event's: the database was
// locked or has been taken over, or the caller stopped.
func passes(err error) bool {
	if err == nil || noKey(err) {
		return false
	}
	if errors.Is(err, errLost) { // the other process reads it
		return true
	}
	switch core.ErrorCode(storeError(opDecrypt, err)) {
	case core.CodeUnavailable, core.CodeTimeout, core.CodeCanceled:
		return true
	}
	return fromStore(err)
}

func (m *engine) decryptOnce(ctx context.Context, evt *event.Event, content *event.EncryptedEventContent) (decrypted *event.Event, err error) {
	mach, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	defer func() { // what anyone may send must not end the program
		if r := recover(); r != nil {
			decrypted, err = nil, fmt.Errorf("mautrix panicked: %v", r)
		}
	}()
	owner, err := m.owner(ctx, evt.RoomID, content.SessionID)
	if err != nil {
		return nil, err
	}
	if owner != nil {
		if err := m.checkSender(ctx, mach, evt, content, owner); err != nil {
			return nil, err
		}
	}
	if decrypted, err = mach.DecryptMegolmEvent(ctx, evt); err != nil || owner == nil {
		return nil, cmp.Or(err, crypto.ErrNoSessionFound)
	}
	trust(decrypted, owner)
	return decrypted, nil
}

func noKey(err error) bool {
	return errors.Is(err, crypto.ErrNoSessionFound) || errors.Is(err, crypto.ErrGroupSessionWithheld) || errors.Is(err, olm.ErrUnknownMessageIndex)
}

func decryptError(err error) error {
	switch {
	case err == nil:
		return nil
	case noKey(err):
		return &core.Error{
			Code: core.CodeNotFound,
			Op:   opDecrypt,
			Err:  fmt.Errorf("%w: %w", matrixsync.ErrMatrixNoKey, err),
		}
	case errors.Is(err, crypto.ErrDuplicateMessageIndex):
		return &core.Error{
			Code:    core.CodeInvalid,
			Op:      opDecrypt,
			Message: "replayed: another event had this message index",
			Err:     err,
		}
	}
	if coded, ok := errors.AsType[*core.Error](err); ok && coded.Code == core.CodeInvalid {
		return err
	}
	if passes(err) {
		coded := storeError(opDecrypt, err)
		return &core.Error{Code: core.ErrorCode(coded), Err: fmt.Errorf("%w (%w)", coded, matrixsync.ErrMatrixNoKey)}
	}
	return &core.Error{Code: core.CodeInvalid, Op: opDecrypt, Err: err}
}

// Encrypt encrypts content for the members of a room, and first gives their
// devices the key where they don't have it.
func (m *engine) Encrypt(
	ctx context.Context,
	room id.RoomID,
	kind event.Type,
	content any,
) (*event.EncryptedEventContent, error) {
	if m.offline.Load() {
		m.syncing.Lock()
		err := m.goOnline(ctx)
		m.syncing.Unlock()
		if err != nil {
			return nil, storeError(opEncrypt+" room="+room.String(), err)
		}
	}
	mach, done, err := m.use()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := m.exec.file.Check(); err != nil {
		return nil, err // mautrix only logs when it can't store how far a session was used
	}
	ctx, cancel := sending(ctx)
	defer cancel(nil)
	encrypted, err := m.encrypt(ctx, mach, room, kind, content)
	if err == nil || ctx.Err() != nil {
		err = context.Cause(ctx) // a write that failed, of which mautrix may not have told
	}
	return encrypted, storeError(opEncrypt+" room="+room.String(), err)
}

func (m *engine) encrypt(
	ctx context.Context,
	mach *crypto.OlmMachine,
	room id.RoomID,
	kind event.Type,
	content any,
) (*event.EncryptedEventContent, error) {
	setting, err := m.state.GetEncryptionEvent(ctx, room)
	if err != nil {
		return nil, err
	}
	if setting != nil && setting.Algorithm != id.AlgorithmMegolmV1 {
		return nil, &core.Error{
			Code:    core.CodeUnsupported,
			Op:      opEncrypt,
			Message: fmt.Sprintf("the room is encrypted by %q", setting.Algorithm),
		}
	}
	defer m.encrypting.WithLock(room)()
	if err := m.freshen(ctx, mach, room); err != nil {
		return nil, err
	}
	if err := m.refreshDevices(ctx, mach); err != nil {
		return nil, err
	}
	if err := m.state.dropStale(ctx, room); err != nil {
		return nil, err
	}
	// A member or device change in another goroutine may take the new session
	// away again at once.
	for range 3 {
		encrypted, err := mach.EncryptMegolmEvent(ctx, room, kind, content)
		if !errors.Is(err, crypto.ErrSessionExpired) && !errors.Is(err, crypto.ErrNoGroupSession) && !errors.Is(err, crypto.ErrSessionNotShared) {
			return encrypted, err
		}
		members, err := m.members(ctx, room)
		if err != nil {
			return nil, err
		}
		if err := mach.ShareGroupSession(ctx, room, members); err != nil {
			return nil, err
		}
		m.backup.due.Store(true)
	}
	return nil, &core.Error{
		Code:    core.CodeUnavailable,
		Op:      opEncrypt,
		Message: "the room's members or their devices keep changing",
	}
}

// members returns who gets a room's keys. A sync that loads members lazily
// doesn't tell of all.
func (m *engine) members(ctx context.Context, room id.RoomID) ([]id.UserID, error) {
	fetched, err := m.state.HasFetchedMembers(ctx, room)
	if err != nil {
		return nil, err
	}
	if !fetched {
		all, err := m.client.Members(ctx, room)
		if err != nil {
			return nil, err
		}
		if err := m.state.ReplaceCachedMembers(ctx, room, all.Chunk); err != nil {
			return nil, err
		}
	}
	members, err := m.state.GetRoomJoinedOrInvitedMembers(ctx, room)
	if err == nil && !slices.Contains(members, m.client.UserID) {
		members = append(members, m.client.UserID) // our other devices
	}
	return members, err
}

// WaitForSession waits for a room key, and reports whether it is there.
func (m *engine) WaitForSession(
	ctx context.Context,
	room id.RoomID,
	sender id.SenderKey,
	session id.SessionID,
	timeout time.Duration,
) bool {
	mach, done, err := m.use()
	if err != nil {
		return false
	}
	done() // not for that long
	return mach.WaitForSession(ctx, room, sender, session, timeout)
}

// RequestSession asks the sender's device, or all of them for an empty one, and
// our own devices for a room key.
func (m *engine) RequestSession(
	ctx context.Context,
	room id.RoomID,
	senderKey id.SenderKey,
	session id.SessionID,
	user id.UserID,
	device id.DeviceID,
) {
	mach, done, err := m.use()
	if err != nil {
		return
	}
	defer done()
	if device == "" {
		device = "*"
	}
	to := map[id.UserID][]id.DeviceID{m.client.UserID: {"*"}}
	if user != "" && user != m.client.UserID {
		to[user] = []id.DeviceID{device}
	}
	if err := mach.SendRoomKeyRequest(ctx, room, senderKey, session, "", to); err != nil {
		m.log.Warn().Err(err).Stringer("room_id", room).Stringer("session_id", session).Msg("failed to ask for a room key")
	}
}
