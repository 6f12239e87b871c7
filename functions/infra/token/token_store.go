package token

import "context"

// TokenStore keeps secrets under names: access tokens, passwords, keys. It is
// safe for use by several goroutines, and by several processes that open the
// same one.
//
// A name is what [TokenNameCheck] accepts; two names are the same if their
// bytes are. A value is any string of bytes that is not empty, text or not. How
// large it may be, the store says; a larger one is refused before anything is
// written, with core.CodeTooLarge.
//
// What was answered with nil is kept, whatever happens to the process or the
// store's server afterwards. After another answer the old or the new state
// holds, never a part or a mixture. With a context that is done before the call
// nothing is changed. Errors are *core.Error; neither they nor the store,
// however it is printed or logged, hold a value.
//
// A bad name or an empty value is core.CodeInvalid; a store that cannot be
// reached now core.CodeUnavailable, one that this machine does not have
// core.CodeUnsupported, one that is locked or whose key is wrong
// core.CodeUnauthenticated.
//
// More in token_store.md:
//   - An unknown name is an error, core.CodeNotFound, in Get and in Delete.
//   - An empty value is refused: it is nearly always a variable that was not
//     set.
type TokenStore interface {
	// Get returns the value of name. An unknown name is core.CodeNotFound.
	Get(ctx context.Context, name string) (string, error)
	// Set sets the value of name, whether or not it existed.
	Set(ctx context.Context, name, value string) error
	// Delete removes name and its value. An unknown name is core.CodeNotFound.
	Delete(ctx context.Context, name string) error
	// List returns the stored names, sorted, without their values.
	List(ctx context.Context) ([]string, error)
}
