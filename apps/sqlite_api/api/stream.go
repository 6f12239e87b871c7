package api

import (
	"context"
	"io"
	"net/http"
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
	out := &streamWriter{w: w, form: form}
	if form == typeCSV {
		out.form += "; charset=utf-8"
		return out.end(WriteCSV(r.Context(), out, v, t.Name, request))
	}
	return out.end(writeNDJSON(r.Context(), out, v, t.Name, request, newEncoder(v.Name(), t.Name)))
}

// WriteNDJSON writes rows of a table as they come, one object a line. Blobs are
// in base64.
func WriteNDJSON(ctx context.Context, w io.Writer, v *data.View, table string, request data.RowsRequest) error {
	return writeNDJSON(ctx, w, v, table, request, &encoder{})
}

func writeNDJSON(ctx context.Context, w io.Writer, v *data.View, table string, request data.RowsRequest, e *encoder) error {
	var names [][]byte
	var columns []data.Column
	var buffer []byte
	err := v.Each(ctx, table, request, func(found []data.Column) error {
		names, columns = e.names(found), found
		return nil
	}, func(row data.Row) error {
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
	return err
}

// WriteCSV writes rows of a table as they come. Blobs are in base64, and NULL
// is an empty value where an empty text is "".
func WriteCSV(ctx context.Context, w io.Writer, v *data.View, table string, request data.RowsRequest) error {
	return v.Cursor(ctx, table, request, func(rows *rowread.RowsReadAheadHandle) error {
		_, err := rowcsv.RowsCSVWrite(w, rows, rowcsv.RowsCSVWriteConfig{})
		return err
	})
}

// streamWriter sends a response's head with its first bytes.
type streamWriter struct {
	w    http.ResponseWriter
	form string
	sent bool
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

// end returns the error to be shown, or breaks the response off.
func (out *streamWriter) end(err error) error {
	if err != nil && out.sent {
		panic(http.ErrAbortHandler)
	}
	return err
}
