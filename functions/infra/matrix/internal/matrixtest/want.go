package matrixtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/core"
)

// WantError checks code and text, and that none of the secrets is in what a
// program may show of it.
func WantError(t testing.TB, err error, code core.Code, text string, secrets ...string) *core.Error {
	t.Helper()
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || core.ErrorCode(err) != code || !strings.Contains(err.Error(), text) {
		t.Fatalf("got %q %v, want %s and %q", core.ErrorCode(err), err, code, text)
	}
	WantNoSecret(t, Shown(err)+coded.Hint, secrets...)
	return coded
}

// Shown returns everything that a program's logs may make of a value.
func Shown(value any) string {
	return fmt.Sprintf("%v %+v %#v %s %q", value, value, value, value, value)
}

// WantNoSecret checks that none of the secrets is in a text.
func WantNoSecret(t testing.TB, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("the secret %q is in %s", secret, text)
		}
	}
}

// Serve runs a server for what no homeserver can be made to answer.
func Serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// Answer returns a handler that always answers so.
func Answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Buffer is a log that several goroutines write.
type Buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}
