package matrix_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/token/tokentest"
)

// memoryTokens is a store of the test's own. TestMemoryTokens holds it to the
// promises of all stores.
type memoryTokens struct {
	mu     sync.Mutex
	tokens map[string]string
	broken error // what Set answers, if it is not nil
}

var _ token.TokenStore = (*memoryTokens)(nil)

func newTokens() *memoryTokens { return &memoryTokens{tokens: map[string]string{}} }

func (m *memoryTokens) Format(f fmt.State, _ rune) { fmt.Fprint(f, "memoryTokens") }

func (m *memoryTokens) begin(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return &core.Error{Err: ctx.Err()}
	}
	return token.TokenNameCheck(name)
}

func (m *memoryTokens) Get(ctx context.Context, name string) (string, error) {
	if err := m.begin(ctx, name); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.tokens[name]
	if !ok {
		return "", &core.Error{Code: core.CodeNotFound, Op: "get"}
	}
	return value, nil
}

func (m *memoryTokens) Set(ctx context.Context, name, value string) error {
	if err := m.begin(ctx, name); err != nil {
		return err
	}
	if value == "" {
		return &core.Error{Code: core.CodeInvalid, Op: "set"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken != nil {
		return m.broken
	}
	m.tokens[name] = value
	return nil
}

func (m *memoryTokens) Delete(ctx context.Context, name string) error {
	if _, err := m.Get(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.tokens, name)
	return nil
}

func (m *memoryTokens) List(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil {
		return nil, &core.Error{Err: ctx.Err()}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.tokens)), nil
}

func TestMemoryTokens(t *testing.T) {
	t.Parallel()
	tokentest.TokenStoreConformance(t, func(*testing.T) func() token.TokenStore {
		store := newTokens()
		return func() token.TokenStore { return store }
	})
}

// initClient is MatrixClientInit for a test: the client keeps no connection
// behind.
func initClient(t testing.TB, cfg matrix.MatrixClientInitConfig) (*mautrix.Client, error) {
	t.Helper()
	client, err := matrix.MatrixClientInit(t.Context(), cfg)
	if client != nil {
		t.Cleanup(client.Client.CloseIdleConnections)
	}
	if (client == nil) == (err == nil) {
		t.Fatalf("client %v and error %v", client, err)
	}
	return client, err
}

func mustInit(t testing.TB, cfg matrix.MatrixClientInitConfig) *mautrix.Client {
	t.Helper()
	client, err := initClient(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
