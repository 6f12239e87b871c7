//go:build (dragonfly && cgo) || (freebsd && cgo) || linux || netbsd || openbsd

package keyring

import (
	"context"
	"slices"

	"github.com/godbus/dbus/v5"
)

// conversation is one connection to the Secret Service.
type conversation struct {
	ctx        context.Context
	conn       *dbus.Conn
	collection dbus.ObjectPath
}

// connect makes a connection to the bus at address, the session's if that is
// empty, which is closed when ctx ends: that is the one way to end a handshake
// or a write that is held up. It never starts a bus, as go-keyring does where
// it finds dbus-launch.
func connect(ctx context.Context, address string) (*dbus.Conn, error) {
	dial := dbus.SessionBusPrivateNoAutoStartup
	if address != "" {
		dial = func(opts ...dbus.ConnOption) (*dbus.Conn, error) { return dbus.Dial(address, opts...) }
	}
	conn, err := dial(dbus.WithContext(ctx))
	if err != nil {
		return nil, busError(err, false)
	}
	if err = conn.Auth(nil); err == nil {
		err = conn.Hello()
	}
	if err != nil {
		conn.Close()
		return nil, busError(err, true)
	}
	return conn, nil
}

func (c *conversation) call(object dbus.ObjectPath, method string, args ...any) *dbus.Call {
	return c.conn.Object(destination, object).CallWithContext(c.ctx, method, 0, args...)
}

// begin chooses the collection as go-keyring does, login before the default
// one, and unlocks it.
func (c *conversation) begin() error {
	var collections []dbus.ObjectPath
	if err := c.call(root, propertyGetter, serviceIface, "Collections").Store(&collections); err != nil {
		return err
	}
	if slices.Contains(collections, loginColl) {
		c.collection = loginColl
	}
	return c.unlock(c.collection, collIface)
}

// session opens a "plain" session: secrets go over the bus's socket, which only
// this user can open, as they are. It ends with the connection.
func (c *conversation) session() (path dbus.ObjectPath, err error) {
	var output dbus.Variant
	err = c.call(root, serviceIface+".OpenSession", "plain", dbus.MakeVariant("")).Store(&output, &path)
	return path, err
}

func (c *conversation) search(attributes map[string]string) (items []dbus.ObjectPath, err error) {
	err = c.call(c.collection, collIface+".SearchItems", attributes).Store(&items)
	return items, err
}

// item returns the item with these attributes, the first if another program
// made several.
func (c *conversation) item(attributes map[string]string) (dbus.ObjectPath, error) {
	items, err := c.search(attributes)
	if err != nil {
		return "", err
	}
	if len(items) == 0 {
		return "", errNotFound
	}
	return items[0], nil
}

// unlock does nothing to what is unlocked already. What is locked, a person is
// asked to unlock.
func (c *conversation) unlock(object dbus.ObjectPath, iface string) error {
	var locked bool
	if err := c.call(object, propertyGetter, iface, "Locked").Store(&locked); err != nil || !locked {
		return err
	}
	return c.inTurn(func() error { // it may have been unlocked by then: then there is nothing to ask
		var unlocked []dbus.ObjectPath
		var prompt dbus.ObjectPath
		if err := c.call(root, serviceIface+".Unlock", []dbus.ObjectPath{object}).Store(&unlocked, &prompt); err != nil {
			return err
		}
		return c.ask(prompt)
	})
}

// prompt lets the service ask a person, if it must.
func (c *conversation) prompt(prompt dbus.ObjectPath) error {
	if prompt == noPrompt {
		return nil
	}
	return c.inTurn(func() error { return c.ask(prompt) })
}

// turn is held by whoever has a question asked: gnome-keyring 42.1 loses the
// answers to questions that it is given at once by one program, whose calls
// would wait for ever.
var turn = make(chan struct{}, 1)

func (c *conversation) inTurn(f func() error) error {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
		return f()
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

const (
	completed = promptIface + ".Completed"
	ownerLost = "org.freedesktop.DBus.NameOwnerChanged"
)

// ask has the question put to the person and waits for the answer. When ctx
// ends before, the question is left on the screen, where a later answer still
// unlocks the keyring: taking it back (Prompt.Dismiss) aborts gnome-keyring
// 42.1 by a failed assertion of its own.
func (c *conversation) ask(prompt dbus.ObjectPath) error {
	if prompt == noPrompt {
		return nil
	}
	signals := make(chan *dbus.Signal, 1) // godbus keeps what does not fit yet
	c.conn.Signal(signals)
	defer c.conn.RemoveSignal(signals)
	err := c.conn.AddMatchSignalContext(c.ctx, dbus.WithMatchObjectPath(prompt), dbus.WithMatchInterface(promptIface))
	if err == nil {
		err = c.conn.AddMatchSignalContext(c.ctx, dbus.WithMatchInterface("org.freedesktop.DBus"),
			dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, destination))
	}
	if err == nil {
		err = c.call(prompt, promptIface+".Prompt", "").Err
	}
	for err == nil {
		select {
		case signal, ok := <-signals:
			switch {
			case !ok:
				return dbus.ErrClosed
			case signal.Name == ownerLost:
				return errGone
			case signal.Name == completed && signal.Path == prompt && len(signal.Body) > 0:
				if dismissed, ok := signal.Body[0].(bool); !ok || dismissed {
					return errLocked
				}
				return nil
			}
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	return err
}
