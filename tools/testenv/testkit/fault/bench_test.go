package fault_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"fnregistry.dev/tools/testenv/testkit/fault"
)

// BenchmarkTCP transfers 4 MiB through a proxy without settings, and directly,
// in turns.
func BenchmarkTCP(b *testing.B) {
	const size = 4 << 20
	s := newServer(b)
	p := fault.TCP(b, s.addr)
	direct, servedDirect := s.pair(b, s.addr)
	proxied, servedProxied := s.pair(b, p.Addr())
	data := make([]byte, size)
	pass := func(from, to net.Conn) time.Duration {
		deadline(b, from)
		deadline(b, to)
		start := time.Now()
		wrote := make(chan error, 1)
		go func() { _, err := from.Write(data); wrote <- err }()
		if _, err := io.CopyN(io.Discard, to, size); err != nil {
			b.Fatal(err)
		}
		if err := <-wrote; err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	var plain, through time.Duration
	for b.Loop() {
		plain += pass(servedDirect, direct)
		through += pass(servedProxied, proxied)
	}
	b.ReportMetric(float64(size)*float64(b.N)/1e6/through.Seconds(), "MB/s")
	b.ReportMetric(plain.Seconds()/through.Seconds(), "x-of-direct")
}

// BenchmarkTCP_RoundTrip sends one byte and waits for it, through a proxy
// without settings, and directly, in turns.
func BenchmarkTCP_RoundTrip(b *testing.B) {
	s := newEcho(b)
	conns := []net.Conn{dial(b, s.addr), dial(b, fault.TCP(b, s.addr).Addr())}
	took := inTurns(b, 2, func(i int) {
		if err := conns[i].SetDeadline(time.Now().Add(soon)); err != nil {
			b.Fatal(err)
		}
		send(b, conns[i], "x")
		receive(b, conns[i], "x")
	})
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N), "µs/roundtrip")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "x-of-direct")
}

// BenchmarkHTTP gets a small response through a proxy with ten rules that don't
// match, and directly, in turns.
func BenchmarkHTTP(b *testing.B) {
	url := newHTTP(b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	p := fault.HTTP(b, url)
	for range 10 {
		p.Add(fault.Rule{Match: "GET /_matrix/client/v3/sync", Fault: fault.Status{Code: 503}})
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: soon}
	defer client.CloseIdleConnections()
	urls := []string{url, p.URL()}
	took := inTurns(b, 2, func(i int) {
		resp, err := client.Get(urls[i])
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			b.Fatal(err)
		}
	})
	b.ReportMetric(float64(b.N)/took[1].Seconds(), "req/s")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "x-of-direct")
}

// inTurns runs n things b.N times each.
func inTurns(b *testing.B, n int, do func(i int)) []time.Duration {
	took := make([]time.Duration, n)
	for b.Loop() {
		for i := range n {
			start := time.Now()
			do(i)
			took[i] += time.Since(start)
		}
	}
	return took
}
