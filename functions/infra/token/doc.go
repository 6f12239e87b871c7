// Package token holds what programs that keep secrets agree on: the interface
// of a store of tokens, passwords and keys, and which names such a store takes.
// It imports only the standard library, so that a unit that is given a store
// links no keyring.
//
// Stores are keyring_token_store (the keyring of the operating system) and
// file_token_store (an encrypted file). Package tokentest next to this one has
// the suite of tests that each store passes.
package token
