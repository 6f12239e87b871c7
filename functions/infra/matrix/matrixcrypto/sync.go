//go:build goolm || libolm

package matrixcrypto

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix/matrixsync"
)

const opSync = "matrix_crypto process sync"

// ProcessSync takes in what a sync response has for encryption. What must not
// be lost is durable when it returns nil: room keys, each with the Olm session
// that it came by, members, and which device lists are out of date. What can be
// done later (asking for device lists, publishing one-time keys, answering
// requests for keys) is tried, logged, and tried again with a later response.
func (m *engine) ProcessSync(ctx context.Context, resp *mautrix.RespSync, since string) error {
	if resp == nil {
		return nil
	}
	m.syncing.Lock()
	defer m.syncing.Unlock()
	if err := m.goOnline(ctx); err != nil {
		return storeError(opSync, err)
	}
	if m.isBroken() {
		if err := m.reload(ctx); err != nil {
			return storeError(opSync, err)
		}
	}
	if err := m.takeIn(ctx, resp, since); err != nil {
		if again := m.reload(ctx); again != nil {
			m.log.Error().Err(again).Msg("failed to read the keys anew")
		}
		return storeError(opSync, err)
	}
	m.synced.Store(time.Now())
	m.follow(ctx, resp)
	return nil
}

func (m *engine) isBroken() bool {
	m.live.RLock()
	defer m.live.RUnlock()
	return m.broken
}

func (m *engine) takeIn(ctx context.Context, resp *mautrix.RespSync, since string) error {
	m.live.Lock()
	defer m.live.Unlock()
	if m.closed {
		return errClosed()
	}
	mach := m.mach
	if _, err := m.exec.batch(ctx, func(ctx context.Context) error { return m.takeState(ctx, resp, since) }); err != nil {
		return err
	}
	for _, evt := range resp.ToDevice.Events {
		own, ok := toDevice(evt)
		if !ok || !stored(own.Type) {
			continue
		}
		keys, err := m.exec.batch(ctx, func(ctx context.Context) error { return m.takeMessage(ctx, mach, own) })
		if err != nil {
			return err
		}
		m.publish(keys)
	}
	return nil
}

// takeState stores what is said of rooms and of device lists.
func (m *engine) takeState(ctx context.Context, resp *mautrix.RespSync, since string) error {
	if err := m.state.takeState(ctx, resp); err != nil {
		return err
	}
	if since == "" { // what has changed before is not told
		_, err := m.db.Exec(ctx, "UPDATE crypto_tracked_user SET devices_outdated = true")
		return err
	}
	if len(resp.DeviceLists.Changed) > 0 {
		return m.store.MarkTrackedUsersOutdated(ctx, resp.DeviceLists.Changed)
	}
	return nil
}

// toDevice copies a to-device event with its content parsed.
func toDevice(evt *event.Event) (*event.Event, bool) {
	if evt == nil {
		return nil, false
	}
	own := *evt
	own.Type.Class = event.ToDeviceEventType
	content, ok := parsed(evt, event.ToDeviceEventType)
	own.Content.Parsed = content
	return &own, ok
}

// stored reports whether what comes of a to-device message is in the database
// alone.
func stored(kind event.Type) bool {
	return kind == event.ToDeviceEncrypted || kind == event.ToDeviceRoomKeyWithheld || kind == event.ToDeviceOrgMatrixRoomKeyWithheld
}

func (m *engine) takeMessage(ctx context.Context, mach *crypto.OlmMachine, evt *event.Event) (err error) {
	defer func() { // what anyone may send must not end the program, nor the sync
		if r := recover(); r != nil {
			m.log.Error().Str("panic", fmt.Sprint(r)).Stringer("sender", evt.Sender).Msg("dropped a to-device message on which mautrix panicked")
		}
	}()
	if content, ok := evt.Content.Parsed.(*event.EncryptedEventContent); ok {
		ctx = context.WithValue(ctx, olmKey{}, content.SenderKey)
	}
	mach.HandleToDeviceEvent(ctx, evt)
	return nil
}

