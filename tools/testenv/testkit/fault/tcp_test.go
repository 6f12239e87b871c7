package fault_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

func TestTCP_PassesEverything(t *testing.T) {
	t.Parallel()
	p := fault.TCP(t, newEcho(t).addr)
	c := dial(t, p.Addr())
	random := rand.NewChaCha8([32]byte{1})
	sent := make([]byte, 8<<20)
	random.Read(sent)
	wrote := make(chan error, 1)
	go func() {
		_, err := c.Write(sent)
		// The response still arrives: a half-closed connection stays half open.
		wrote <- errors.Join(err, c.CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("%d bytes came back, %v; want the %d that were sent", len(got), err, len(sent))
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	until(t, "the connection is forgotten", func() bool { return p.Counts().Open == 0 })
	want := fault.TCPCounts{Accepted: 1, ToServer: 8 << 20, ToClient: 8 << 20}
	if got := p.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
}

func TestTCP_PassesOnAResetOfTheServer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := fault.TCP(t, s.addr)
	client, served := s.pair(t, p.Addr())
	if err := served.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	served.Close()
	wantErr(t, client, syscall.ECONNRESET)
}

func TestTCP_PassesOnAResetOfTheClient(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	client, served := s.pair(t, fault.TCP(t, s.addr).Addr())
	if err := client.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	client.Close()
	wantErr(t, served, syscall.ECONNRESET)
}

func TestTCP_Delay(t *testing.T) {
	t.Parallel()
	p := fault.TCP(t, newEcho(t).addr)
	c := dial(t, p.Addr())
	p.Delay(60 * time.Millisecond)
	start := time.Now()
	send(t, c, "a")
	receive(t, c, "a")
	if took := time.Since(start); took < 120*time.Millisecond {
		t.Errorf("a round trip took %v, want at least twice 60ms", took)
	}
	if p.Counts().Delayed < 2 {
		t.Errorf("counts %+v, want at least 2 delayed", p.Counts())
	}
	p.Delay(time.Hour)
	send(t, c, "b")
	silent(t, c)
	p.Heal()
	receive(t, c, "b")
}

func TestTCP_JitterKeepsOrder(t *testing.T) {
	t.Parallel()
	p := fault.TCP(t, newEcho(t).addr)
	c := dial(t, p.Addr())
	p.Jitter(3 * time.Millisecond)
	for i := range 50 {
		send(t, c, fmt.Sprintf("message %02d;", i))
	}
	for i := range 50 {
		receive(t, c, fmt.Sprintf("message %02d;", i))
	}
	if p.Counts().Delayed == 0 {
		t.Error("nothing was delayed")
	}
}

func TestTCP_Bandwidth(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := fault.TCP(t, s.addr)
	client, served := s.pair(t, p.Addr())
	p.Bandwidth(100_000)
	start := time.Now()
	go func() { served.Write(make([]byte, 30_000)) }()
	if _, err := io.ReadFull(client, make([]byte, 30_000)); err != nil {
		t.Fatal(err)
	}
	// The last bytes arrive before their time has passed: one piece of 20 ms.
	if took := time.Since(start); took < 270*time.Millisecond {
		t.Errorf("30 kB at 100 kB/s took %v, want 0.28 s or more", took)
	}
	if got := p.Counts().Slowed; got != 30_000 {
		t.Errorf("%d bytes slowed, want 30000", got)
	}
	p.Heal()
	go func() { served.Write(make([]byte, 10<<20)) }()
	if _, err := io.ReadFull(client, make([]byte, 10<<20)); err != nil { // would take 100 s
		t.Fatal(err)
	}
}

func TestTCP_CutAfter(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := fault.TCP(t, s.addr)
	client, served := s.pair(t, p.Addr())
	send(t, client, "before, which does not count")
	receive(t, served, "before, which does not count")
	p.CutAfter(10_000)
	send(t, client, "ask")
	receive(t, served, "ask")
	served.Write(make([]byte, 50_000))
	got, err := io.ReadAll(client)
	if len(got) != 9_997 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("client read %d bytes, %v; want 9997 after 3 the other way, and ECONNRESET", len(got), err)
	}
	wantErr(t, served, syscall.ECONNRESET)

	client, served = s.pair(t, p.Addr()) // new connections too
	client.Write(make([]byte, 20_000))
	if n, err := io.Copy(io.Discard, served); n != 10_000 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("server read %d bytes, %v; want 10000 and ECONNRESET", n, err)
	}
	if got := p.Counts().Resets; got != 2 {
		t.Errorf("%d resets, want 2", got)
	}
	p.Heal()
	client, served = s.pair(t, p.Addr())
	go func() { client.Write(make([]byte, 20_000)) }()
	if _, err := io.ReadFull(served, make([]byte, 20_000)); err != nil {
		t.Error(err)
	}
}

