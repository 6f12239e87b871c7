package fault

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Direction is one of the two ways through a connection.
type Direction int

// The directions.
const (
	ToServer Direction = iota // what the client sends
	ToClient                  // what the server sends
)

// String returns "to server" or "to client".
func (d Direction) String() string {
	if d == ToServer {
		return "to server"
	}
	return "to client"
}

// TCPProxy passes bytes between clients and one server. Each setting holds, for
// open and for new connections, until it is set again or [TCPProxy.Heal] is
// called. All methods may be called at any time from any goroutine; after the
// end of the test they do nothing.
//
// Where the server can't be reached, the client's connection is reset. A
// connection that one side closes for writing stays open the other way, and a
// reset on one side is passed on to the other, both as without a proxy.
type TCPProxy struct {
	t    testing.TB
	gate *gate
	seed uint64
	ctx  context.Context // ended by close
	end  context.CancelFunc
	wg   sync.WaitGroup

	settings atomic.Pointer[settings]
	counts   tcpCounts

	mu     sync.Mutex // held to change settings, target and links
	target string
	links  map[*link]struct{}
}

// settings are never modified, only replaced.
type settings struct {
	delay, jitter  time.Duration
	bytesPerSecond int64 // 0: no limit
	oneWay         [2]bool
	cut            *cutAfter // nil: none
	changed        chan struct{}
}

// cutAfter is one call of CutAfter, which counts connections separately.
type cutAfter struct{ bytes int64 }

// TCP starts a proxy in front of target, a "host:port", which need not listen
// yet. It ends with the test.
func TCP(t testing.TB, target string) *TCPProxy {
	t.Helper()
	if _, _, err := net.SplitHostPort(target); err != nil {
		t.Fatalf("fault: TCP target: %v", err)
	}
	g, err := newGate()
	if err != nil {
		t.Fatalf("fault: %v", err)
	}
	p := &TCPProxy{t: t, gate: g, seed: newSeed(t), target: target, links: make(map[*link]struct{})}
	p.settings.Store(&settings{changed: make(chan struct{})})
	// t.Context() would end before the test's own cleanups, which may still
	// need the server.
	p.ctx, p.end = context.WithCancel(context.Background())
	p.wg.Go(p.serve)
	t.Cleanup(p.close)
	return p
}

// Addr returns the address to connect to, "127.0.0.1:PORT". It stays the same,
// also over [TCPProxy.Down].
func (p *TCPProxy) Addr() string { return p.gate.addr }

// SetTarget sends new connections to another "host:port", as when the server
// came up again on another port. Open connections stay with the server that
// they have.
func (p *TCPProxy) SetTarget(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

// Delay holds back what passes, in each direction, for d. A round trip takes 2
// d longer. Bytes under way don't hold back those behind them, up to 64 reads
// or 4 MiB a direction.
func (p *TCPProxy) Delay(d time.Duration) { p.change(func(s *settings) { s.delay = d }) }

// Jitter adds to [TCPProxy.Delay] a random time below d, drawn for each read of
// up to 64 KiB. The order of bytes stays.
func (p *TCPProxy) Jitter(d time.Duration) { p.change(func(s *settings) { s.jitter = d }) }

// Bandwidth limits each connection and direction to that many bytes per second.
// 0 means no limit.
func (p *TCPProxy) Bandwidth(bytesPerSecond int64) {
	p.change(func(s *settings) { s.bytesPerSecond = max(0, bytesPerSecond) })
}

// OneWay is a partition of one direction: its bytes, and its end of file,
// vanish, connections stay open and the other direction works. Call it for both
// directions to have silence. A stream with a hole is no TCP stream any more,
// so [TCPProxy.Heal] resets the connections that have lost something.
func (p *TCPProxy) OneWay(lost Direction) { p.change(func(s *settings) { s.oneWay[lost] = true }) }

// CutAfter resets each connection, on both sides, once n more bytes have passed
// it, both directions together. The n-th byte has left the proxy; a peer that
// had not read its last bytes may lose them to the reset, as on a network.
func (p *TCPProxy) CutAfter(n int64) {
	p.change(func(s *settings) { s.cut = &cutAfter{bytes: max(0, n)} })
}

// Cut resets all open connections, on both sides, and returns how many there
// were. New ones are not affected.
func (p *TCPProxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for l := range p.links {
		if l.inject() {
			n++
		}
	}
	dialling := p.gate.cut() // clients whose server is still being dialled have no link yet
	p.counts.resets.Add(int64(dialling))
	return n + dialling
}

// Down refuses connections (ECONNREFUSED) and resets the open ones, as a server
// that was killed. The port stays reserved.
func (p *TCPProxy) Down() {
	p.gate.down()
	p.Cut()
}

// Up ends [TCPProxy.Down]. If it can't listen, the test fails.
func (p *TCPProxy) Up() {
	p.t.Helper()
	if err := p.gate.up(); err != nil {
		p.t.Errorf("fault: listen again at %s: %v", p.gate.addr, err)
	}
}

// Heal takes back all settings, and Down. What is held back passes at once.
func (p *TCPProxy) Heal() {
	p.t.Helper()
	p.mu.Lock()
	p.replace(settings{})
	for l := range p.links {
		if l.lossy.Load() {
			l.inject()
		}
	}
	p.mu.Unlock()
	p.Up()
}

// change replaces the settings.
func (p *TCPProxy) change(set func(*settings)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := *p.settings.Load()
	set(&s)
	p.replace(s)
}

// replace wakes everything that waits on the old settings. The caller holds
// p.mu.
func (p *TCPProxy) replace(s settings) {
	s.changed = make(chan struct{})
	close(p.settings.Swap(&s).changed)
}

// serve accepts until the gate is closed.
func (p *TCPProxy) serve() {
	for n := uint64(0); ; n++ {
		conn, err := p.gate.Accept()
		if err != nil {
			if p.ctx.Err() == nil {
				p.t.Errorf("fault: accept: %v", err)
			}
			return
		}
		p.counts.accepted.Add(1)
		p.wg.Go(func() { p.connect(conn.(*gateConn), n) })
	}
}

// connect dials the server for the n-th client and passes bytes until the
// connection ends.
func (p *TCPProxy) connect(client *gateConn, n uint64) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	var dialer net.Dialer
	server, err := dialer.DialContext(p.ctx, "tcp", target)
	if err != nil {
		p.counts.unreachable.Add(1)
		client.reset()
		return
	}
	l := &link{proxy: p, client: client, server: server.(*net.TCPConn)}
	l.ctx, l.end = context.WithCancel(p.ctx)
	l.random = rand.New(rand.NewPCG(p.seed, n))
	p.mu.Lock()
	p.links[l] = struct{}{}
	if p.ctx.Err() != nil {
		l.abort() // close has already processed the links
	}
	p.mu.Unlock()
	l.run()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// close ends the proxy and waits until nothing of it is left.
func (p *TCPProxy) close() {
	p.end()
	p.gate.Close()
	p.mu.Lock()
	for l := range p.links {
		l.abort()
	}
	p.mu.Unlock()
	p.wg.Wait()
	if p.t.Failed() {
		p.t.Logf("fault: TCP proxy %s: %s=%d %+v", p.gate.addr, EnvSeed, p.seed, p.Counts())
	}
}
