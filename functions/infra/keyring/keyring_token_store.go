package keyring

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

// KeyringTokenStoreConfig says under which service name the secrets are kept.
type KeyringTokenStoreConfig struct {
	// Service is the program's name in the keyring, which people see there:
	// "matrix_tail". Required. What token.TokenNameCheck accepts, without a
	// colon (Windows joins service and name by one).
	Service string
}

// KeyringTokenStore returns a store in the keyring of the operating system, in
// the collection "login" or the default one. It does not ask the keyring for
// anything before the first call, and there is nothing to close: each call
// makes its own connection, so a keyring or a D-Bus that was restarted is found
// again.
//
// A keyring that is locked asks the person who sits there to unlock it, and the
// call waits for that as long as its context lets it: give it a deadline. One
// that is not unlocked is core.CodeUnauthenticated. Without a session bus, as
// on a server, each call is core.CodeUnsupported; with a bus or a keyring that
// does not answer, core.CodeUnavailable.
//
// A value that the keyring cannot take is refused before anything is written
// (core.CodeTooLarge): more than 64 MiB with the Secret Service, more than
// 2,560 bytes on Windows, about 3,000 on macOS, where service and name count
// too. A call that ends with its context may still have its effect.
//
// More in keyring_token_store.md:
//   - Give each call a deadline.
//   - Calls to a locked keyring prompt one after another, not at the same time:
//     gnome-keyring 42.1 loses answers if one program prompts twice at the same
//     time.
func KeyringTokenStore(cfg KeyringTokenStoreConfig) (token.TokenStore, error) {
	const op = "keyring_token_store"
	if err := token.TokenNameCheck(cfg.Service); err != nil {
		return nil, &core.Error{Op: op, Message: "Service", Err: err}
	}
	if strings.Contains(cfg.Service, ":") {
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      op,
			Message: fmt.Sprintf("Service %q has a colon", cfg.Service),
		}
	}
	return &store{cfg.Service, newBackend(cfg.Service)}, nil
}

// backend is a keyring. Names and values have already been checked.
type backend interface {
	get(ctx context.Context, name string) (string, error)
	set(ctx context.Context, name, value string) error
	delete(ctx context.Context, name string) error
	list(ctx context.Context) ([]string, error) // in any order, possibly with names of other programs
}

type store struct {
	service string
	backend backend
}

var _ token.TokenStore = (*store)(nil)

var errNotFound = &core.Error{Code: core.CodeNotFound, Message: "no such name"}

func (s *store) Get(ctx context.Context, name string) (value string, err error) {
	if err := token.TokenNameCheck(name); err != nil {
		return "", s.failed("get", "", err)
	}
	value, err = await(ctx, func() (string, error) { return s.backend.get(ctx, name) })
	return value, s.failed("get", name, err)
}

func (s *store) Set(ctx context.Context, name, value string) error {
	if err := token.TokenNameCheck(name); err != nil {
		return s.failed("set", "", err)
	}
	if value == "" {
		return s.failed("set", name, &core.Error{Code: core.CodeInvalid, Message: "the value is empty"})
	}
	if err := sizeCheck(runtime.GOOS, s.service, name, value); err != nil {
		return s.failed("set", name, err)
	}
	_, err := await(ctx, func() (any, error) { return nil, s.backend.set(ctx, name, value) })
	return s.failed("set", name, err)
}

func (s *store) Delete(ctx context.Context, name string) error {
	if err := token.TokenNameCheck(name); err != nil {
		return s.failed("delete", "", err)
	}
	_, err := await(ctx, func() (any, error) { return nil, s.backend.delete(ctx, name) })
	return s.failed("delete", name, err)
}

func (s *store) List(ctx context.Context) ([]string, error) {
	names, err := await(ctx, func() ([]string, error) { return s.backend.list(ctx) })
	if err != nil {
		return nil, s.failed("list", "", err)
	}
	// Another program may have used the service name, with names that are
	// invalid here.
	names = slices.DeleteFunc(names, func(name string) bool { return token.TokenNameCheck(name) != nil })
	slices.Sort(names)
	return slices.Compact(names), nil
}

// await calls f and returns no later than ctx ends. go-keyring takes no
// context, and a D-Bus peer that has stopped reading blocks a write beyond it;
// f then ends in the background once it can.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	done := make(chan answer, 1)
	go func() {
		value, err := f()
		done <- answer{value, err}
	}()
	select {
	case a := <-done:
		if a.err != nil && ctx.Err() != nil {
			return none, ctx.Err() // not the error of the closed connection
		}
		return a.value, a.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// failed adds the operation to an error. name must have been checked: an
// invalid one may be a value in the wrong place.
func (s *store) failed(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	op := "keyring_token_store " + verb
	if name != "" {
		op += fmt.Sprintf(" name=%q", name)
	}
	return &core.Error{Op: fmt.Sprintf("%s service=%q", op, s.service), Code: core.ErrorCode(err), Err: err}
}
