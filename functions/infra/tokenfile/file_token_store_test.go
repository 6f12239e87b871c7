package tokenfile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/token/tokentest"
	"fnregistry.dev/functions/infra/tokenfile"
)

func TestFileTokenStore_ConformanceByIdentity(t *testing.T) {
	t.Parallel()
	tokentest.TokenStoreConformance(t, func(t *testing.T) func() token.TokenStore {
		dir := t.TempDir()
		path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
		return func() token.TokenStore { return byIdentity(t, path, identity) }
	})
}

func TestFileTokenStore_ConformanceByPassphrase(t *testing.T) {
	t.Parallel()
	tokentest.TokenStoreConformance(t, func(t *testing.T) func() token.TokenStore {
		path := filepath.Join(t.TempDir(), "not", "yet", "there", "tokens.age")
		return func() token.TokenStore { return byPassphrase(t, path, goodPassphrase) }
	})
}

func TestFileTokenStore_ConfigRefused(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]tokenfile.FileTokenStoreConfig{
		"no Path":              {IdentityFile: "x"},
		"set exactly one":      {Path: "x"},
		"exactly one of":       {Path: "x", Passphrase: says("y"), IdentityFile: "z"},
		`"x/" names a folder`:  {Path: "x/", IdentityFile: "y"},
		`"x/." names a folder`: {Path: "x/.", IdentityFile: "y"},
		`".." names a folder`:  {Path: "..", IdentityFile: "y"},
		"ScryptWorkFactor 9":   {Path: "x", Passphrase: says("y"), ScryptWorkFactor: 9},
		"ScryptWorkFactor 23":  {Path: "x", Passphrase: says("y"), ScryptWorkFactor: 23},
		"ScryptWorkFactor -1":  {Path: "x", Passphrase: says("y"), ScryptWorkFactor: -1},
	} {
		_, err := tokenfile.FileTokenStore(cfg)
		wantError(t, err, core.CodeInvalid, want)
	}
}

// The format is a promise: anyone with the age command and the passphrase can
// read the file. Read it without any code of this package.
func TestFileTokenStore_OpensWithAge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.age")
	store := byPassphrase(t, path, goodPassphrase)
	set(t, store, "b", secret)
	set(t, store, "a", "\xff")
	if bytes.Contains(readFile(t, path), []byte(secret)) {
		t.Error("the secret is readable in the file")
	}
	identity, err := age.NewScryptIdentity(goodPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := age.Decrypt(bytes.NewReader(readFile(t, path)), identity)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(opened)
	if err != nil {
		t.Fatal(err)
	}
	value, err := json.Marshal([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`{"version":1,"tokens":[{"name":"a","value":"/w=="},{"name":"b","value":%s}]}`, value)
	if string(plain) != want {
		t.Errorf("it holds %s\nwant %s", plain, want)
	}
}

func TestFileTokenStore_Mode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "new", "tokens.age"), newIdentity(t, dir)
	store := byIdentity(t, path, identity)
	set(t, store, "name", secret)
	for made, want := range map[string]os.FileMode{path: 0o600, path + ".lock": 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(made); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", made, info.Mode(), err, want)
		}
	}
	content := readFile(t, path)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o601, 0o644, 0o777} {
		writeFile(t, path, content, mode)
		wantUntouched(t, store, path, core.CodeForbidden, fmt.Sprintf("mode %04o", mode))
		writeFile(t, path, content, 0o600)
		writeFile(t, identity, readFile(t, identity), mode)
		wantUntouched(t, byIdentity(t, path, identity), path, core.CodeForbidden, fmt.Sprintf("mode %04o", mode))
		writeFile(t, identity, readFile(t, identity), 0o400)
	}
	wantValue(t, byIdentity(t, path, identity), "name", secret)
}

