//go:build !goolm && !libolm

package matrixcrypto

import (
	"testing"

	"fnregistry.dev/functions/core"
)

func TestMatrixCryptoInit_Unsupported(t *testing.T) {
	t.Parallel()
	h, err := MatrixCryptoInit(t.Context(), MatrixCryptoInitConfig{})
	if core.ErrorCode(err) != core.CodeUnsupported || h != nil {
		t.Errorf("got %v, %v", h, err)
	}
}
