package work

import (
	"context"
	"time"

	"fnregistry.dev/functions/core"
)

// gathering is the batch that items are added to.
type gathering[T any] struct {
	BatchCollectBatch[T]
	rest  []T // taken from the channel, but for the next batch
	bytes int
	due   bool // by age
	timer *time.Timer
}

// collect gathers items into batches until they end, Stop is called or a batch
// fails.
func (h *BatchCollectHandle[T]) collect() {
	defer close(h.batches)
	g := &gathering[T]{timer: time.NewTimer(h.cfg.MaxAge)}
	defer g.timer.Stop()
	for h.step(g) {
	}
	close(h.closed)
	for g.Count > 0 { // the writer takes all of them, be it to keep them as untried
		h.pass(g)
	}
}

// step waits for one thing to happen, and reports whether to go on.
func (h *BatchCollectHandle[T]) step(g *gathering[T]) bool {
	in, out := h.in, h.batches
	if h.full(g) {
		in = nil
	} else if !g.due || g.Count == 0 {
		out = nil
	}
	select {
	case items, ok := <-in:
		h.add(g, items)
		return ok
	case out <- g.BatchCollectBatch:
		h.next(g)
	case <-g.timer.C:
		g.due = true
	case <-h.failed:
		return false
	case <-h.stop:
		h.takeBuffered(g)
		return false
	}
	return true
}

// takeBuffered takes what is in the channel's buffer at the time of Stop, as
// long as batches are written.
func (h *BatchCollectHandle[T]) takeBuffered(g *gathering[T]) {
	for range len(h.in) {
		for h.full(g) {
			h.pass(g)
		}
		select {
		case <-h.failed:
			return
		default:
		}
		select {
		case items := <-h.in:
			h.add(g, items)
		default: // somebody else reads this channel, too
			return
		}
	}
}

// add takes items into the batch until that is full.
func (h *BatchCollectHandle[T]) add(g *gathering[T], items []T) {
	if len(items) == 0 {
		return
	}
	if g.Count == 0 {
		g.due = false
		g.timer.Reset(h.cfg.MaxAge)
	}
	n, most := 0, h.cfg.MaxItems-g.Count
	for ; n < min(len(items), most) && g.bytes < h.cfg.MaxBytes; n++ {
		g.bytes += h.cfg.Size(&items[n])
	}
	g.Chunks = append(g.Chunks, items[:n:n])
	g.Count += n
	g.rest = items[n:]
}

func (h *BatchCollectHandle[T]) pass(g *gathering[T]) {
	h.batches <- g.BatchCollectBatch
	h.next(g)
}

// next begins another batch, with what was too much for the last one.
func (h *BatchCollectHandle[T]) next(g *gathering[T]) {
	rest := g.rest
	*g = gathering[T]{timer: g.timer}
	h.add(g, rest)
}

func (h *BatchCollectHandle[T]) full(g *gathering[T]) bool {
	return g.Count >= h.cfg.MaxItems || g.bytes >= h.cfg.MaxBytes
}

// write writes one batch after the other until one fails or Stop's context is
// done, and keeps the others.
func (h *BatchCollectHandle[T]) write() {
	defer close(h.done)
	defer h.abort(nil)
	defer h.release()
	for batch := range h.batches {
		switch {
		case h.err != nil:
			h.untried = append(h.untried, batch)
		case h.ctx.Err() != nil:
			h.untried = append(h.untried, batch)
			h.fail(&core.Error{Op: "batch_collect", Message: "stopped before all was written", Err: context.Cause(h.ctx)})
		default:
			if err := h.cfg.Write(h.ctx, batch); err != nil {
				h.fail(err)
			}
		}
	}
}

func (h *BatchCollectHandle[T]) fail(err error) {
	h.err = err
	close(h.failed)
}
