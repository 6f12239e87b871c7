package keyring

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/internal/errtest"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		children[name](os.Args[1:])
		return
	}
	goleak.VerifyTestMain(m)
}

const value = "syt_hunter2_battery"

var services atomic.Uint64

// newService returns a service name that no other test of this run uses: they
// share one keyring.
func newService(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("fn_registry test %d %d", os.Getpid(), services.Add(1))
}

func mustStore(t testing.TB, service string) token.TokenStore {
	t.Helper()
	s, err := KeyringTokenStore(KeyringTokenStoreConfig{Service: service})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func set(t testing.TB, s token.TokenStore, name, value string) {
	t.Helper()
	if err := s.Set(t.Context(), name, value); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t testing.TB, s token.TokenStore, name, want string) {
	t.Helper()
	if got, err := s.Get(t.Context(), name); err != nil || got != want {
		t.Errorf("Get %s: %q, %v, want %q", name, got, err, want)
	}
}

// wantError checks code and text, and that neither the error nor its hint
// contains the value.
func wantError(t testing.TB, err error, code core.Code, want string) {
	t.Helper()
	errtest.Want(t, err, code, want, value)
}

func wantHint(t testing.TB, err error, want string) {
	t.Helper()
	if !strings.Contains(core.ErrorHint(err), want) {
		t.Errorf("%v: want %q in the hint", err, want)
	}
}
