//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"errors"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/ssss"
	"maunium.net/go/mautrix/crypto/utils"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
)

// publishDevice makes sure that the server has this device's keys, and no
// others.
func (m *engine) publishDevice(ctx context.Context) error {
	user, device, account := m.client.UserID, m.client.DeviceID, m.mach.GetAccount()
	resp, err := m.client.QueryKeys(ctx, &mautrix.ReqQueryKeys{DeviceKeys: mautrix.DeviceKeysRequest{user: {device}}})
	if err != nil {
		return matrix.MatrixError(op+" own keys", err)
	}
	published := resp.DeviceKeys[user][device]
	const hint = "log in again as a new device, with a new database"
	switch {
	case len(published.Keys) == 0 && account.Shared:
		return fail(core.CodeConflict, "the server no longer has the keys of device "+device.String(), hint)
	case len(published.Keys) == 0:
		return storeError(op+" publish keys", m.mach.ShareKeys(ctx, -1))
	case published.Keys.GetEd25519(device) != account.SigningKey(), published.Keys.GetCurve25519(device) != account.IdentityKey():
		return fail(core.CodeConflict, "the server has other keys for device "+device.String()+" than the database", "use the database that was used before, or "+hint)
	case !account.Shared: // a crash came between the request and the note of it
		account.Shared = true
		account.Internal.MarkKeysAsPublished()
		return storeError(op, m.store.PutAccount(ctx, account))
	}
	return nil
}

// setUpIdentity finds out about the account's identity, makes what is to be
// made, and signs this device.
func (m *engine) setUpIdentity(ctx context.Context, cfg MatrixCryptoInitConfig, h *MatrixCryptoInitHandle) error {
	if _, err := m.mach.FetchKeys(ctx, []id.UserID{m.client.UserID}, true); err != nil {
		return matrix.MatrixError(op+" own devices", err)
	}
	var err error
	if h.HasIdentity, h.DeviceVerified, err = m.mach.GetOwnVerificationStatus(ctx); err != nil {
		return storeError(op+" identity", err)
	}
	vault := &vault{m: m, cfg: cfg, hasIdentity: h.HasIdentity}
	if !h.DeviceVerified {
		if err := m.verifyDevice(ctx, vault, h); err != nil {
			return err
		}
	}
	return m.setUpBackup(ctx, vault, h)
}

// verifyDevice signs this device by the identity that there is, or by a new
// one.
func (m *engine) verifyDevice(ctx context.Context, vault *vault, h *MatrixCryptoInitHandle) error {
	storage, err := vault.open(ctx)
	if err != nil || storage == nil {
		return err
	}
	if h.HasIdentity {
		err = m.fetchIdentity(ctx, storage)
	} else if vault.cfg.Bootstrap {
		err = m.makeIdentity(ctx, vault.cfg, storage)
	} else {
		return nil
	}
	if err != nil {
		return err
	}
	if err := m.signDevice(ctx); err != nil {
		return err
	}
	h.HasIdentity, h.DeviceVerified = true, true
	return nil
}

// vault opens the account's secret storage at most once, and only where
// something in it is needed: to get its key from a passphrase takes a good part
// of a second.
type vault struct {
	m           *engine
	cfg         MatrixCryptoInitConfig
	hasIdentity bool

	opened bool
	key    *ssss.Key
}

// open returns the key of secret storage; nil where none is there or its
// recovery key is not known.
func (v *vault) open(ctx context.Context) (*ssss.Key, error) {
	if v.opened {
		return v.key, nil
	}
	recovery, err := recoveryKey(ctx, v.cfg)
	if err != nil {
		return nil, err
	}
	if recovery != "" || v.cfg.Bootstrap && !v.hasIdentity {
		if v.key, err = v.m.openStorage(ctx, v.cfg, recovery, v.hasIdentity); err != nil {
			return nil, err
		}
	}
	v.opened = true
	return v.key, nil
}

// openStorage returns the key of the account's secret storage; nil where there
// is none and none may be made.
func (m *engine) openStorage(
	ctx context.Context,
	cfg MatrixCryptoInitConfig,
	recovery string,
	hasIdentity bool,
) (*ssss.Key, error) {
	keyID, meta, err := m.mach.SSSS.GetDefaultKeyData(ctx)
	switch {
	case errors.Is(err, ssss.ErrNoDefaultKeyID), errors.Is(err, mautrix.MNotFound):
		if !cfg.Bootstrap || hasIdentity {
			return nil, nil
		}
		return m.makeStorage(ctx, cfg, recovery)
	case err != nil:
		return nil, matrix.MatrixError(op+" secret storage", err)
	case recovery == "":
		return nil, fail(
			core.CodeInvalid,
			"the account has secret storage, and its recovery key is not known",
			"give it as RecoveryKey",
		)
	}
	var key *ssss.Key
	if utils.DecodeBase58RecoveryKey(recovery) != nil {
		key, err = meta.VerifyRecoveryKey(keyID, recovery)
	} else {
		key, err = meta.VerifyPassphrase(keyID, recovery)
	}
	if err != nil && !(errors.Is(err, ssss.ErrUnverifiableKey) && key != nil) {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "wrong recovery key or passphrase", Err: err}
	}
	return key, nil
}

