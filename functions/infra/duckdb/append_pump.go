//go:build cgo

package duckdb

import (
	sqldriver "database/sql/driver"

	driver "github.com/duckdb/duckdb-go/v2"
)

// pump passes rows to the driver's appender on another goroutine, in batches,
// so that checking values costs no time if a second CPU is idle: the driver
// takes longer.
type pump struct {
	width int // values per row
	batch *appendBatch
	full  chan *appendBatch // to the appender
	empty chan *appendBatch // and back
	done  chan error        // the first error, once full is closed and drained
}

type appendBatch struct {
	values []sqldriver.Value
	first  int64 // the number of its first row, from 1
	rows   int
	bytes  int   // of text and blobs
	err    error // why it failed
}

const (
	batchRows = 2048 // with fewer, the hand-over costs more than the second CPU gains: 0.73 of the speed by hand with 128, 0.9 with 512, 1.0 with this
	// batchBytes bounds the text and blobs in a batch and in the appender,
	// which keeps 2,048 rows of any size.
	batchBytes = 16 << 20
)

func startPump(appender *driver.Appender, width int) *pump {
	p := &pump{
		width: width,
		full:  make(chan *appendBatch),
		empty: make(chan *appendBatch, 2),
		done:  make(chan error, 1),
	}
	p.batch = &appendBatch{values: make([]sqldriver.Value, batchRows*width), first: 1}
	p.empty <- &appendBatch{values: make([]sqldriver.Value, batchRows*width)}
	go p.run(appender)
	return p
}

// run appends until full is closed. After an error it discards the rest.
func (p *pump) run(appender *driver.Appender) {
	var failed error
	waiting := 0
	for b := range p.full {
		if failed == nil {
			failed = p.appendBatch(appender, b)
			if waiting += b.bytes; failed == nil && waiting > batchBytes {
				failed, waiting = appender.Flush(), 0
			}
		}
		b.err = failed
		p.empty <- b
	}
	p.done <- failed
}

func (p *pump) appendBatch(appender *driver.Appender, b *appendBatch) error {
	for i := range b.rows {
		if err := appender.AppendRow(b.values[i*p.width : (i+1)*p.width]...); err != nil {
			return rowError(b.first+int64(i), err)
		}
	}
	return nil
}

// slot returns the slice for the values of the next row.
func (p *pump) slot() []sqldriver.Value {
	return p.batch.values[p.batch.rows*p.width : (p.batch.rows+1)*p.width]
}

// push hands over the row in slot. Its error may belong to an earlier row.
func (p *pump) push() error {
	p.batch.rows++
	if p.batch.rows < batchRows && p.batch.bytes <= batchBytes {
		return nil
	}
	next := p.batch.first + int64(p.batch.rows)
	p.full <- p.batch
	p.batch = <-p.empty
	p.batch.first, p.batch.rows, p.batch.bytes = next, 0, 0
	return p.batch.err
}

// stop waits until everything handed over is appended. If there is no error so
// far, it first hands over the last batch.
func (p *pump) stop(err error) error {
	if err == nil {
		p.full <- p.batch
	}
	close(p.full)
	if failed := <-p.done; failed != nil && err == nil {
		return failed
	}
	return err
}