func TestTCP_Cut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := fault.TCP(t, s.addr)
	c1, s1 := s.pair(t, p.Addr())
	c2, s2 := s.pair(t, p.Addr())
	// Both links exist once they have carried something.
	for _, c := range []*net.TCPConn{c1, c2} {
		send(t, c, "x")
	}
	receive(t, s1, "x")
	receive(t, s2, "x")
	if n := p.Cut(); n != 2 {
		t.Errorf("cut %d connections, want 2", n)
	}
	for _, c := range []*net.TCPConn{c1, s1, c2, s2} {
		wantErr(t, c, syscall.ECONNRESET)
	}
	c3, s3 := s.pair(t, p.Addr())
	send(t, c3, "x")
	receive(t, s3, "x")
}

func TestTCP_OneWay(t *testing.T) {
	t.Parallel()
	for _, lost := range []fault.Direction{fault.ToServer, fault.ToClient} {
		t.Run(lost.String(), func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			p := fault.TCP(t, s.addr)
			sender, hearer := s.pair(t, p.Addr())
			if lost == fault.ToClient {
				sender, hearer = hearer, sender
			}
			send(t, sender, "before")
			receive(t, hearer, "before")
			p.OneWay(lost)
			send(t, sender, "lost")
			send(t, hearer, "the other way")
			receive(t, sender, "the other way")
			silent(t, hearer)
			// The end of the stream is lost, too.
			if err := sender.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			silent(t, hearer)
			if got := p.Counts().Vanished; got != 4 {
				t.Errorf("%d bytes vanished, want 4", got)
			}
			p.Heal() // must not continue with a gap in the stream
			wantErr(t, hearer, syscall.ECONNRESET)
			client, served := s.pair(t, p.Addr())
			send(t, client, "new")
			receive(t, served, "new")
		})
	}
}

func TestTCP_OneWaySparesWhatLostNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := fault.TCP(t, s.addr)
	client, served := s.pair(t, p.Addr())
	p.OneWay(fault.ToServer)
	send(t, served, "works")
	receive(t, client, "works")
	p.Heal()
	send(t, client, "and still does")
	receive(t, served, "and still does")
}

func TestTCP_DownAndUp(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	p := fault.TCP(t, s.addr)
	addr := p.Addr()
	for range 20 {
		client, served := s.pair(t, addr)
		send(t, client, "x")
		receive(t, served, "x")
		p.Down()
		wantErr(t, client, syscall.ECONNRESET)
		wantErr(t, served, syscall.ECONNRESET)
		if c, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("dial while down: %v, %v; want ECONNREFUSED", c, err)
		}
		p.Up()
	}
	p.Down()
	p.Heal()
	if p.Addr() != addr {
		t.Errorf("address %s became %s", addr, p.Addr())
	}
	s.pair(t, addr)
}

func TestTCP_ServerMoves(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	p := fault.TCP(t, gone.Addr().String())
	c, err := net.Dial("tcp", p.Addr())
	if err == nil {
		defer c.Close()
		deadline(t, c)
		_, err = c.Read(make([]byte, 1))
	}
	// From Dial or from Read, depending on when the reset arrives.
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("without server: %v, want ECONNRESET", err)
	}
	if got := p.Counts().Unreachable; got != 1 {
		t.Errorf("%d unreachable, want 1", got)
	}
	p.SetTarget(newEcho(t).addr)
	c = dial(t, p.Addr())
	send(t, c, "here")
	receive(t, c, "here")
}

func TestTCP_BadTarget(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	r.run(func() { fault.TCP(r, "nowhere") })
	if !r.failed {
		t.Error("a target without a port was taken")
	}
}

// A proxy must end though its connections are held up in every way.
func TestTCP_EndsWithItsTest(t *testing.T) {
	t.Parallel()
	holds := map[string]func(*fault.TCPProxy){
		"idle":      func(*fault.TCPProxy) {},
		"delay":     func(p *fault.TCPProxy) { p.Delay(time.Hour) },
		"bandwidth": func(p *fault.TCPProxy) { p.Bandwidth(1) },
		"one way":   func(p *fault.TCPProxy) { p.OneWay(fault.ToClient) },
		"down":      func(p *fault.TCPProxy) { p.Down() },
	}
	for name, hold := range holds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			r := &recorder{TB: t, failed: true}
			var client, served *net.TCPConn
			var p *fault.TCPProxy
			r.run(func() {
				p = fault.TCP(r, s.addr)
				client, served = s.pair(t, p.Addr())
				hold(p)
				client.Write(make([]byte, 100_000))
				served.Write(make([]byte, 100_000))
			})
			if got := p.Counts().Open; got != 0 {
				t.Errorf("%d connections open after the end", got)
			}
			if _, err := io.Copy(io.Discard, client); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the client's connection is still open: %v", err)
			}
			if len(r.log) != 1 || !bytes.Contains([]byte(r.log[0]), []byte("FAULT_SEED=")) {
				t.Errorf("log %q, want one line with the seed", r.log)
			}
			p.Heal() // does nothing any more
			if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dial after the end: %v, want ECONNREFUSED", err)
			}
		})
	}
}
