//go:build goolm || libolm

package matrixcrypto

import (
	"context"
	"net/http"
	"slices"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto"
	"maunium.net/go/mautrix/crypto/goolm/account"
	"maunium.net/go/mautrix/crypto/signatures"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/infra/matrix"
)

// renewFallback is how old a fallback key gets at least. Who has used it says
// nothing of who will: with each new one the one before the last is forgotten,
// and with it what is still on its way.
const renewFallback = time.Hour

// publishFallbackKey gives the server a fallback key where it has none, or
// where the one that it has was used. A fallback key is what the server hands
// out when the one-time keys are gone, which anybody can claim: without it
// nobody could send this device a room key any more.
//
// unused are the kinds of which the server says that it has an unused key; nil:
// it does not say. libolm's binding has no fallback keys: a build with it makes
// none.
func (m *engine) publishFallbackKey(ctx context.Context, mach *crypto.OlmMachine, unused []id.KeyAlgorithm) error {
	own := mach.GetAccount()
	keys, ok := own.Internal.(*account.Account)
	if !ok {
		return nil
	}
	used := unused != nil && !slices.Contains(unused, id.KeyAlgorithmSignedCurve25519) && time.Since(m.renewed) >= renewFallback
	if len(keys.FallbackKey()) == 0 || used && len(keys.FallbackKeyUnpublished()) == 0 {
		if err := keys.GenFallbackKey(); err != nil {
			return err
		}
		if err := m.store.PutAccount(ctx, own); err != nil { // before anybody can use it
			return err
		}
	}
	signed := map[id.KeyID]mautrix.OneTimeKey{}
	for keyID, key := range keys.FallbackKeyUnpublished() {
		key := mautrix.OneTimeKey{Key: key, Fallback: true, IsSigned: true}
		signature, err := own.SignJSON(&key)
		if err != nil {
			return err
		}
		key.Signatures = signatures.NewSingleSignature(m.client.UserID, id.KeyAlgorithmEd25519, m.client.DeviceID.String(), signature)
		signed[id.NewKeyID(id.KeyAlgorithmSignedCurve25519, keyID)] = key
	}
	if len(signed) == 0 {
		return nil
	}
	body := map[string]any{"fallback_keys": signed}
	if _, err := m.client.MakeRequest(ctx, http.MethodPost, m.client.BuildClientURL("v3", "keys", "upload"), body, nil); err != nil {
		return err
	}
	m.renewed = time.Now()
	keys.CurrentFallbackKey.Published = true
	return m.store.PutAccount(ctx, own)
}

// wantedKeys is how many one-time keys the server should have: half of what an
// account can hold, as libolm advises.
const wantedKeys = 50

// askCount is how long a server is not asked again how many one-time keys it
// has.
const askCount = 5 * time.Second

// publishOneTimeKeys gives the server new ones where it has too few. Zero may
// mean that it did not say.
func (m *engine) publishOneTimeKeys(ctx context.Context, mach *crypto.OlmMachine, count int) error {
	if count >= wantedKeys {
		return nil
	}
	if count == 0 {
		m.mu.Lock()
		soon := time.Since(m.counted) < askCount
		if !soon {
			m.counted = time.Now()
		}
		m.mu.Unlock()
		if soon {
			return nil
		}
		return m.countOneTimeKeys(ctx, mach)
	}
	return mach.ShareKeys(ctx, count)
}

// countOneTimeKeys asks the server how many it has, and gives it what is
// missing.
func (m *engine) countOneTimeKeys(ctx context.Context, mach *crypto.OlmMachine) error {
	resp, err := m.client.UploadKeys(ctx, &mautrix.ReqUploadKeys{})
	if err != nil {
		return err
	}
	count := resp.OneTimeKeyCounts.SignedCurve25519
	if count >= wantedKeys {
		return nil
	}
	return mach.ShareKeys(ctx, count)
}

// publishKeys gives the server what it lacks at the start: a program that only
// sends may never sync.
func (m *engine) publishKeys(ctx context.Context) error {
	if err := m.publishFallbackKey(ctx, m.mach, nil); err != nil {
		return matrix.MatrixError(op+" publish keys=fallback", err)
	}
	return matrix.MatrixError(op+" publish keys=one-time", m.countOneTimeKeys(ctx, m.mach))
}
