package fault

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// chunkSize is how much is read at once, and depth how many such chunks a
// direction may buffer: together 4 MiB.
const (
	chunkSize = 64 << 10
	depth     = 64
)

// chunks are buffers for pipes: *[chunkSize]byte.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// link is one client's connection and its connection to the server.
type link struct {
	proxy  *TCPProxy
	client *gateConn
	server *net.TCPConn
	ctx    context.Context // ended by abort
	end    context.CancelFunc
	ended  atomic.Bool // by abort
	lossy  atomic.Bool // bytes, or an end of file, have vanished

	mu     sync.Mutex // guards the fields below
	random *rand.Rand
	cut    *cutAfter // the one that passed counts for
	passed int64
}

// chunk is the result of one read.
type chunk struct {
	buf    *[chunkSize]byte
	n      int
	at     time.Time // of the read
	jitter float64   // in [0,1)
}

// run passes bytes until both directions have ended or the link is aborted, and
// closes both connections.
func (l *link) run() {
	var wg sync.WaitGroup
	wg.Go(func() { l.pipe(ToServer, l.client.TCPConn, l.server) })
	wg.Go(func() { l.pipe(ToClient, l.server, l.client.TCPConn) })
	wg.Wait()
	l.end()
	_ = l.server.Close()
	_ = l.client.Close()
}

// abort resets both connections, which ends run.
func (l *link) abort() {
	l.ended.Store(true)
	l.end()
	l.client.reset()
	reset(l.server)
}

// inject is abort as a fault, and counts it. It reports whether the link still
// existed.
func (l *link) inject() bool {
	if l.ended.Swap(true) {
		return false
	}
	l.proxy.counts.resets.Add(1)
	l.abort()
	return true
}

// lose marks the link as one that has lost data. It ends the link if the
// partition was healed meanwhile: Heal looks for marks after changing the
// settings, so one of the two sees the other.
func (l *link) lose(d Direction) {
	l.lossy.Store(true)
	if !l.proxy.settings.Load().oneWay[d] {
		l.inject()
	}
}

// pipe reads ahead of its writes, so that a delay does not limit the
// throughput.
func (l *link) pipe(d Direction, src, dst *net.TCPConn) {
	queue := make(chan chunk, depth)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(queue)
		l.read(d, src, queue)
	})
	l.write(d, dst, queue)
	wg.Wait()
}

// read queues what src sends until it ends. A reset is propagated, except into
// a partition.
func (l *link) read(d Direction, src *net.TCPConn, queue chan<- chunk) {
	for {
		c := chunk{buf: chunks.Get().(*[chunkSize]byte)}
		n, err := src.Read(c.buf[:])
		if n > 0 {
			c.n, c.at = n, time.Now()
			if l.proxy.settings.Load().jitter > 0 {
				l.mu.Lock()
				c.jitter = l.random.Float64()
				l.mu.Unlock()
			}
			select {
			case queue <- c:
			case <-l.ctx.Done():
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !l.proxy.settings.Load().oneWay[d] {
				l.abort()
			}
			return
		}
	}
}

// write forwards what is queued. At the end of the queue it closes dst for
// writing.
func (l *link) write(d Direction, dst *net.TCPConn, queue <-chan chunk) {
	var pace pacer
	for c := range queue {
		if l.ctx.Err() == nil && !l.pass(d, dst, c, &pace) {
			l.abort() // the reader ends on it; what it has queued is dropped
		}
		chunks.Put(c.buf)
	}
	if l.proxy.settings.Load().oneWay[d] {
		l.lose(d)
		<-l.ctx.Done() // the other side must not see the end
		return
	}
	_ = dst.CloseWrite() // fails only if dst is gone
}

// pass applies the settings to one chunk, and reports whether the link is still
// good.
func (l *link) pass(d Direction, dst *net.TCPConn, c chunk, pace *pacer) bool {
	s, ok := l.hold(c)
	if !ok {
		return false
	}
	counts := &l.proxy.counts
	if s.oneWay[d] {
		counts.vanished.Add(int64(c.n))
		l.lose(d)
		return true
	}
	data := c.buf[:c.n]
	for len(data) > 0 {
		n := len(data)
		if s.bytesPerSecond > 0 {
			n = pace.piece(n, s.bytesPerSecond)
			counts.slowed.Add(int64(n))
		}
		n, cut := l.allow(s.cut, n)
		if _, err := dst.Write(data[:n]); err != nil {
			return false
		}
		counts.passed[d].Add(int64(n))
		if cut {
			l.inject()
			return false
		}
		data = data[n:]
		if s.bytesPerSecond > 0 {
			if sleep(l.ctx, time.Until(pace.until(n, s.bytesPerSecond)), s.changed) != nil {
				return false
			}
			s = l.proxy.settings.Load()
		}
	}
	return true
}

// hold waits until the chunk is due and returns the settings then in effect;
// false if the link ended.
func (l *link) hold(c chunk) (*settings, bool) {
	for {
		s := l.proxy.settings.Load()
		wait := time.Until(c.at.Add(s.delay + time.Duration(c.jitter*float64(s.jitter))))
		if wait <= 0 {
			return s, true
		}
		l.proxy.counts.delayed.Add(1)
		if sleep(l.ctx, wait, s.changed) != nil {
			return s, false
		}
	}
}

// allow returns how many of n bytes may pass before the cut, and whether the
// cut is then due.
func (l *link) allow(cut *cutAfter, n int) (int, bool) {
	if cut == nil {
		return n, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut != cut {
		l.cut, l.passed = cut, 0
	}
	n = int(min(int64(n), cut.bytes-l.passed))
	l.passed += int64(n)
	return n, l.passed >= cut.bytes
}
