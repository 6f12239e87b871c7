package fault

import "sync/atomic"

// TCPCounts is what a [TCPProxy] has done since its start. All but Open only
// grow.
type TCPCounts struct {
	Open        int   // connections of clients that are open now
	Accepted    int64 // connections of clients
	Unreachable int64 // of these, reset because the server could not be reached
	Resets      int64 // connections reset by Cut, CutAfter, Down, and Heal after OneWay
	Delayed     int64 // times that bytes were delayed by Delay or Jitter
	Slowed      int64 // bytes that passed under Bandwidth
	Vanished    int64 // bytes lost to OneWay
	ToServer    int64 // bytes passed to the server
	ToClient    int64 // bytes passed to clients
}

// tcpCounts are the counters behind TCPCounts.
type tcpCounts struct {
	accepted, unreachable, resets, delayed, slowed, vanished atomic.Int64
	passed                                                   [2]atomic.Int64
}

// Counts returns what the proxy has done so far.
func (p *TCPProxy) Counts() TCPCounts {
	c := &p.counts
	return TCPCounts{
		Open:        p.gate.open(),
		Accepted:    c.accepted.Load(),
		Unreachable: c.unreachable.Load(),
		Resets:      c.resets.Load(),
		Delayed:     c.delayed.Load(),
		Slowed:      c.slowed.Load(),
		Vanished:    c.vanished.Load(),
		ToServer:    c.passed[ToServer].Load(),
		ToClient:    c.passed[ToClient].Load(),
	}
}
