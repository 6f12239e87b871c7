// Package tokenfile keeps secrets in one file that is encrypted with age
// (https://age-encryption.org): a token store for servers and containers, which
// have no keyring.
// It is a module of its own, so that importing a light unit adds no
// cryptography library to the module graph: see
// docs/decisions/0012-token-stores.md.
package tokenfile
