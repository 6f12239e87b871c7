//go:build !((dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd)

package keyring

import (
	"context"
	"errors"

	"github.com/zalando/go-keyring"

	"fnregistry.dev/functions/core"
)

// library is a backend over go-keyring, for macOS and Windows; on other systems
// go-keyring reports that it has none. list adds what go-keyring cannot do, for
// each system.
type library struct{ service string }

func newBackend(service string) backend { return library{service} }

func (l library) get(_ context.Context, name string) (string, error) {
	value, err := keyring.Get(l.service, name)
	return value, libraryError(err)
}

func (l library) set(_ context.Context, name, value string) error {
	return libraryError(keyring.Set(l.service, name, value))
}

func (l library) delete(_ context.Context, name string) error {
	return libraryError(keyring.Delete(l.service, name))
}

func (l library) list(ctx context.Context) ([]string, error) {
	names, err := listNames(ctx, l.service)
	return names, libraryError(err)
}

func libraryError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return errNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return &core.Error{Code: core.CodeTooLarge, Err: err}
	case errors.Is(err, keyring.ErrUnsupportedPlatform), errors.Is(err, errors.ErrUnsupported):
		return &core.Error{
			Code:    core.CodeUnsupported,
			Message: "there is no keyring on this platform",
			Hint:    "use file_token_store",
		}
	}
	return &core.Error{Code: core.CodeUnavailable, Message: "the keyring refused", Err: err,
		Hint: "it may be locked, or this session may not use it; without a desktop session, use file_token_store"}
}
