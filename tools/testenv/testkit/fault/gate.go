package fault

import (
	"errors"
	"net"
	"strconv"
	"sync"
)

// gate is a listener on 127.0.0.1 that can stop listening and listen again on
// the same port, and that tracks the connections it has accepted.
type gate struct {
	addr    string
	release func() // releases the port

	mu     sync.Mutex
	ln     *net.TCPListener // nil while down
	closed bool
	wake   chan struct{} // closed and replaced by up and close
	conns  map[*gateConn]struct{}
}

// gateConn is a connection that its gate forgets when it is closed.
type gateConn struct {
	*net.TCPConn
	gate *gate
}

// newGate listens at a free port.
func newGate() (*gate, error) {
	port, release, err := reservePort()
	if err != nil {
		return nil, err
	}
	g := &gate{
		addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), release: release,
		wake: make(chan struct{}), conns: make(map[*gateConn]struct{}),
	}
	if err := g.up(); err != nil {
		release()
		return nil, err
	}
	// Without a reservation the listener has found the port.
	g.addr = g.ln.Addr().String()
	return g, nil
}

// Accept returns the next connection. While the gate is down, it waits. After
// Close, it returns net.ErrClosed.
func (g *gate) Accept() (net.Conn, error) {
	for {
		g.mu.Lock()
		ln, wake, closed := g.ln, g.wake, g.closed
		g.mu.Unlock()
		if closed {
			return nil, net.ErrClosed
		}
		if ln == nil {
			<-wake
			continue
		}
		conn, err := ln.AcceptTCP()
		if err == nil {
			if c := g.track(ln, conn); c != nil {
				return c, nil
			}
		} else if !errors.Is(err, net.ErrClosed) {
			return nil, err
		}
	}
}

// track registers a connection accepted by ln. If the gate went down meanwhile,
// the connection is reset.
func (g *gate) track(ln *net.TCPListener, conn *net.TCPConn) *gateConn {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln != ln {
		reset(conn)
		return nil
	}
	c := &gateConn{TCPConn: conn, gate: g}
	g.conns[c] = struct{}{}
	return c
}

// Addr returns the address, which stays the same.
func (g *gate) Addr() net.Addr {
	addr, _ := net.ResolveTCPAddr("tcp", g.addr) // an address that a listener had
	return addr
}

// up listens, if the gate is down and not closed.
func (g *gate) up() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln != nil || g.closed {
		return nil
	}
	ln, err := net.Listen("tcp", g.addr)
	if err != nil {
		return err
	}
	g.ln = ln.(*net.TCPListener)
	g.rouse()
	return nil
}

// down makes the port refuse connections. Open ones stay.
func (g *gate) down() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ln != nil {
		g.ln.Close()
		g.ln = nil
	}
}

// cut resets all open connections and returns how many there were.
func (g *gate) cut() int {
	g.mu.Lock()
	conns := make([]*gateConn, 0, len(g.conns))
	for c := range g.conns {
		conns = append(conns, c)
	}
	g.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	return len(conns)
}

// Close ends the gate and its connections for good.
func (g *gate) Close() error {
	g.down()
	g.cut()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		g.rouse()
		g.release()
	}
	return nil
}

// rouse wakes waiters in Accept. The caller holds g.mu.
func (g *gate) rouse() {
	close(g.wake)
	g.wake = make(chan struct{})
}

// open returns the number of open connections.
func (g *gate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// Close closes the connection.
func (c *gateConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.TCPConn.Close()
}

// reset closes the connection with RST: the peer reads ECONNRESET once it has
// read what has already reached it.
func (c *gateConn) reset() {
	_ = c.SetLinger(0) // fails only on a closed connection
	_ = c.Close()
}

// reset is gateConn.reset for a connection without a gate.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
