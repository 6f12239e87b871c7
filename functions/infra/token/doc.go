// Package token holds what programs that keep secrets share: the interface of a
// store of tokens, passwords and keys, and which names such a store accepts. It
// imports only the standard library, so that a unit that is passed a store
// links no keyring.
// Stores are keyring_token_store (the keyring of the operating system) and
// file_token_store (an encrypted file). Package tokentest next to this one has
// the test suite that each store must pass.
package token
