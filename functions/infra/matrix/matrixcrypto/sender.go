//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
)

// sessionOwner is what is known of who made a Megolm session.
type sessionOwner struct {
	senderKey  id.SenderKey // of the device; a claim unless authentic
	signingKey id.Ed25519   // of the device; a claim
	source     id.KeySource
	user       id.UserID // whose device sent the key, by that device's own word; empty: the key is a backup's
	chain      string    // the devices that forwarded the key, with commas between them
}

// authentic reports whether the session's own device sent the key, by Olm,
// which proves senderKey. The claims of a backup are worth nothing: anybody who
// knows its public key can write to it, as the server does.
func (o *sessionOwner) authentic() bool {
	return o.source == id.KeySourceDirect || o.source == id.KeySourceForward && o.chain == string(o.senderKey)
}

// owner returns the owner of a session, or nil where it is not there.
func (m *engine) owner(ctx context.Context, room id.RoomID, session id.SessionID) (*sessionOwner, error) {
	var o sessionOwner
	var signing, chain sql.NullString
	err := m.db.QueryRow(ctx, `
		SELECT sender_key, signing_key, key_source, source_user, forwarding_chains FROM crypto_megolm_inbound_session
		WHERE account_id = $1 AND session_id = $2 AND room_id = $3 AND session IS NOT NULL`,
		m.store.AccountID, session, room,
	).Scan(&o.senderKey, &signing, &o.source, &o.user, &chain)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	o.signingKey, o.chain = id.Ed25519(signing.String), chain.String
	return &o, err
}

// checkSender returns an error if the session that an event is encrypted with
// is known to belong to somebody else than the event's sender, whom the server
// names. mautrix does not look.
func (m *engine) checkSender(ctx context.Context, mach *crypto.OlmMachine, evt *event.Event, content *event.EncryptedEventContent, owner *sessionOwner) error {
	if named := content.SenderKey; named != "" && named != owner.senderKey {
		return forged("the event names another sender key than its session has")
	}
	if owner.authentic() && owner.user != "" && owner.user != evt.Sender {
		return forged(fmt.Sprintf("the key is %s's, and the event is sent as %s", owner.user, evt.Sender))
	}
	device, err := m.deviceByKey(ctx, mach, evt.Sender, owner.senderKey)
	switch {
	case err != nil:
		return err
	case device != nil && device.SigningKey != owner.signingKey:
		return forged(fmt.Sprintf("the device of %s with the session's sender key has another signing key", evt.Sender))
	case device != nil:
		return nil
	}
	other, err := m.userByKeys(ctx, mach, evt.RoomID, owner)
	if err == nil && other != "" && other != evt.Sender {
		err = forged(fmt.Sprintf("the session's device is %s's, and the event is sent as %s", other, evt.Sender))
	}
	return err
}

func forged(what string) error {
	return &core.Error{Code: core.CodeInvalid, Op: opDecrypt, Message: "not from its sender: " + what}
}

// deviceByKey returns a user's device, or nil where the user has none with that
// key. The server is asked where the device is unknown.
func (m *engine) deviceByKey(ctx context.Context, mach *crypto.OlmMachine, user id.UserID, key id.SenderKey) (*id.Device, error) {
	device, err := mach.CryptoStore.FindDeviceByKey(ctx, user, key)
	if err != nil || device != nil || !m.lookOnce(string(user)+" "+string(key)) {
		return device, err
	}
	if _, err := mach.FetchKeys(ctx, []id.UserID{user}, true); err != nil {
		m.log.Warn().Err(err).Stringer("user_id", user).Msg("failed to ask for the devices of an event's sender")
		return nil, nil
	}
	return mach.CryptoStore.FindDeviceByKey(ctx, user, key)
}

// mostMembers is how many members' devices are asked for to find out whose a
// session is whose key says too little.
const mostMembers = 200

