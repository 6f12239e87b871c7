package postgres

import (
	"errors"
	"iter"

	"github.com/jackc/pgx/v5"
)

// rowSource reads the rows of an iterator as pgx wants them. To change from the
// iterator to pgx and back costs a tenth of the whole COPY when it is done for
// each row, so rows are taken some at a time.
type rowSource struct {
	next     func() ([][]any, bool)
	stop     func()
	batch    [][]any
	at       int   // in the batch, of the row that pgx has
	count    int64 // rows that pgx took
	read     int64 // rows that the iterator gave
	err      error // of the iterator
	panicked any   // what the iterator panicked with
}

const (
	batchRows  = 16
	batchBytes = 64 << 10 // of strings and byte slices; rows beyond it come alone
)

var _ pgx.CopyFromSource = (*rowSource)(nil)

func newRowSource(rows iter.Seq2[[]any, error]) *rowSource {
	s := &rowSource{}
	s.next, s.stop = iter.Pull(s.batches(rows))
	return s
}

// batches copies rows, but not what they point to, and yields them some at a
// time.
func (s *rowSource) batches(rows iter.Seq2[[]any, error]) iter.Seq[[][]any] {
	return func(yield func([][]any) bool) {
		var all [batchRows][]any
		n, size := 0, 0
		for row, err := range rows {
			if err != nil {
				s.err = err
				break
			}
			s.read++
			all[n] = append(all[n][:0], row...)
			size += sizeOf(row)
			if n++; n == batchRows || size >= batchBytes {
				if !yield(all[:n]) {
					return
				}
				n, size = 0, 0
			}
		}
		if n > 0 {
			yield(all[:n])
		}
	}
}

func sizeOf(row []any) (size int) {
	for _, value := range row {
		switch value := value.(type) {
		case string:
			size += len(value)
		case []byte:
			size += len(value)
		}
	}
	return size
}

// Next runs on a goroutine of pgx, where nobody but it could recover.
func (s *rowSource) Next() (more bool) {
	if s.at++; s.at < len(s.batch) {
		s.count++
		return true
	}
	defer func() {
		if p := recover(); p != nil {
			s.panicked = p
		}
	}()
	s.batch, more = s.next()
	s.at = 0
	if more {
		s.count++
	}
	return more
}

func (s *rowSource) Values() ([]any, error) { return s.batch[s.at], nil }

var errRowsFailed = errors.New("the rows' source failed")

// Err never returns the iterator's own error: pgx takes io.EOF for a good end
// and would store half of the rows, and it sends the text to the server, whose
// log it is none of the business of. It is asked in the middle of a batch, too.
func (s *rowSource) Err() error {
	if s.err != nil || s.panicked != nil {
		return errRowsFailed
	}
	return nil
}