func TestFileTokenStore_WrongKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity, other := newIdentity(t, dir), newIdentity(t, dir)
	sealed, known := filepath.Join(dir, "passphrase.age"), filepath.Join(dir, "identity.age")
	set(t, byPassphrase(t, sealed, goodPassphrase), "name", secret)
	set(t, byIdentity(t, known, identity), "name", secret)

	wantUntouched(t, byPassphrase(t, sealed, goodPassphrase+"!"), sealed, core.CodeUnauthenticated, "the passphrase does not open it")
	wantUntouched(t, byIdentity(t, sealed, identity), sealed, core.CodeUnauthenticated, "it is encrypted with a passphrase")
	wantUntouched(t, byIdentity(t, known, other), known, core.CodeUnauthenticated, "no identity of the identity file opens it")
	wantUntouched(t, byPassphrase(t, known, goodPassphrase), known, core.CodeUnauthenticated, "it is encrypted to an identity")
	wantUntouched(t, byPassphrase(t, sealed, ""), sealed, core.CodeInvalid, "the passphrase is empty")
}

func TestFileTokenStore_IdentityFileRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity := newIdentity(t, dir)
	key := string(readFile(t, identity))
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for want, content := range map[string]string{
		"something else than age identities": key[:len(key)-5] + "\n",
		"else than age identities":           "",
		"holds something else":               secret,
		"incompatible recipients":            key + hybrid.String() + "\n",
	} {
		bad := filepath.Join(dir, "bad.key")
		writeFile(t, bad, []byte(content), 0o600)
		wantError(t, byIdentity(t, filepath.Join(dir, "x.age"), bad).Set(t.Context(), "name", secret), core.CodeInvalid, want)
	}
	missing := byIdentity(t, filepath.Join(dir, "x.age"), filepath.Join(dir, "missing"))
	wantError(t, missing.Set(t.Context(), "name", secret), core.CodeInvalid, "no identity file")
	if _, err := os.Stat(filepath.Join(dir, "x.age")); err == nil {
		t.Error("a file was made")
	}
}

func TestFileTokenStore_SeveralIdentities(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, first, second := filepath.Join(dir, "tokens.age"), newIdentity(t, dir), newIdentity(t, dir)
	both := filepath.Join(dir, "both.key")
	writeFile(t, both, append(readFile(t, first), readFile(t, second)...), 0o600)
	set(t, byIdentity(t, path, first), "name", secret)
	set(t, byIdentity(t, path, both), "other", "x") // from now on both open it
	wantValue(t, byIdentity(t, path, second), "name", secret)
	set(t, byIdentity(t, path, second), "other", "y") // and now the first no longer does
	wantUntouched(t, byIdentity(t, path, first), path, core.CodeUnauthenticated, "no identity")
}

func TestFileTokenStore_PostQuantumIdentity(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "pq.key")
	writeFile(t, key, []byte(identity.String()+"\n"), 0o600)
	set(t, byIdentity(t, filepath.Join(dir, "tokens.age"), key), "name", secret)
	wantValue(t, byIdentity(t, filepath.Join(dir, "tokens.age"), key), "name", secret)
}

// Damage at any position is reported by each call, and data that may still be
// recovered is not overwritten.
func TestFileTokenStore_Damaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	set(t, byIdentity(t, path, identity), "name", secret)
	whole := readFile(t, path)
	store := byIdentity(t, path, identity)
	damage := func(what string, content []byte) {
		writeFile(t, path, content, 0o600)
		_, err := store.Get(t.Context(), "name")
		// A flipped byte in the key section looks like a wrong key.
		if code := core.ErrorCode(err); code != core.CodeInternal && code != core.CodeUnauthenticated {
			t.Errorf("%s: Get: %v", what, err)
		}
		wantError(t, store.Set(t.Context(), "name", "new"), core.ErrorCode(err), "")
		if !bytes.Equal(readFile(t, path), content) {
			t.Fatalf("%s: the file was written to", what)
		}
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		damage(fmt.Sprintf("bit 0 of byte %d flipped", i), flipped)
		damage(fmt.Sprintf("cut to %d bytes", i), whole[:i])
	}
	damage("a byte more", append(bytes.Clone(whole), 0))
	damage("twice", append(bytes.Clone(whole), whole...))
	writeFile(t, path, whole, 0o600)
	wantValue(t, store, "name", secret)
}

