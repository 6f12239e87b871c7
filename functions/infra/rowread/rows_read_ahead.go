package rowread

import (
	"fmt"
	"sync"
	"sync/atomic"

	"fnregistry.dev/functions/core"
)

// RowsReadAheadRows is what [RowsReadAhead] reads: *sql.Rows, or a driver's own
// rows with these methods.
type RowsReadAheadRows interface {
	Columns() ([]string, error)
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// RowsReadAheadHandle is rows that are read in a goroutine of their own. Like
// *sql.Rows it is for one goroutine, and must be closed.
type RowsReadAheadHandle struct {
	rows    RowsReadAheadRows
	columns []string
	batches chan batch
	stop    chan struct{}
	stopped atomic.Bool // as stop, to ask for each row
	end     sync.Once
	now     batch
	row     int // in now; -1: before the first
}

// batch is rows one behind the other, and the error that ended them.
type batch struct {
	values []any
	err    error
}

// What is read ahead: as soon as a batch has one of these, it is passed on, and
// two more are read at most.
const (
	batchRows  = 256
	batchBytes = 256 << 10
)

// RowsReadAhead reads rows in a goroutine while the caller works on those
// before, so that reading and, say, encoding use a core each. The first row
// comes alone, as soon as it is there. Scan takes pointers to any alone; a
// []byte belongs to the caller. Close ends the goroutine, and closes rows: if a
// row is being waited for, only the query's context ends that.
//
// Errors: those of rows.Columns, and then rows is closed; those of rows.Scan
// and rows.Err come from Err, after the rows before them.
//
// More in rows_read_ahead.md:
//   - It is for many rows: for a few, starting the goroutine takes longer than
//     it saves.
//   - Up to three batches are in memory, of 256 rows or 256 KiB each; a single
//     row may be larger.
func RowsReadAhead(rows RowsReadAheadRows) (*RowsReadAheadHandle, error) {
	columns, err := rows.Columns()
	if err != nil {
		rows.Close()
		return nil, err
	}
	h := &RowsReadAheadHandle{rows: rows, columns: columns, batches: make(chan batch, 1), stop: make(chan struct{}), row: -1}
	if len(columns) == 0 { // of a statement that returns none
		close(h.batches)
		return h, nil
	}
	go h.read()
	return h, nil
}

// read sends batches until the rows or the caller end.
func (h *RowsReadAheadHandle) read() {
	defer close(h.batches)
	n := len(h.columns)
	targets := make([]any, n)
	most := 1
	for more := true; more; most = min(4*most, batchRows) {
		values := make([]any, 0, most*n)
		var err error
		for bytes := 0; err == nil && len(values) < most*n && bytes < batchBytes; {
			if more = !h.stopped.Load() && h.rows.Next(); !more {
				err = h.rows.Err()
				break
			}
			row := values[len(values) : len(values)+n]
			for i := range row {
				targets[i] = &row[i]
			}
			if err = h.rows.Scan(targets...); err != nil {
				more = false
				break
			}
			values = values[:len(values)+n]
			for _, value := range row {
				bytes += size(value)
			}
		}
		select {
		case h.batches <- batch{values, err}:
		case <-h.stop:
			return
		}
	}
}

func size(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	}
	return 8
}

// Columns returns the columns' names, as rows has them.
func (h *RowsReadAheadHandle) Columns() ([]string, error) { return h.columns, nil }

// Next goes to the next row. After false, Err says whether that was the end.
func (h *RowsReadAheadHandle) Next() bool {
	if len(h.columns) == 0 {
		return false
	}
	h.row++
	for (h.row+1)*len(h.columns) > len(h.now.values) {
		if h.now.err != nil {
			return false
		}
		next, ok := <-h.batches
		if !ok {
			h.now.values = nil
			return false
		}
		h.now, h.row = next, 0
	}
	return true
}

// Scan stores the row's values in dest, which are *any.
func (h *RowsReadAheadHandle) Scan(dest ...any) error {
	n := len(h.columns)
	if len(dest) != n || h.row < 0 || (h.row+1)*n > len(h.now.values) {
		return &core.Error{Code: core.CodeInvalid, Op: "rows_read_ahead", Message: fmt.Sprintf("scan of %d values, or without a row; rows have %d", len(dest), n)}
	}
	for i, value := range h.now.values[h.row*n : (h.row+1)*n] {
		to, ok := dest[i].(*any)
		if !ok {
			return &core.Error{Code: core.CodeInvalid, Op: "rows_read_ahead", Message: fmt.Sprintf("scan into a %T, want *any", dest[i])}
		}
		*to = value
	}
	return nil
}

// Err is the error that ended the rows that Next went through; nil at their
// end.
func (h *RowsReadAheadHandle) Err() error { return h.now.err }

// Close ends the reading and closes the rows. It is safe to call it twice.
func (h *RowsReadAheadHandle) Close() (err error) {
	h.end.Do(func() {
		h.stopped.Store(true)
		close(h.stop)
		for range h.batches { // until it is closed
		}
		err = h.rows.Close()
	})
	return err
}
