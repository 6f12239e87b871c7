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

// connect connects to the bus at address, or to the session's if that is empty.
// The connection is closed when ctx ends: nothing else can end a handshake or a
// write that hangs. It never starts a bus, as go-keyring does if it finds
// dbus-launch.
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

// session opens a "plain" session: secrets are sent unencrypted over the bus's
// socket, which only this user can open. It ends with the connection.
func (c *conversation) session() (path dbus.ObjectPath, err error) {
	var output dbus.Variant
	err = c.call(root, serviceIface+".OpenSession", "plain", dbus.MakeVariant("")).Store(&output, &path)
	return path, err
}

func (c *conversation) search(attributes map[string]string) (items []dbus.ObjectPath, err error) {
	err = c.call(c.collection, collIface+".SearchItems", attributes).Store(&items)
	return items, err
}

// item returns the item with these attributes, the first one if another program
// created several.
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

// unlock does nothing if the collection is unlocked. Otherwise the user is
// prompted to unlock it.
func (c *conversation) unlock(object dbus.ObjectPath, iface string) error {
	var locked bool
	if err := c.call(object, propertyGetter, iface, "Locked").Store(&locked); err != nil || !locked {
		return err
	}
	return c.inTurn(func() error { // it may have been unlocked by then
		var unlocked []dbus.ObjectPath
		var prompt dbus.ObjectPath
		if err := c.call(root, serviceIface+".Unlock", []dbus.ObjectPath{object}).Store(&unlocked, &prompt); err != nil {
			return err
		}
		return c.ask(prompt)
	})
}

// prompt lets the service prompt the user, if it must.
func (c *conversation) prompt(prompt dbus.ObjectPath) error {
	if prompt == noPrompt {
		return nil
	}
	return c.inTurn(func() error { return c.ask(prompt) })
}

// turn is held while a prompt is open: gnome-keyring 42.1 loses answers if one
// program prompts several times at once, and those calls would wait forever.
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

// ask opens the prompt and waits for the answer. If ctx ends first, the prompt
// is left on the screen, where a later answer still unlocks the keyring:
// dismissing it (Prompt.Dismiss) makes gnome-keyring 42.1 abort with a failed
// assertion.
func (c *conversation) ask(prompt dbus.ObjectPath) error {
	if prompt == noPrompt {
		return nil
	}
	signals := make(chan *dbus.Signal, 1) // godbus queues what does not fit yet
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