// Path may name a file of something else: it is neither quoted nor overwritten.
func TestFileTokenStore_AnotherFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, content := range []string{"", secret, "age-encryption.org/v1\n-> scrypt " + secret + " 99\n", "age-encryption.org/v1\n-> " + secret + "\n"} {
		writeFile(t, path, []byte(content), 0o600)
		wantUntouched(t, byPassphrase(t, path, goodPassphrase), path, core.CodeInternal, "damaged")
	}
	for content, code := range map[string]core.Code{
		secret:                             core.CodeInternal,
		`{"version":2,"tokens":{}}`:        core.CodeUnsupported,
		`{"tokens":[]}`:                    core.CodeUnsupported,
		`{"version":1,"tokens":"` + secret: core.CodeInternal,
		`{"version":1,"` + secret + `":1}`: core.CodeInternal,
		`{"version":1,"tokens":[{"name":"` + secret + `","value":"x"}]}`: core.CodeInternal,
	} {
		recipient, err := age.NewScryptRecipient(goodPassphrase)
		if err != nil {
			t.Fatal(err)
		}
		recipient.SetWorkFactor(cheapScrypt)
		sealed, err := age.EncryptReader(strings.NewReader(content), recipient)
		if err != nil {
			t.Fatal(err)
		}
		bytes, err := io.ReadAll(sealed)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, bytes, 0o600)
		wantUntouched(t, byPassphrase(t, path, goodPassphrase), path, code, "")
	}
}

func TestFileTokenStore_PassphraseAskedOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.age")
	set(t, byPassphrase(t, path, goodPassphrase), "name", secret)
	var asked []string
	answers := []string{"wrong", "also wrong", goodPassphrase}
	store := mustStore(t, tokenfile.FileTokenStoreConfig{Path: path, ScryptWorkFactor: cheapScrypt, Passphrase: func(context.Context) (string, error) {
		answer := answers[len(asked)]
		asked = append(asked, answer) // no lock: it is never called concurrently
		return answer, nil
	}})
	for range 2 {
		_, err := store.Get(t.Context(), "name")
		wantError(t, err, core.CodeUnauthenticated, "does not open")
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() { wantValue(t, store, "name", secret) })
	}
	group.Wait()
	set(t, store, "name", "new")
	wantValue(t, store, "name", "new")
	if len(asked) != len(answers) {
		t.Errorf("asked %d times, want %d", len(asked), len(answers))
	}
}

func TestFileTokenStore_PassphraseFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tokens.age")
	cause := errors.New("no terminal")
	store := mustStore(t, tokenfile.FileTokenStoreConfig{Path: path, Passphrase: func(context.Context) (string, error) { return "", cause }})
	if err := store.Set(t.Context(), "name", secret); !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	if names, err := store.List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("without a file there is nothing to decrypt: %q, %v", names, err)
	}
	wantFolder(t, filepath.Dir(path))

	// A user who does not answer the prompt is bounded by the context, and so
	// is every call that waits behind it.
	asked := make(chan struct{})
	store = mustStore(t, tokenfile.FileTokenStoreConfig{Path: path, Passphrase: func(ctx context.Context) (string, error) {
		close(asked)
		<-ctx.Done()
		return "", ctx.Err()
	}})
	set(t, byPassphrase(t, path, goodPassphrase), "name", secret)
	first, cancelFirst := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := store.Get(first, "name")
		done <- err
	}()
	<-asked
	second, cancelSecond := context.WithCancel(t.Context())
	go func() {
		_, err := store.Get(second, "name")
		done <- err
	}()
	cancelSecond()
	wantError(t, <-done, core.CodeCanceled, "")
	cancelFirst()
	wantError(t, <-done, core.CodeCanceled, "")
}

func TestFileTokenStore_PrintsNoKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity := newIdentity(t, dir)
	for _, cfg := range []tokenfile.FileTokenStoreConfig{
		{Path: filepath.Join(dir, "a"), IdentityFile: identity},
		{Path: filepath.Join(dir, "b"), Passphrase: says(goodPassphrase), ScryptWorkFactor: cheapScrypt},
	} {
		store := mustStore(t, cfg)
		set(t, store, "name", secret)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if got := fmt.Sprintf(verb, store); got != "file_token_store "+cfg.Path {
				t.Errorf("%s: %s", verb, got)
			}
		}
		printed := fmt.Sprintf("%+v %#v", cfg, cfg)
		if strings.Contains(printed, goodPassphrase) || strings.Contains(printed, "AGE-SECRET-KEY") {
			t.Errorf("the config shows %s", printed)
		}
	}
}

