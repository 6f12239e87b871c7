//go:build !goolm && !libolm

package matrixcrypto

import "context"

const linked = false

func open(context.Context, MatrixCryptoInitConfig, *MatrixCryptoInitHandle) error { return nil }
