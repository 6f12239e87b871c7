package clickhouse

import "time"

// gathering is the batch that rows are being added to.
type gathering[T any] struct {
	*pending[T]
	rest  []T // received, but belonging to the next batch
	bytes int
	due   bool // by its age
	timer *time.Timer
}

// collect gathers rows into batches until the channel is closed, Stop is called
// or a batch fails.
func (h *ClickHouseBatchInsertHandle[T]) collect() {
	defer close(h.batches)
	g := &gathering[T]{pending: h.codec.newPending(), timer: time.NewTimer(h.cfg.MaxAge)}
	defer g.timer.Stop()
	for h.step(g) {
	}
	close(h.closed)
	for g.n > 0 { // the writer takes them all, if only to report them as unwritten
		h.batches <- g.pending
		h.next(g)
	}
}

// step waits for one event and reports whether to continue.
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

// takeBuffered receives what the channel's buffer holds when Stop is called.
func (h *ClickHouseBatchInsertHandle[T]) takeBuffered(g *gathering[T]) {
	for range len(h.rows) {
		for h.full(g) {
			h.batches <- g.pending
			h.next(g)
		}
		select {
		case rows := <-h.rows:
			h.add(g, rows)
		default: // another goroutine also receives from this channel
			return
		}
	}
}

// add adds rows to the batch until it is full.
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

// next starts a new batch with the rows that did not fit the last one.
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
