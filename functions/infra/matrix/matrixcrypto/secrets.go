package matrixcrypto

import (
	"context"
	"crypto/rand"
	"encoding/base64"

	"fnregistry.dev/functions/core"
)

// pickleKey returns the key of the config, or the one in Secrets. A new one is
// made only where nothing was written with another.
func pickleKey(ctx context.Context, cfg MatrixCryptoInitConfig, inUse bool) ([]byte, error) {
	if len(cfg.PickleKey) > 0 {
		return cfg.PickleKey, nil
	}
	name := cfg.SecretsName + "/pickle"
	text, err := cfg.Secrets.Get(ctx, name)
	if core.ErrorCode(err) == core.CodeNotFound {
		if inUse {
			return nil, &core.Error{
				Code:    core.CodeUnauthenticated,
				Op:      op,
				Message: "the database has keys, and their pickle key is not in Secrets",
				Hint:    "restore " + name + ", or log in as a new device with a new database",
			}
		}
		key := make([]byte, 32)
		rand.Read(key)
		return key, secretsError(cfg.Secrets.Set(ctx, name, base64.RawStdEncoding.EncodeToString(key)))
	}
	if err != nil {
		return nil, secretsError(err)
	}
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, fail(
			core.CodeInvalid,
			name+" in Secrets is no pickle key",
			"it is base64, as matrix_crypto_init wrote it",
		)
	}
	return key, nil
}

// recoveryKey returns the key of the config, or the one in Secrets; empty:
// there is none.
func recoveryKey(ctx context.Context, cfg MatrixCryptoInitConfig) (string, error) {
	if cfg.RecoveryKey != "" || cfg.Secrets == nil {
		return cfg.RecoveryKey, nil
	}
	key, err := cfg.Secrets.Get(ctx, cfg.SecretsName+"/recovery")
	if core.ErrorCode(err) == core.CodeNotFound {
		return "", nil
	}
	return key, secretsError(err)
}

func secretsError(err error) error {
	if err == nil {
		return nil
	}
	return &core.Error{Op: op + " secrets", Err: err}
}