// userByKeys returns whose device has a session's keys, or "". What an
// authentic session says of itself is enough; else all members' devices are
// compared.
func (m *engine) userByKeys(ctx context.Context, mach *crypto.OlmMachine, room id.RoomID, owner *sessionOwner) (id.UserID, error) {
	user, err := m.knownUser(ctx, owner)
	if err != nil || user != "" || owner.authentic() || !m.lookOnce(string(room)+" "+string(owner.senderKey)) {
		return user, err
	}
	members, err := m.members(ctx, room)
	if err != nil || len(members) > mostMembers {
		return "", err
	}
	if _, err := mach.FetchKeys(ctx, members, true); err != nil {
		return "", err
	}
	return m.knownUser(ctx, owner)
}

func (m *engine) knownUser(ctx context.Context, owner *sessionOwner) (user id.UserID, err error) {
	err = m.db.QueryRow(ctx, "SELECT user_id FROM crypto_device WHERE identity_key = $1 AND signing_key = $2", owner.senderKey, owner.signingKey).Scan(&user)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return user, err
}

// lookAgain is how long the server is not asked again for the owner of a key.
const lookAgain = 10 * time.Minute

// lookOnce reports whether to ask the server for the owner of a key. It keeps
// maxMissing questions: past that nobody is asked, so that a flood of events
// makes no flood of requests.
func (m *engine) lookOnce(what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if len(m.looked) >= maxMissing {
		maps.DeleteFunc(m.looked, func(_ string, at time.Time) bool { return now.Sub(at) >= lookAgain })
	}
	if now.Sub(m.looked[what]) < lookAgain || len(m.looked) >= maxMissing {
		return false
	}
	m.looked[what] = now
	return true
}

// trust sets an event's trust to what is proven: mautrix's takes a forwarding
// device for the sender's, and one that was taken away for one that is there.
func trust(decrypted *event.Event, owner *sessionOwner) {
	info := &decrypted.Mautrix
	switch {
	case !owner.authentic():
		info.TrustState = id.TrustStateForwarded
		if owner.source != id.KeySourceForward {
			info.TrustState = id.TrustStateBackup
		}
	case info.TrustSource != nil && info.TrustSource.Deleted:
		info.TrustState = id.TrustStateUnknownDevice
	}
}

// guardedStore refuses sessions whose owner mautrix would mix up. A session has
// one owner for good; mautrix merges a second key for it with the first, and
// may keep the claims of a key that anybody could have made as those of one
// that came by Olm.
type guardedStore struct {
	*crypto.SQLCryptoStore
	m *engine
}

type olmKey struct{} // of a context: the Olm sender key, proven, of the message that is being read

// PutGroupSession implements crypto.Store.
func (s *guardedStore) PutGroupSession(ctx context.Context, session *crypto.InboundGroupSession) error {
	by, byOlm := ctx.Value(olmKey{}).(id.SenderKey)
	switch {
	case session.KeySource == id.KeySourceDirect && byOlm && by != session.SenderKey:
		return errors.New("another key for the session claims another owner")
	case session.KeySource == id.KeySourceForward && session.SourceUser != s.m.client.UserID &&
		(len(session.ForwardingChains) != 1 || session.ForwardingChains[0] != string(session.SenderKey)):
		return fmt.Errorf("%s forwards a session of another device", session.SourceUser)
	}
	known, err := s.m.owner(ctx, session.RoomID, session.ID())
	if err != nil {
		return err
	}
	if known != nil && known.authentic() && (known.senderKey != session.SenderKey || known.signingKey != session.SigningKey) {
		return errors.New("the session has another owner already")
	}
	return s.SQLCryptoStore.PutGroupSession(ctx, session)
}

// PutDevices implements crypto.Store.
func (s *guardedStore) PutDevices(ctx context.Context, user id.UserID, devices map[id.DeviceID]*id.Device) error {
	return s.m.inTransaction(ctx, func(ctx context.Context) error { return s.SQLCryptoStore.PutDevices(ctx, user, devices) })
}

// ValidateMessageIndex implements crypto.Store.
func (s *guardedStore) ValidateMessageIndex(
	ctx context.Context, session id.SessionID, event id.EventID, index uint, timestamp int64,
) (valid bool, err error) {
	_, err = s.m.exec.batch(ctx, func(ctx context.Context) error {
		valid, err = s.SQLCryptoStore.ValidateMessageIndex(ctx, session, event, index, timestamp)
		return err
	})
	return valid, err
}
