package keyring

import (
	"strings"
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

func TestKeyringTokenStore_ServicesApart(t *testing.T) {
	servers.Keyring(t)
	t.Parallel()
	prefix := newService(t)
	services := []string{"", "*", " ", "/../x", "'; --", `"`, "%s", "名前", strings.Repeat("s", 200)}
	for _, service := range services {
		set(t, mustStore(t, prefix+service), "name", "of "+service)
	}
	for _, service := range services {
		s := mustStore(t, prefix+service)
		wantValue(t, s, "name", "of "+service)
		if names, err := s.List(t.Context()); err != nil || len(names) != 1 {
			t.Errorf("%q: %q, %v, want only that name", service, names, err)
		}
	}
}