// makeStorage makes a key for secret storage, keeps it, and makes it the
// account's.
func (m *engine) makeStorage(ctx context.Context, cfg MatrixCryptoInitConfig, recovery string) (*ssss.Key, error) {
	var key *ssss.Key
	var err error
	if raw := utils.DecodeBase58RecoveryKey(recovery); raw != nil {
		key, err = ssss.WrapKey(raw, nil)
	} else {
		key, err = ssss.NewKey(recovery)
	}
	if err != nil {
		return nil, &core.Error{Code: core.CodeInternal, Op: op + " recovery key", Err: err}
	}
	if cfg.Secrets != nil { // before anything depends on it
		if err := cfg.Secrets.Set(ctx, cfg.SecretsName+"/recovery", key.RecoveryKey()); err != nil {
			return nil, secretsError(err)
		}
	}
	if err := m.mach.SSSS.SetKeyData(ctx, key.ID, key.Metadata); err != nil {
		return nil, matrix.MatrixError(op+" secret storage", err)
	}
	return key, matrix.MatrixError(op+" secret storage", m.mach.SSSS.SetDefaultKeyID(ctx, key.ID))
}

// makeIdentity publishes a new identity. Its private keys go to secret storage
// first, and what is there already, from a start that was cut off, is used: so
// no identity is published whose keys nobody has.
func (m *engine) makeIdentity(ctx context.Context, cfg MatrixCryptoInitConfig, storage *ssss.Key) error {
	var keys *crypto.CrossSigningKeysCache
	err := m.mach.FetchCrossSigningKeysFromSSSS(ctx, storage)
	if err == nil {
		keys = m.mach.CrossSigningKeys
	} else if errors.Is(err, mautrix.MNotFound) || errors.Is(err, ssss.ErrNotEncryptedForKey) {
		if keys, err = m.mach.GenerateCrossSigningKeys(); err != nil {
			return &core.Error{Code: core.CodeInternal, Op: op + " identity", Err: err}
		}
		if err := m.mach.UploadCrossSigningKeysToSSSS(ctx, storage, keys); err != nil {
			return storeError(op+" identity", err)
		}
	} else {
		return matrix.MatrixError(op+" identity", err)
	}
	asked := false
	err = m.mach.PublishCrossSigningKeys(ctx, keys, func(ui *mautrix.RespUserInteractive) any {
		asked = true
		if cfg.Password == "" || !ui.HasSingleStageFlow(mautrix.AuthTypePassword) {
			return nil
		}
		return &mautrix.ReqUIAuthLogin{
			BaseAuthData: mautrix.BaseAuthData{Type: mautrix.AuthTypePassword, Session: ui.Session},
			User:         m.client.UserID.String(),
			Password:     cfg.Password,
		}
	})
	if err != nil && asked && isUnauthorized(err) {
		return &core.Error{
			Code:    core.CodeUnauthenticated,
			Op:      op + " identity",
			Message: "the server wants the account's password before it takes an identity",
			Hint:    "set Password",
			Err:     matrix.MatrixError("", err),
		}
	}
	return matrix.MatrixError(op+" identity", err)
}

func isUnauthorized(err error) bool {
	http, ok := errors.AsType[mautrix.HTTPError](err)
	return ok && http.IsStatus(401)
}

// fetchIdentity gets the private keys of the identity from secret storage.
func (m *engine) fetchIdentity(ctx context.Context, storage *ssss.Key) error {
	public, err := m.mach.GetOwnCrossSigningPublicKeys(ctx)
	if err != nil {
		return storeError(op+" identity", err)
	}
	if err := m.mach.FetchCrossSigningKeysFromSSSS(ctx, storage); err != nil {
		return matrix.MatrixError(op+" identity", err)
	}
	if own := m.mach.CrossSigningKeys.PublicKeys(); public == nil || own.MasterKey != public.MasterKey || own.SelfSigningKey != public.SelfSigningKey {
		return fail(core.CodeConflict, "the identity in secret storage is not the account's", "reset the account's identity with a client that can")
	}
	return nil
}

// signDevice signs this device by the identity, and the identity by this
// device.
func (m *engine) signDevice(ctx context.Context) error {
	if err := m.mach.SignOwnDevice(ctx, m.mach.OwnIdentity()); err != nil {
		return matrix.MatrixError(op+" sign device", err)
	}
	return matrix.MatrixError(op+" sign identity", m.mach.SignOwnMasterKey(ctx))
}
