package api

import (
	"net/http"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/rowcsv"
	"fnregistry.dev/functions/infra/sqlite"
)

// flushBytes is how much of a stream is written at a time.
const flushBytes = 32 << 10

// stream writes rows as they come. What fails after the first bytes breaks the
// connection off, so that nobody takes the part for the whole.
func stream(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable, request data.RowsRequest, form string) error {
	if form == typeCSV {
		return streamCSV(w, r, v, t, request)
	}
	out := &streamWriter{w: w, form: form}
	e := newEncoder(v.Name(), t.Name)
	var names [][]byte
	var columns []data.Column
	err := v.Each(r.Context(), t.Name, request, func(found []data.Column) error {
		names, columns = e.names(found), found
		return nil
	}, func(row data.Row) error {
		out.buffer = append(e.object(out.buffer, names, columns, row), '\n')
		return out.flush(flushBytes)
	})
	if err == nil {
		err = out.flush(0)
	}
	return out.end(err)
}

// streamWriter sends a response's head with its first bytes.
type streamWriter struct {
	w      http.ResponseWriter
	form   string
	sent   bool
	buffer []byte
}

// flush writes the buffer if it has at least so many bytes.
func (out *streamWriter) flush(least int) error {
	if len(out.buffer) < least {
		return nil
	}
	_, err := out.Write(out.buffer)
	out.buffer = out.buffer[:0]
	return err
}

// Write sends the response's head first.
func (out *streamWriter) Write(b []byte) (int, error) {
	if !out.sent {
		out.w.Header().Set("Content-Type", out.form)
		out.w.Header().Set("Cache-Control", "no-store") // or it would be held for its ETag
		out.sent = true
	}
	return out.w.Write(b)
}

// end returns the error to be shown, or breaks the response off.
func (out *streamWriter) end(err error) error {
	if err != nil && out.sent {
		panic(http.ErrAbortHandler)
	}
	return err
}

func streamCSV(w http.ResponseWriter, r *http.Request, v *data.View, t sqlite.SQLiteSchemaTable, request data.RowsRequest) error {
	out := &streamWriter{w: w, form: typeCSV + "; charset=utf-8"}
	err := v.Cursor(r.Context(), t.Name, request, func(rows *data.Rows) error {
		_, err := rowcsv.RowsCSVWrite(out, rows, rowcsv.RowsCSVWriteConfig{})
		return err
	})
	return out.end(err)
}
