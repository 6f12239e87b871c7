package rowread_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowread"
	"fnregistry.dev/functions/internal/errtest"
)

// counted are n rows of a number and a text of some bytes, and then an error.
type counted struct {
	n, bytes, at int
	err, scanErr error
	columnsErr   error
	gate         chan struct{} // if not nil, each row waits for it
	closed       int
}

func (c *counted) Columns() ([]string, error) { return []string{"n", "text"}, c.columnsErr }

func (c *counted) Next() bool {
	if c.closed > 0 {
		panic("Next after Close")
	}
	if c.gate != nil {
		<-c.gate
	}
	c.at++
	return c.at <= c.n
}

func (c *counted) Scan(dest ...any) error {
	if c.scanErr != nil && c.at == c.n {
		return c.scanErr
	}
	*dest[0].(*any), *dest[1].(*any) = int64(c.at), strings.Repeat("x", c.bytes)
	return nil
}

func (c *counted) Err() error { return c.err }

func (c *counted) Close() error {
	c.closed++
	return errors.New("closed")
}

// readAll returns how many rows there are, each in its turn.
func readAll(t *testing.T, h *rowread.RowsReadAheadHandle) int {
	t.Helper()
	var n, text any
	i := 0
	for h.Next() {
		i++
		if err := h.Scan(&n, &text); err != nil || n != int64(i) {
			t.Fatalf("row %d is %v, %v", i, n, err)
		}
	}
	if h.Next() {
		t.Error("a row after the last one")
	}
	return i
}

func TestRowsReadAhead_All(t *testing.T) {
	t.Parallel()
	lost, odd := errors.New("lost"), errors.New("odd value")
	for _, c := range []counted{
		{}, {n: 1}, {n: 2}, {n: 255}, {n: 256}, {n: 10_000}, {n: 40, bytes: 100_000}, {n: 3, bytes: 1 << 20},
		{err: lost}, {n: 1, err: lost}, {n: 700, err: lost}, {n: 700, scanErr: odd},
	} {
		t.Run(fmt.Sprintf("%d of %d %v %v", c.n, c.bytes, c.err, c.scanErr), func(t *testing.T) {
			t.Parallel()
			rows := c
			h, err := rowread.RowsReadAhead(&rows)
			if err != nil {
				t.Fatal(err)
			}
			if columns, err := h.Columns(); err != nil || strings.Join(columns, " ") != "n text" {
				t.Error(columns, err)
			}
			want, wantErr := c.n, c.err
			if c.scanErr != nil {
				want, wantErr = c.n-1, c.scanErr
			}
			if got := readAll(t, h); got != want || !errors.Is(h.Err(), wantErr) || (h.Err() == nil) != (wantErr == nil) {
				t.Errorf("%d rows, %v, want %d, %v", got, h.Err(), want, wantErr)
			}
			if err := h.Close(); err == nil || err.Error() != "closed" || h.Close() != nil || rows.closed != 1 {
				t.Errorf("%v, closed %d times", err, rows.closed)
			}
		})
	}
}

// The first row comes before the second is there, and Close in the middle waits
// for no more than the row that is being read.
func TestRowsReadAhead_Early(t *testing.T) {
	t.Parallel()
	rows := &counted{n: 1 << 30, gate: make(chan struct{})}
	h, err := rowread.RowsReadAhead(rows)
	if err != nil {
		t.Fatal(err)
	}
	rows.gate <- struct{}{}
	if !h.Next() {
		t.Fatal(h.Err())
	}
	done := make(chan struct{})
	go func() {
		h.Close()
		close(done)
	}()
	for {
		select {
		case rows.gate <- struct{}{}:
			runtime.Gosched()
			continue
		case <-done:
		}
		break
	}
	if rows.closed != 1 || rows.at > 1000 {
		t.Errorf("closed %d times after %d rows", rows.closed, rows.at)
	}
}

func TestRowsReadAhead_Misuse(t *testing.T) {
	t.Parallel()
	rows := &counted{n: 1}
	h, err := rowread.RowsReadAhead(rows)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var a, b any
	var text string
	errtest.Want(t, h.Scan(&a, &b), core.CodeInvalid, "rows_read_ahead: ")
	h.Next()
	errtest.Want(t, h.Scan(&a), core.CodeInvalid, "rows_read_ahead: ")
	errtest.Want(t, h.Scan(&a, &text), core.CodeInvalid, "want *any")
	bad := &counted{columnsErr: errors.New("no columns")}
	if _, err := rowread.RowsReadAhead(bad); !errors.Is(err, bad.columnsErr) || bad.closed != 1 {
		t.Error(err, bad.closed)
	}
}
