package matrixtest_test

import (
	"testing"

	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/token/tokentest"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	tokentest.TokenStoreConformance(t, func(*testing.T) func() token.TokenStore {
		store := matrixtest.NewTokens()
		return func() token.TokenStore { return store }
	})
}
