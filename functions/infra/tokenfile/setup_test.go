package tokenfile_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"go.uber.org/goleak"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/filelock"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/tokenfile"
	"fnregistry.dev/functions/internal/errtest"
	"fnregistry.dev/tools/testenv/testkit/killtest"
)

func TestMain(m *testing.M) {
	killtest.Play(map[string]func(args []string) error{"write": writeNames})
	goleak.VerifyTestMain(m)
}

const (
	goodPassphrase = "open sesame 2f9c"
	cheapScrypt    = 10 // the minimum: the tests are not about strength
	secret         = "syt_hunter2_battery"
)

func says(passphrase string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return passphrase, nil }
}

func mustStore(t testing.TB, cfg tokenfile.FileTokenStoreConfig) token.TokenStore {
	t.Helper()
	store, err := tokenfile.FileTokenStore(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func byPassphrase(t testing.TB, path, passphrase string) token.TokenStore {
	t.Helper()
	return mustStore(t, tokenfile.FileTokenStoreConfig{Path: path, Passphrase: says(passphrase), ScryptWorkFactor: cheapScrypt})
}

func byIdentity(t testing.TB, path, identityFile string) token.TokenStore {
	t.Helper()
	return mustStore(t, tokenfile.FileTokenStoreConfig{Path: path, IdentityFile: identityFile})
}

// newIdentity writes an identity file as age-keygen does.
func newIdentity(t testing.TB, dir string) (path string) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(dir, "*.key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(f, "# public key: "+identity.Recipient().String()+"\n"+identity.String()+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

func set(t testing.TB, store token.TokenStore, name, value string) {
	t.Helper()
	if err := store.Set(t.Context(), name, value); err != nil {
		t.Fatal(err)
	}
}

func wantValue(t testing.TB, store token.TokenStore, name, want string) {
	t.Helper()
	if got, err := store.Get(t.Context(), name); err != nil || got != want {
		t.Errorf("Get %s: %q, %v, want %q", name, got, err, want)
	}
}

// wantError checks code and text, and that neither the error nor its hint
// contains a secret.
func wantError(t testing.TB, err error, code core.Code, want string) {
	t.Helper()
	errtest.Want(t, err, code, want, secret, goodPassphrase, "AGE-SECRET-KEY")
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func writeFile(t testing.TB, path string, content []byte, mode os.FileMode) {
	t.Helper()
	// It may have been read-only.
	if err := os.Chmod(path, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask, even if it existed
		t.Fatal(err)
	}
}

// wantUntouched checks that every call fails with code and leaves the file
// unchanged.
func wantUntouched(t testing.TB, store token.TokenStore, path string, code core.Code, text string) {
	t.Helper()
	before := readFile(t, path)
	_, err := store.Get(t.Context(), "name")
	wantError(t, err, code, text)
	wantError(t, store.Set(t.Context(), "name", secret), code, text)
	wantError(t, store.Delete(t.Context(), "name"), code, text)
	_, err = store.List(t.Context())
	wantError(t, err, code, text)
	if !bytes.Equal(readFile(t, path), before) {
		t.Error("the file was written to")
	}
}

// wantFolder checks that the folder holds exactly the named files: no temporary
// file is left.
func wantFolder(t testing.TB, dir string, want ...string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	hidden, err2 := filepath.Glob(filepath.Join(dir, ".*"))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, path := range append(found, hidden...) {
		names = append(names, filepath.Base(path))
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", names, want)
	}
}

func holdLock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	l, err := filelock.FileLock(t.Context(), path, filelock.FileLockConfig{})
	if err != nil {
		t.Fatal(err)
	}
	unlock = func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(unlock)
	return unlock
}
