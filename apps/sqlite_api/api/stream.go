package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/rowcsv"
	"fnregistry.dev/functions/infra/rowread"
	"fnregistry.dev/functions/infra/sqlite"
)

// flushBytes is how much of a stream is written at a time.
const flushBytes = 32 << 10

// stream writes rows as they come. What fails after the first bytes breaks the
// connection off, so that nobody takes the part for the whole.
func stream(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable, request data.RowsRequest, form string) error {
	out := newStreamWriter(w, form)
	var truncated bool
	var err error
	if form == typeCSV {
		truncated, err = WriteCSV(r.Context(), out, v, t.Name, request)
	} else {
		truncated, err = writeNDJSON(r.Context(), out, v, t.Name, request, newEncoder(v.Name(), t.Name))
	}
	return out.end(truncated, err)
}

// WriteNDJSON writes rows of a table as they come, one object a line, and
// reports whether there are more than the limit. Blobs are in base64.
func WriteNDJSON(ctx context.Context, w io.Writer, v *data.View, table string, request data.RowsRequest) (truncated bool, err error) {
	return writeNDJSON(ctx, w, v, table, request, &encoder{})
}

func writeNDJSON(
	ctx context.Context, w io.Writer, v *data.View, table string, request data.RowsRequest, e *encoder,
) (truncated bool, err error) {
	var names [][]byte
	var columns []data.Column
	var buffer []byte
	limit, n := request.Limit, 0
	err = v.Each(ctx, table, oneMore(request), func(found []data.Column) error {
		names, columns = e.names(found), found
		return nil
	}, func(row data.Row) error {
		if n++; limit > 0 && n > limit {
			truncated = true
			return nil
		}
		if buffer = append(e.object(buffer, names, columns, row), '\n'); len(buffer) < flushBytes {
			return nil
		}
		_, err := w.Write(buffer)
		buffer = buffer[:0]
		return err
	})
	if err == nil {
		_, err = w.Write(buffer)
	}
	return truncated, err
}

// oneMore is a request for one more row, which says that there are more.
func oneMore(request data.RowsRequest) data.RowsRequest {
	if request.Limit > 0 {
		request.Limit++
	}
	return request
}

// WriteCSV writes rows of a table as they come, and reports whether there are
// more than the limit. Blobs are in base64, and NULL is an empty value where an
// empty text is "".
func WriteCSV(ctx context.Context, w io.Writer, v *data.View, table string, request data.RowsRequest) (truncated bool, err error) {
	err = v.Cursor(ctx, table, oneMore(request), func(rows *rowread.RowsReadAheadHandle) error {
		result, err := rowcsv.RowsCSVWrite(w, rows, rowcsv.RowsCSVWriteConfig{MaxRows: request.Limit})
		truncated = result.Truncated
		return err
	})
	return truncated, err
}

// truncatedHeader is the trailer of a stream that says whether there are more
// rows than a limit let through.
const truncatedHeader = "Truncated"

// streamWriter sends a response's head with its first bytes. Give it what
// became of the stream at its end.
type streamWriter struct {
	w    http.ResponseWriter
	form string
	sent bool
}

func newStreamWriter(w http.ResponseWriter, form string) *streamWriter {
	if form == typeCSV {
		form += "; charset=utf-8"
	}
	w.Header().Set("Trailer", truncatedHeader)
	return &streamWriter{w: w, form: form}
}

// Write sends the response's head first.
func (out *streamWriter) Write(b []byte) (int, error) {
	if !out.sent {
		out.w.Header().Set("Content-Type", out.form)
		out.w.Header().Set("Cache-Control", "no-store") // or it would be held for its ETag
		out.sent = true
	}
	// A stream may take long, as long as its reader takes what is written.
	// Where there is no deadline to set, as in a test, there is none.
	_ = http.NewResponseController(out.w).SetWriteDeadline(time.Now().Add(stalled))
	return out.w.Write(b)
}

// stalled is how long a reader of a stream may take nothing.
const stalled = 30 * time.Second

// end sends the trailer, returns the error to be shown, or breaks the response
// off.
func (out *streamWriter) end(truncated bool, err error) error {
	switch {
	case err != nil && out.sent:
		panic(http.ErrAbortHandler)
	case err != nil:
		out.w.Header().Del("Trailer")
		return err
	}
	_, _ = out.Write(nil) // the head, where there are no rows
	out.w.Header().Set(truncatedHeader, strconv.FormatBool(truncated))
	return nil
}
