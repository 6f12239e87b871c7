//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package keyring

import (
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"

	"fnregistry.dev/functions/core"
)

// The Secret Service,
// https://specifications.freedesktop.org/secret-service-spec/latest/.
// Collection, attributes and label are those of go-keyring, so that each finds
// the other's items.
const (
	destination    = "org.freedesktop.secrets"
	root           = dbus.ObjectPath("/org/freedesktop/secrets")
	serviceIface   = "org.freedesktop.Secret.Service"
	collIface      = "org.freedesktop.Secret.Collection"
	itemIface      = "org.freedesktop.Secret.Item"
	promptIface    = "org.freedesktop.Secret.Prompt"
	loginColl      = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	defaultColl    = dbus.ObjectPath("/org/freedesktop/secrets/aliases/default")
	noPrompt       = dbus.ObjectPath("/")
	propertyGetter = "org.freedesktop.DBus.Properties.Get"
)

// secretService is a backend. Each call has a connection of its own: connecting
// takes a millisecond, and nothing has to be closed, or reconnected after a
// restart.
type secretService struct {
	service string
	bus     string // address of the D-Bus; empty: the session's
}

func newBackend(service string) backend { return &secretService{service: service} }

// secret is the specification's struct (oayays).
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

func (s *secretService) get(ctx context.Context, name string) (value string, err error) {
	err = s.with(ctx, func(c *conversation) error {
		item, err := c.item(s.attributes(name))
		if err != nil {
			return err
		}
		if err := c.unlock(item, itemIface); err != nil {
			return err
		}
		session, err := c.session()
		if err != nil {
			return err
		}
		var found secret
		if err := c.call(item, itemIface+".GetSecret", session).Store(&found); err != nil {
			return err
		}
		value = string(found.Value)
		return nil
	})
	return value, err
}

func (s *secretService) set(ctx context.Context, name, value string) error {
	contentType := "text/plain; charset=utf8"
	if !utf8.ValidString(value) {
		contentType = "application/octet-stream"
	}
	properties := map[string]dbus.Variant{
		itemIface + ".Label":      dbus.MakeVariant(fmt.Sprintf("Password for '%s' on '%s'", name, s.service)),
		itemIface + ".Attributes": dbus.MakeVariant(s.attributes(name)),
	}
	return s.with(ctx, func(c *conversation) error {
		session, err := c.session()
		if err != nil {
			return err
		}
		const replace = true // the service replaces the item with these attributes atomically
		var item, prompt dbus.ObjectPath
		call := c.call(c.collection, collIface+".CreateItem", properties, secret{session, []byte{}, []byte(value), contentType}, replace)
		if err := call.Store(&item, &prompt); err != nil {
			return err
		}
		return c.prompt(prompt)
	})
}

func (s *secretService) delete(ctx context.Context, name string) error {
	return s.with(ctx, func(c *conversation) error {
		item, err := c.item(s.attributes(name))
		if err != nil {
			return err
		}
		var prompt dbus.ObjectPath
		if err := c.call(item, itemIface+".Delete").Store(&prompt); err != nil {
			return err
		}
		return c.prompt(prompt)
	})
}

func (s *secretService) list(ctx context.Context) (names []string, err error) {
	err = s.with(ctx, func(c *conversation) error {
		items, err := c.search(map[string]string{"service": s.service})
		if err != nil {
			return err
		}
		for _, item := range items {
			var attributes map[string]string
			err := c.call(item, propertyGetter, itemIface, "Attributes").Store(&attributes)
			if core.ErrorCode(keyringError(err)) == core.CodeNotFound {
				continue // deleted meanwhile
			}
			if err != nil {
				return err
			}
			if name, ok := attributes["username"]; ok {
				names = append(names, name)
			}
		}
		return nil
	})
	return names, err
}

func (s *secretService) attributes(name string) map[string]string {
	return map[string]string{"username": name, "service": s.service}
}

// with connects, unlocks the collection and calls f.
func (s *secretService) with(ctx context.Context, f func(*conversation) error) error {
	conn, err := connect(ctx, s.bus)
	if err != nil {
		return err
	}
	defer conn.Close()
	c := &conversation{ctx, conn, defaultColl}
	if err := c.begin(); err != nil {
		return keyringError(err)
	}
	return keyringError(f(c))
}
