// Package tokenfile keeps secrets in one file that is encrypted with age
// (https://age-encryption.org): a token store for servers and containers, which
// have no keyring.
//
// It is a module of its own, so that the module graph of whoever imports a
// light unit holds no cryptography library: see
// docs/decisions/0012-token-stores.md.
package tokenfile
