package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"fnregistry.dev/functions/core"
)

// copyChunk is how many bytes of rows go to the connection at once.
const copyChunk = 64 << 10

// binaryHeader begins a COPY in the binary format: no flags, no extension.
const binaryHeader = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"

// errRowsFailed ends a COPY. Its text is sent to the server, whose log should
// not contain the source's own error.
var errRowsFailed = errors.New("the rows' source failed")

// copyTable describes the table, and copies rows into it on a connection that
// is not shared.
func copyTable(ctx context.Context, conn *pgx.Conn, op string, cfg PostgresCopyConfig, rows iter.Seq2[[]any, error]) (int64, error) {
	table := pgx.Identifier{cfg.Table}
	if cfg.Schema != "" {
		table = pgx.Identifier{cfg.Schema, cfg.Table}
	}
	names := make([]string, len(cfg.Columns))
	for i, name := range cfg.Columns {
		names[i] = pgx.Identifier{name}.Sanitize()
	}
	list := strings.Join(names, ", ")
	described, err := conn.PgConn().Prepare(ctx, "", "SELECT "+list+" FROM "+table.Sanitize(), nil)
	if err != nil {
		return 0, err
	}
	w := &copyWriter{op: op, columns: cfg.Columns, conn: conn.PgConn(), into: table.Sanitize() + " (" + list + ")"}
	for _, field := range described.Fields {
		w.text = append(w.text, newCopyEncoder(conn.TypeMap(), field.DataTypeOID))
		w.binary = append(w.binary, binaryEncoders[field.DataTypeOID])
	}
	w.asText = slices.ContainsFunc(w.binary, func(e copyEncoder) bool { return e == nil })
	if conn.PgConn().TxStatus() != 'I' {
		return w.copy(ctx, rows)
	}
	return w.copyInTransaction(ctx, rows)
}

// copyWriter copies rows in the binary format until a value must be parsed by
// the server, and in the text format from then on.
type copyWriter struct {
	op           string
	columns      []string
	into         string // table and columns
	conn         *pgconn.PgConn
	binary, text []copyEncoder // one for each column
	asText       bool
	begin        string   // statement before the first COPY
	row          int64    // number of the current row, from 1
	buf          []byte   // rows not sent yet
	column       int      // of the current value
	value        []byte   // its text
	run          *copyRun // the current COPY
	stored       int64    // rows of the COPYs before it
}

// copyInTransaction puts the COPY statements, of which there may be two, in one
// transaction.
func (w *copyWriter) copyInTransaction(ctx context.Context, rows iter.Seq2[[]any, error]) (n int64, err error) {
	w.begin = "BEGIN; "
	committed := false
	defer func() {
		if !committed && !w.conn.IsClosed() {
			// If that fails, the connection is not idle, and its pool drops it.
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_, _ = w.conn.Exec(clean, "ROLLBACK").ReadAll()
		}
	}()
	if n, err = w.copy(ctx, rows); err != nil {
		return 0, err
	}
	committed = true
	_, err = w.conn.Exec(ctx, "COMMIT").ReadAll()
	return n, w.serverError(ctx, err, 1) // a deferred constraint, too
}

// copy runs the iterator in the caller's goroutine while another one sends.
// When either ends, so does the other.
func (w *copyWriter) copy(ctx context.Context, rows iter.Seq2[[]any, error]) (n int64, err error) {
	w.start(ctx)
	defer func() { // if the iterator panics
		if w.run != nil {
			_ = w.finish(ctx, errRowsFailed)
		}
	}()
	for row, err := range rows {
		w.row++
		if err != nil {
			err = &core.Error{Op: fmt.Sprintf("%s row=%d", w.op, w.row), Err: err} // with its own code
		} else {
			err = w.write(ctx, row)
		}
		if err != nil {
			return 0, w.finish(ctx, err)
		}
	}
	if err := w.finish(ctx, nil); err != nil {
		return 0, err
	}
	return w.stored, nil
}

// copyRun is one COPY statement in progress.
type copyRun struct {
	to    *io.PipeWriter
	first int64 // number of its first row
	done  chan struct{}
	tag   pgconn.CommandTag
	err   error
}

func (w *copyWriter) start(ctx context.Context) {
	read, write := io.Pipe()
	run := &copyRun{to: write, first: max(w.row, 1), done: make(chan struct{})}
	format := "binary"
	w.buf = append(w.buf[:0], binaryHeader...)
	if w.asText {
		format, w.buf = "text", w.buf[:0]
	}
	sql := w.begin + "COPY " + w.into + " FROM STDIN (FORMAT " + format + ", ENCODING 'UTF8')"
	w.begin = ""
	go func() {
		defer close(run.done)
		run.tag, run.err = w.conn.CopyFrom(ctx, read, sql)
		read.CloseWithError(errRowsFailed) // Write returns
	}()
	w.run = run
}