func TestFileTokenStore_Path(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity := newIdentity(t, dir)
	plain := filepath.Join(dir, "plain")
	writeFile(t, plain, nil, 0o600)
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink("nowhere", dangling); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                       "not a regular file",
		"/dev/null":               "not a regular file",
		filepath.Join(plain, "x"): "not a directory",
		"nul\x00":                 "invalid argument",
		filepath.Join(dir, strings.Repeat("x", 300)): "too long",
		dangling: "a link that leads nowhere",
	} {
		wantError(t, byIdentity(t, path, identity).Set(t.Context(), "name", secret), core.CodeInvalid, want)
	}
	odd := filepath.Join(dir, "new\nline", "-rf ~ $(id) 名前.age")
	set(t, byIdentity(t, odd, identity), "name", secret)
	wantValue(t, byIdentity(t, odd, identity), "name", secret)
	missing := byIdentity(t, filepath.Join(dir, "no", "folder", "x.age"), identity)
	wantError(t, missing.Delete(t.Context(), "name"), core.CodeNotFound, "no such name")
	if _, err := os.Stat(filepath.Join(dir, "no")); err == nil {
		t.Error("a folder was created for a Delete")
	}
}

// Writers that use the link and writers that use its target exclude each other.
func TestFileTokenStore_Symlink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity := newIdentity(t, dir)
	target, link := filepath.Join(dir, "tokens.age"), filepath.Join(t.TempDir(), "link.age")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	set(t, byIdentity(t, target, identity), "first", "value")
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() { set(t, byIdentity(t, []string{target, link}[i%2], identity), fmt.Sprint(i), "value") })
	}
	group.Wait()
	if names, err := byIdentity(t, link, identity).List(t.Context()); err != nil || len(names) != 21 {
		t.Errorf("%q, %v, want 21 names", names, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	wantFolder(t, filepath.Dir(link), "link.age")
}

// In "link/../x" the ".." is the parent of the link's target, for writers and
// readers alike, even if there is no file yet.
func TestFileTokenStore_AboveALink(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), t.TempDir()
	deep := filepath.Join(elsewhere, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(deep, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	store := byIdentity(t, dir+"/link/../tokens.age", newIdentity(t, t.TempDir()))
	set(t, store, "first", "value")
	set(t, store, "second", "value")
	wantValue(t, store, "first", "value")
	wantValue(t, store, "second", "value")
	wantFolder(t, dir, "link")
	wantFolder(t, filepath.Dir(deep), "b", "tokens.age", "tokens.age.lock")
}

func TestFileTokenStore_TooLarge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	store := byIdentity(t, path, identity)
	set(t, store, "name", strings.Repeat(secret, 20<<20/len(secret))) // 27 MiB as base64
	wantError(t, store.Set(t.Context(), "other", strings.Repeat(secret, 10<<20/len(secret))), core.CodeTooLarge, "more than 32 MiB")
	if names, err := byIdentity(t, path, identity).List(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("%q, %v, want only that name", names, err)
	}
	if err := os.Truncate(path, 34<<20); err != nil {
		t.Fatal(err)
	}
	_, err := store.Get(t.Context(), "name")
	wantError(t, err, core.CodeTooLarge, "more than")
}

// The context bounds the wait for the lock; the tests with processes cover
// other holders.
func TestFileTokenStore_LockHeld(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, identity := filepath.Join(dir, "tokens.age"), newIdentity(t, dir)
	store := byIdentity(t, path, identity)
	set(t, store, "name", "old")
	unlock := holdLock(t, path+".lock")
	synctest.Test(t, func(t *testing.T) { // so that the deadline costs no time
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		wantError(t, store.Set(ctx, "name", secret), core.CodeTimeout, "wait for another writer")
		wantError(t, store.Delete(ctx, "name"), core.CodeTimeout, "")
	})
	wantValue(t, store, "name", "old") // readers do not wait
	unlock()
	set(t, store, "name", "new")
}
