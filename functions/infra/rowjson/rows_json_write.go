package rowjson

import (
	"fmt"
	"io"
)

// Defaults of [RowsJSONWriteConfig].
const (
	DefaultMaxRows  = 10_000
	DefaultMaxBytes = 64 << 20
)

const flushSize = 32 << 10 // what is written at a time

// RowsJSONWriteRows is what [RowsJSONWrite] reads: *sql.Rows, or a driver's own
// rows.
type RowsJSONWriteRows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// RowsJSONWriteColumn is a column of the rows.
type RowsJSONWriteColumn struct {
	Name   string                                   // from the query; numbered if it is repeated
	Type   string                                   // for the result; may be ""
	Target any                                      // the pointer that Scan fills
	Append func(b []byte) (value []byte, err error) // appends Target's value as JSON to b
}

// RowsJSONWriteConfig says how rows become JSON.
type RowsJSONWriteConfig struct {
	Columns  []RowsJSONWriteColumn
	NDJSON   bool   // one object per line instead of one array
	MaxRows  int    // maximum rows written; default 10,000; negative: no limit
	MaxBytes int64  // maximum bytes written; default 64 MiB; negative: no limit
	Cut      func() // called before rows are closed early (a limit, an error), for drivers whose Close reads all remaining rows; may be nil
}

// RowsJSONWrite writes rows to w as they come, as a JSON array of objects or as
// one object a line, in the order of the columns. Nothing is written before the
// first row is there, so that with Result.Bytes 0 an HTTP handler can still
// answer with an error; after an error further on the array is left open, so
// that no one takes it for whole. It closes rows, whatever happens, since some
// errors show then alone.
//
// The errors are those of rows, of Append (with the column's name) and of w,
// wrapped; none is coded, since the driver's unit knows its own.
//
// More in rows_json_write.md:
//   - After an error the array is left unclosed on purpose: a reader must not
//     mistake half a result for a complete one.
//   - Errors are returned unchanged; the driver's unit adds a code.
func RowsJSONWrite(w io.Writer, rows RowsJSONWriteRows, cfg RowsJSONWriteConfig) (RowsJSONResult, error) {
	out := newWriter(w, cfg)
	err := out.rows(rows)
	early := err != nil || out.result.Truncated
	if early && cfg.Cut != nil {
		cfg.Cut()
	}
	if closeErr := rows.Close(); !early { // otherwise its error may only report the early close
		err = closeErr
	}
	if err == nil {
		err = out.end()
	}
	return out.result, err
}

type writer struct {
	w                        io.Writer
	cfg                      RowsJSONWriteConfig
	open, separator, closing string
	keys                     [][]byte // `"name":`
	targets                  []any
	buffer                   []byte // not yet written
	result                   RowsJSONResult
}

func newWriter(w io.Writer, cfg RowsJSONWriteConfig) *writer {
	if cfg.MaxRows == 0 {
		cfg.MaxRows = DefaultMaxRows
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	out := &writer{w: w, cfg: cfg, open: "[", separator: ",\n", closing: "]\n"}
	if cfg.NDJSON {
		out.open, out.separator, out.closing = "", "\n", "\n"
	}
	names := uniqueNames(cfg.Columns)
	out.result.Columns = make([]RowsJSONColumn, len(names))
	for i, c := range cfg.Columns {
		out.result.Columns[i] = RowsJSONColumn{Name: names[i], Type: c.Type}
		out.keys = append(out.keys, append(RowJSON{}.AppendString(nil, names[i]), ':'))
		out.targets = append(out.targets, c.Target)
	}
	return out
}

// rows writes rows up to the limits.
func (out *writer) rows(rows RowsJSONWriteRows) error {
	for rows.Next() {
		if out.cfg.MaxRows >= 0 && out.result.Rows >= out.cfg.MaxRows {
			out.result.Truncated = true
			return nil
		}
		if err := rows.Scan(out.targets...); err != nil {
			return err
		}
		start := len(out.buffer)
		if out.result.Rows == 0 {
			out.buffer = append(out.buffer, out.open...)
		} else {
			out.buffer = append(out.buffer, out.separator...)
		}
		if err := out.row(); err != nil {
			return err
		}
		if out.cfg.MaxBytes >= 0 && out.result.Bytes+int64(len(out.buffer)+len(out.closing)) > out.cfg.MaxBytes {
			out.buffer = out.buffer[:start]
			out.result.Truncated = true
			return nil
		}
		out.result.Rows++
		if len(out.buffer) >= flushSize {
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

func (out *writer) row() error {
	b := append(out.buffer, '{')
	for i, c := range out.cfg.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = c.Append(append(b, out.keys[i]...)); err != nil {
			return fmt.Errorf("column %s: %w", out.result.Columns[i].Name, err)
		}
	}
	out.buffer = append(b, '}')
	return nil
}

func (out *writer) end() error {
	switch {
	case out.result.Rows > 0:
		out.buffer = append(out.buffer, out.closing...)
	case !out.cfg.NDJSON:
		out.buffer = append(out.buffer, "[]\n"...)
	}
	return out.flush()
}

func (out *writer) flush() error {
	n, err := out.w.Write(out.buffer)
	out.result.Bytes += int64(n)
	out.buffer = out.buffer[:0]
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// uniqueNames numbers repeated names: SELECT a.id, b.id has two columns id, but
// a JSON object only one key of each name.
func uniqueNames(columns []RowsJSONWriteColumn) []string {
	names := make([]string, len(columns))
	taken := map[string]bool{}
	for _, c := range columns {
		taken[c.Name] = true
	}
	seen := map[string]bool{}
	for i, c := range columns {
		name := c.Name
		for n := 2; seen[name] || n > 2 && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", c.Name, n)
		}
		seen[name] = true
		names[i] = name
	}
	return names
}