// finish ends the current COPY, successfully or because of err, and returns the
// decisive error.
func (w *copyWriter) finish(ctx context.Context, err error) error {
	run := w.run
	w.run = nil
	if err == nil && len(w.buf) > 0 {
		_, err = run.to.Write(w.buf)
	}
	if err == nil {
		run.to.Close()
	} else {
		run.to.CloseWithError(errRowsFailed)
	}
	<-run.done
	w.stored += run.tag.RowsAffected()
	switch {
	case err != nil && !errors.Is(err, errRowsFailed):
		return err
	case run.err != nil:
		return w.serverError(ctx, run.err, run.first)
	}
	return nil
}

// write encodes a row, and sends the buffer once it is full.
func (w *copyWriter) write(ctx context.Context, row []any) error {
	err := w.add(row)
	if errors.Is(err, errNeedsText) {
		if err := w.finish(ctx, nil); err != nil {
			return err
		}
		w.asText = true
		w.start(ctx)
		err = w.add(row)
	}
	if err != nil || len(w.buf) < copyChunk {
		return err
	}
	_, err = w.run.to.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// add encodes a row into buf, completely or not at all.
func (w *copyWriter) add(row []any) error {
	if len(row) != len(w.columns) {
		message := fmt.Sprintf("has %d values for %d columns", len(row), len(w.columns))
		return &core.Error{Code: core.CodeInvalid, Op: fmt.Sprintf("%s row=%d", w.op, w.row), Message: message}
	}
	before := len(w.buf)
	err := w.encode(row)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNeedsText):
		w.buf = w.buf[:before]
		return err
	}
	return w.valueError(w.columns[w.column], err)
}

// encode turns a panic of a value's own methods into an error, such as that of
// a Valuer that is a nil pointer.
func (w *copyWriter) encode(row []any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a %T panicked while it was encoded: %v", row[w.column], p)
		}
	}()
	if w.asText {
		return w.addText(row)
	}
	return w.addBinary(row)
}

func (w *copyWriter) addBinary(row []any) error {
	w.buf = binary.BigEndian.AppendUint16(w.buf, uint16(len(row)))
	for i, value := range row {
		at := len(w.buf)
		w.buf = append(w.buf, 0xff, 0xff, 0xff, 0xff) // the length; -1 is NULL
		if value == nil {
			continue
		}
		w.column = i
		buf, null, err := w.binary[i](w.buf, value)
		if err != nil {
			return err
		}
		if !null {
			w.buf = buf
			binary.BigEndian.PutUint32(buf[at:], uint32(len(buf)-at-4))
		}
	}
	return nil
}

func (w *copyWriter) addText(row []any) (err error) {
	for i, value := range row {
		if i > 0 {
			w.buf = append(w.buf, '\t')
		}
		null := value == nil
		if !null {
			w.column = i
			w.value, null, err = w.text[i](w.value[:0], value)
			if err != nil {
				return err
			}
		}
		if null {
			w.buf = append(w.buf, `\N`...)
		} else {
			w.buf = appendEscaped(w.buf, w.value)
		}
	}
	w.buf = append(w.buf, '\n')
	return nil
}

func (w *copyWriter) valueError(column string, err error) error {
	return &core.Error{
		Code: core.CodeInvalid,
		Op:   fmt.Sprintf("%s row=%d column=%q", w.op, w.row, column),
		Hint: "each row has a value for each column, of a type that fits it; text is read as the server reads it",
		Err:  err,
	}
}

// appendEscaped escapes text for COPY's text format.
func appendEscaped(buf, text []byte) []byte {
	start := 0
	for i, c := range text {
		if c > '\r' && c != '\\' {
			continue
		}
		escaped := byte(0)
		switch c {
		case '\\':
			escaped = '\\'
		case '\n':
			escaped = 'n'
		case '\r':
			escaped = 'r'
		case '\t':
			escaped = 't'
		default:
			continue
		}
		buf = append(buf, text[start:i]...)
		buf = append(buf, '\\', escaped)
		start = i + 1
	}
	return append(buf, text[start:]...)
}

// serverError adds the row that the server's error mentions, if any. first is
// the number of its COPY's first row.
func (w *copyWriter) serverError(ctx context.Context, err error, first int64) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return PostgresError(w.op, fmt.Errorf("%w: %w", context.Cause(ctx), err))
	}
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return PostgresError(w.op, err)
	}
	row := copyRow(server.Where)
	if row == 0 {
		return PostgresError(w.op, err)
	}
	return PostgresError(fmt.Sprintf("%s row=%d", w.op, first-1+row), err)
}

// copyRow extracts the row number from an error's context, whose words are in
// the server's language: COPY table, line 3, column n: "x". It is 0 if there is
// none.
func copyRow(where string) int64 {
	for line := range strings.Lines(where) {
		rest, ok := strings.CutPrefix(line, "COPY ")
		if !ok {
			continue
		}
		for _, part := range strings.Split(rest, ",")[1:] {
			fields := strings.Fields(strings.TrimSuffix(strings.TrimSpace(part), ":"))
			if len(fields) < 2 {
				continue
			}
			number, _, _ := strings.Cut(fields[1], ":")
			if row, err := strconv.ParseInt(number, 10, 64); err == nil {
				return row
			}
		}
	}
	return 0
}
