package keyring

import (
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/token/tokentest"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func TestKeyringTokenStore_Conformance(t *testing.T) {
	servers.Keyring(t)
	t.Parallel()
	tokentest.TokenStoreConformance(t, func(t *testing.T) func() token.TokenStore {
		service := newService(t)
		return func() token.TokenStore { return mustStore(t, service) }
	})
}

func TestKeyringTokenStore_ServiceRefused(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{"": "empty", "a:b": "colon", "a\n": "control", "\xff": "UTF-8"} {
		_, err := KeyringTokenStore(KeyringTokenStoreConfig{Service: service})
		wantError(t, err, core.CodeInvalid, want)
	}
}
