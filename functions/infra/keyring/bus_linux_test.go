package keyring

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// own starts a keyring for one test.
type own struct {
	*servers.Server
	bus string
}

func startOwn(t *testing.T) own {
	t.Helper()
	server := servers.Start(t, "keyring")
	return own{server, server.Env()[servers.EnvSessionBus]}
}

// at returns a store in the keyring of another bus than the process's.
func at(service, bus string) token.TokenStore {
	return &store{service, &secretService{service: service, bus: bus}}
}

// socket returns the path of the bus's socket; the keyring's data are in the
// same folder.
func (o own) socket(t *testing.T) string {
	t.Helper()
	path, ok := strings.CutPrefix(o.bus, "unix:path=")
	if !ok {
		t.Fatalf("the bus is at %q, want a socket", o.bus)
	}
	return path
}

func (o own) data(t *testing.T) string {
	t.Helper()
	return filepath.Join(filepath.Dir(o.socket(t)), "keyrings")
}

// talk calls f with a connection to the bus.
func (o own) talk(t *testing.T, f func(conn *dbus.Conn)) {
	t.Helper()
	conn, err := dbus.Connect(o.bus)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	f(conn)
}

// pid returns the process that owns a name on the bus.
func (o own) pid(t *testing.T, name string) (pid int) {
	t.Helper()
	o.talk(t, func(conn *dbus.Conn) {
		var number uint32
		if err := conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, name).Store(&number); err != nil {
			t.Fatal(err)
		}
		pid = int(number)
	})
	return pid
}

// lock locks the keyring, as a desktop does when its user logs out.
func (o own) lock(t *testing.T) {
	t.Helper()
	o.talk(t, func(conn *dbus.Conn) {
		var locked []dbus.ObjectPath
		var prompt dbus.ObjectPath
		call := conn.Object(destination, root).Call(serviceIface+".Lock", 0, []dbus.ObjectPath{loginColl})
		if err := call.Store(&locked, &prompt); err != nil || len(locked) != 1 {
			t.Fatalf("locked %v: %v", locked, err)
		}
	})
}

// cutter is a proxy in front of the bus that cuts each connection after limit
// bytes from the client.
type cutter struct {
	address string
	sync.Mutex
	limit int
}

func newCutter(t *testing.T, target string) *cutter {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{address: "unix:path=" + path}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", target)
			if err != nil {
				t.Error(err)
				client.Close()
				continue
			}
			group.Go(func() {
				io.Copy(client, server)
				client.Close()
			})
			group.Go(func() {
				c.forward(server, client)
				server.Close()
				client.Close()
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		group.Wait()
	})
	return c
}

func (c *cutter) forward(server io.Writer, client io.Reader) {
	c.Lock()
	limit := c.limit
	c.Unlock()
	io.Copy(server, io.LimitReader(client, int64(limit)))
}

func (c *cutter) cutAfter(limit int) {
	c.Lock()
	defer c.Unlock()
	c.limit = limit
}
