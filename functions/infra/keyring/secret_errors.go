//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package keyring

import (
	"errors"
	"net"
	"strings"

	"github.com/godbus/dbus/v5"

	"fnregistry.dev/functions/core"
)

const (
	hintFile = "without a desktop session, as on a server, use file_token_store"
	hintRun  = "is a keyring running in this session (gnome-keyring, KWallet, KeePassXC)? " + hintFile
)

var errLocked = &core.Error{Code: core.CodeUnauthenticated, Message: "the keyring is locked",
	Hint: "unlock it: log in to the desktop, or answer its prompt;  " + hintFile}

var errGone = &core.Error{Code: core.CodeUnavailable, Message: "the keyring went away", Hint: hintRun}

// busError reports why there is no connection to the bus.
func busError(err error, found bool) error {
	if _, ok := errors.AsType[*net.OpError](err); !ok && !found {
		return &core.Error{
			Code:    core.CodeUnsupported,
			Message: "there is no D-Bus session bus",
			Err:     err,
			Hint:    hintRun,
		}
	}
	return &core.Error{
		Code:    core.CodeUnavailable,
		Message: "the D-Bus session bus does not answer",
		Err:     err,
		Hint:    hintRun,
	}
}

// keyringError wraps an error of a call with a fitting code. The service's
// errors hold no values, only error names and its own texts.
func keyringError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	coded := &core.Error{Code: core.CodeUnavailable, Message: "the keyring failed", Err: err, Hint: hintRun}
	remote, ok := errors.AsType[dbus.Error](err)
	if !ok {
		coded.Message = "the connection to the keyring was lost"
		return coded
	}
	name := remote.Name
	switch {
	case name == "org.freedesktop.Secret.Error.IsLocked":
		return errLocked
	case name == "org.freedesktop.Secret.Error.NoSuchObject", name == "org.freedesktop.DBus.Error.UnknownObject",
		name == "org.freedesktop.DBus.Error.UnknownMethod": // gnome-keyring's answer for an item deleted meanwhile
		coded.Code, coded.Message, coded.Hint = core.CodeNotFound, errNotFound.Message, ""
	case name == "org.freedesktop.DBus.Error.LimitsExceeded":
		coded.Code, coded.Message = core.CodeTooLarge, "the value is too large for the keyring"
	case name == "org.freedesktop.DBus.Error.ServiceUnknown", name == "org.freedesktop.DBus.Error.NameHasNoOwner",
		strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn."):
		coded.Message = "no keyring answers at the D-Bus session bus"
	case name == "org.freedesktop.DBus.Error.NoReply", name == "org.freedesktop.DBus.Error.Disconnected":
		coded.Message = errGone.Message
	}
	return coded
}
