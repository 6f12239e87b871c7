//go:build cgo

package duckdb

import (
	sqldriver "database/sql/driver"

	driver "github.com/duckdb/duckdb-go/v2"
)

// pump hands rows to the driver's appender on a goroutine of its own, in
// batches, so that the checking of values costs no time where a second CPU is
// idle: the driver's part is the longer one.
type pump struct {
	width int // values a row
	batch *appendBatch
	full  chan *appendBatch // to the appender
	empty chan *appendBatch // and back
	done  chan error        // the first error, when full is closed and worked off
}

type appendBatch struct {
	values []sqldriver.Value
	first  int64 // the number of its first row, from 1
	rows   int
	bytes  int   // of text and blobs
	err    error // why it could not be appended
}

const (
	batchRows = 2048 // fewer made the handing over cost more than the second CPU gains: 0.73 of by hand with 128, 0.9 with 512, 1.0 with this
	// batchBytes bounds the text and blobs that wait in a batch and in the
	// appender, which by itself keeps 2,048 rows, however large.
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

// run appends until full is closed. After an error it lets the rest pass.
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

// slot is where the values of the next row go.
func (p *pump) slot() []sqldriver.Value {
	return p.batch.values[p.batch.rows*p.width : (p.batch.rows+1)*p.width]
}

// push takes the row in slot. Its error may be that of a row before.
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

// stop waits for what was handed over. Without an error so far, the last batch
// is handed over first.
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
