package clickhouse

import "time"

// gathering is the batch that rows are added to.
type gathering[T any] struct {
	*pending[T]
	rest  []T // taken from the channel, but for the next batch
	bytes int
	due   bool // by age
	timer *time.Timer
}

// collect gathers rows into batches until the rows end, Stop is called or a
// batch fails.
func (h *ClickHouseBatchInsertHandle[T]) collect() {
	defer close(h.batches)
	g := &gathering[T]{pending: h.codec.newPending(), timer: time.NewTimer(h.cfg.MaxAge)}
	defer g.timer.Stop()
	for h.step(g) {
	}
	close(h.closed)
	for g.n > 0 { // the writer takes all of them, be it to report them as unwritten
		h.batches <- g.pending
		h.next(g)
	}
}

// step waits for one thing to happen, and reports whether to go on.
func (h *ClickHouseBatchInsertHandle[T]) step(g *gathering[T]) bool {
	in, out := h.rows, h.batches
	if h.full(g) {
		in = nil
	} else if !g.due || g.n == 0 {
		out = nil
	}
	select {
	case rows, ok := <-in:
		h.add(g, rows)
		return ok
	case out <- g.pending:
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

// takeBuffered takes what is in the channel's buffer at the time of Stop.
func (h *ClickHouseBatchInsertHandle[T]) takeBuffered(g *gathering[T]) {
	for range len(h.rows) {
		for h.full(g) {
			h.batches <- g.pending
			h.next(g)
		}
		select {
		case rows := <-h.rows:
			h.add(g, rows)
		default: // somebody else reads this channel, too
			return
		}
	}
}

// add takes rows into the batch until that is full.
func (h *ClickHouseBatchInsertHandle[T]) add(g *gathering[T], rows []T) {
	if g.n == 0 {
		g.due = false
		g.timer.Reset(h.cfg.MaxAge)
	}
	n, most := 0, h.cfg.MaxRows-g.n
	for ; n < min(len(rows), most) && g.bytes < h.cfg.MaxBytes; n++ {
		g.bytes += h.codec.size(&rows[n])
	}
	g.pending.add(rows[:n])
	g.rest = rows[n:]
}

// next begins another batch, with what was too much for the last one.
func (h *ClickHouseBatchInsertHandle[T]) next(g *gathering[T]) {
	rest := g.rest
	*g = gathering[T]{timer: g.timer}
	select {
	case g.pending = <-h.free:
	default:
		g.pending = h.codec.newPending()
	}
	h.add(g, rest)
}

func (h *ClickHouseBatchInsertHandle[T]) full(g *gathering[T]) bool {
	return g.n >= h.cfg.MaxRows || g.bytes >= h.cfg.MaxBytes
}
