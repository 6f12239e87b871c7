package matrix

import (
	"context"
	"sync"
)

// clientGate is something that a client asks of its homeserver once, before its
// other requests: several that come at the same time wait for one answer. The
// zero gate is open.
type clientGate struct {
	mu      sync.Mutex
	ask     func(ctx context.Context) error // nil: passed
	running *clientAsking
}

type clientAsking struct {
	done    chan struct{} // closed at its end
	err     error
	aborted bool // by the context of the request that asked
}

// close makes the requests from now on ask first.
func (g *clientGate) close(ask func(ctx context.Context) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ask = ask
}

// open lets all requests pass.
func (g *clientGate) open() { g.close(nil) }

// pass returns once the question was answered, or with the error of that try.
func (g *clientGate) pass(ctx context.Context) error {
	for {
		g.mu.Lock()
		ask, asking := g.ask, g.running
		switch {
		case ask == nil:
			g.mu.Unlock()
			return nil
		case asking == nil:
			asking = &clientAsking{done: make(chan struct{})}
			g.running = asking
			g.mu.Unlock()
			return g.run(ctx, ask, asking)
		}
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-asking.done:
		}
		if !asking.aborted {
			return asking.err
		}
	}
}

func (g *clientGate) run(ctx context.Context, ask func(ctx context.Context) error, asking *clientAsking) error {
	err := ask(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		g.ask = nil
	} else if g.ask == nil { // opened meanwhile, by new credentials
		err = nil
	}
	asking.err, asking.aborted = err, err != nil && ctx.Err() != nil
	g.running = nil
	close(asking.done)
	return err
}