// follow does what follows from a response and can be done later.
func (m *engine) follow(ctx context.Context, resp *mautrix.RespSync) {
	mach, done, err := m.use()
	if err != nil {
		return
	}
	defer done()
	for i, evt := range resp.ToDevice.Events {
		own, ok := toDevice(evt)
		if !ok || stored(own.Type) {
			continue
		}
		if i >= maxRequests {
			m.log.Warn().Int("count", len(resp.ToDevice.Events)-i).Msg("dropped to-device messages")
			break
		}
		answering, cancel := sending(ctx)
		m.answer(answering, mach, own)
		cancel(nil)
	}
	if err := m.refreshDevices(ctx, mach); err != nil {
		m.log.Warn().Err(err).Msg("failed to ask for device lists")
	}
	// In this order: mautrix marks all that is not published as published.
	err = m.publishFallbackKey(ctx, mach, resp.FallbackKeys)
	if err == nil {
		err = m.publishOneTimeKeys(ctx, mach, resp.DeviceOTKCount.SignedCurve25519)
	}
	if err != nil {
		m.log.Warn().Err(err).Msg("failed to publish one-time and fallback keys")
	}
	mach.MarkOlmHashSavePoint(ctx)
	m.askForMissing(ctx, mach)
	m.uploadToBackup(ctx, mach)
}

// maxRequests bounds how many requests for keys of one response are answered:
// each may cost two calls of the server.
const maxRequests = 200

// answer handles a request for a key or a secret. mautrix would do so in a
// goroutine that nobody waits for.
func (m *engine) answer(ctx context.Context, mach *crypto.OlmMachine, evt *event.Event) {
	defer func() {
		if r := recover(); r != nil {
			m.log.Error().Str("panic", fmt.Sprint(r)).Msg("dropped a request on which mautrix panicked")
		}
	}()
	if request, ok := evt.Content.Parsed.(*event.RoomKeyRequestEventContent); ok {
		mach.HandleRoomKeyRequest(ctx, evt.Sender, request)
		return
	}
	mach.HandleToDeviceEvent(ctx, evt)
}

// retryDevices is how long a device list that could not be had (a server in the
// federation is down) is left alone.
const retryDevices = time.Minute

// refreshDevices asks for the device lists that are out of date. It comes
// before a message is encrypted, too: a device that was taken away must not get
// its key.
func (m *engine) refreshDevices(ctx context.Context, mach *crypto.OlmMachine) error {
	outdated, err := mach.CryptoStore.GetOutdatedTrackedUsers(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	m.mu.Lock()
	maps.DeleteFunc(m.tried, func(_ id.UserID, at time.Time) bool { return now.Sub(at) > retryDevices })
	outdated = slices.DeleteFunc(outdated, func(user id.UserID) bool { return !m.tried[user].IsZero() })
	m.mu.Unlock()
	for users := range slices.Chunk(outdated, 200) {
		got, err := mach.FetchKeys(ctx, users, true)
		if err != nil {
			return err
		}
		m.mu.Lock()
		for _, user := range users {
			if got[user] == nil {
				m.tried[user] = now
			}
		}
		m.mu.Unlock()
	}
	return nil
}

// missingKey is a session of which an event came, and no key.
type missingKey struct {
	sender id.UserID
	since  time.Time
	asked  bool
}

const (
	maxMissing = 1000            // sessions remembered, so that a flood costs no memory
	askAfter   = 5 * time.Second // keys often come in the response after the message
	asksAtOnce = 20
)

func (m *engine) miss(key matrixsync.MatrixSessionKey, sender id.UserID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.missing[key] == nil && len(m.missing) >= maxMissing {
		maps.DeleteFunc(
			m.missing,
			func(_ matrixsync.MatrixSessionKey, missing *missingKey) bool { return missing.asked },
		)
	}
	if m.missing[key] == nil && len(m.missing) < maxMissing {
		m.missing[key] = &missingKey{sender: sender, since: time.Now()}
	}
}

// askForMissing asks for the keys that have not come, the oldest first, each
// once.
func (m *engine) askForMissing(ctx context.Context, mach *crypto.OlmMachine) {
	m.mu.Lock()
	var due []matrixsync.MatrixSessionKey
	for key, missing := range m.missing {
		if !missing.asked && time.Since(missing.since) >= askAfter {
			due = append(due, key)
		}
	}
	slices.SortFunc(due, func(a, b matrixsync.MatrixSessionKey) int {
		return cmp.Or(m.missing[a].since.Compare(m.missing[b].since), cmp.Compare(a.SessionID, b.SessionID))
	})
	due = due[:min(len(due), asksAtOnce)]
	senders := make([]id.UserID, len(due))
	for i, key := range due {
		senders[i] = m.missing[key].sender
		m.missing[key].asked = true
	}
	m.mu.Unlock()
	for i, key := range due {
		to := map[id.UserID][]id.DeviceID{m.client.UserID: {"*"}, senders[i]: {"*"}}
		if err := mach.SendRoomKeyRequest(ctx, key.RoomID, "", key.SessionID, "", to); err != nil {
			m.log.Warn().Err(err).Stringer("room_id", key.RoomID).Msg("failed to ask for a room key")
		}
	}
}
