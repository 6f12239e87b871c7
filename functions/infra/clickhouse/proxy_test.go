package clickhouse_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands in front of a server and does to one connection what a network may do, at a given byte.
type proxy struct {
	listener net.Listener
	target   string
	running  sync.WaitGroup

	mu        sync.Mutex
	conns     map[net.Conn]bool
	down      bool
	cutAfter  int // bytes to the server, after which one connection is cut; 0: none
	muteAfter int // bytes to the server, after which one connection gets no more answers; 0: none
}

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		p.set(func() { p.down = true })
		listener.Close()
		p.running.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// set changes what the proxy does. When it is down it cuts what there is.
func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	if p.down {
		for conn := range p.conns {
			conn.Close()
		}
	}
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		if p.down {
			client.Close()
			server.Close()
		}
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		link := &link{proxy: p, client: client, server: server}
		p.running.Go(link.toServer)
		p.running.Go(link.toClient)
	}
}

type link struct {
	proxy          *proxy
	client, server net.Conn
	sent           int
	mute           bool // under proxy.mu
}

// pass counts bytes to the server, and says whether they may go there.
func (l *link) pass(n int) bool {
	l.proxy.mu.Lock()
	defer l.proxy.mu.Unlock()
	l.sent += n
	if l.proxy.cutAfter > 0 && l.sent > l.proxy.cutAfter {
		l.proxy.cutAfter = 0
		return false
	}
	if l.proxy.muteAfter > 0 && l.sent > l.proxy.muteAfter {
		l.proxy.muteAfter, l.mute = 0, true
	}
	return true
}

func (l *link) toServer() {
	defer l.server.Close()
	defer l.client.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := l.client.Read(buffer)
		if n > 0 && l.pass(n) {
			_, err = l.server.Write(buffer[:n])
		} else if err == nil {
			err = io.ErrClosedPipe
		}
		if err != nil {
			return
		}
	}
}

func (l *link) toClient() {
	defer l.server.Close()
	defer l.client.Close()
	buffer := make([]byte, 4096)
	for {
		n, err := l.server.Read(buffer)
		l.proxy.mu.Lock()
		mute := l.mute
		l.proxy.mu.Unlock()
		if n > 0 && !mute {
			_, err = l.client.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}
