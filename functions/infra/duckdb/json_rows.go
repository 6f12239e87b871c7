//go:build cgo

package duckdb

import (
	"database/sql"
	"fmt"
	"io"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// jsonRows writes the rows of one query. Its shape is that of sqlite_query_json.
type jsonRows struct {
	w        io.Writer
	ndjson   bool
	bigInts  bool
	maxRows  int
	maxBytes int64 // of everything, with the closing bracket

	columns []queryColumn // of a query that was wrapped; else nil, and the driver's are taken
	keys    [][]byte      // `"name":`
	values  []any
	scan    []any  // pointers to values
	buffer  []byte // not yet written
	result  DuckDBQueryJSONResult
}

func newJSONRows(w io.Writer, cfg DuckDBQueryJSONConfig) *jsonRows {
	j := &jsonRows{w: w, ndjson: cfg.NDJSON, bigInts: cfg.BigInts, maxRows: cfg.MaxRows, maxBytes: cfg.MaxBytes}
	if j.maxRows == 0 {
		j.maxRows = defaultMaxRows
	}
	if j.maxBytes == 0 {
		j.maxBytes = defaultMaxBytes
	}
	return j
}

// writeAll writes up to the limits. It closes rows: some errors show then alone.
func (j *jsonRows) writeAll(rows *sql.Rows) error {
	if err := j.setColumns(rows); err != nil {
		return err
	}
	open, separator, end := "[", ",\n", "]\n"
	if j.ndjson {
		open, separator, end = "", "\n", "\n"
	}
	for rows.Next() {
		if j.maxRows >= 0 && j.result.Rows >= j.maxRows {
			j.result.Truncated = true
			break
		}
		if err := rows.Scan(j.scan...); err != nil {
			return err
		}
		start := len(j.buffer)
		if j.result.Rows == 0 {
			j.buffer = append(j.buffer, open...)
		} else {
			j.buffer = append(j.buffer, separator...)
		}
		j.buffer = j.appendRow(j.buffer)
		if j.maxBytes >= 0 && j.result.Bytes+int64(len(j.buffer)+len(end)) > j.maxBytes {
			j.buffer = j.buffer[:start]
			j.result.Truncated = true
			break
		}
		j.result.Rows++
		if len(j.buffer) >= flushSize {
			if err := j.flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := rows.Close(); err != nil {
		return err
	}
	switch {
	case j.result.Rows > 0:
		j.buffer = append(j.buffer, end...)
	case !j.ndjson:
		j.buffer = append(j.buffer, "[]\n"...)
	}
	return j.flush()
}

func (j *jsonRows) flush() error {
	n, err := j.w.Write(j.buffer)
	j.result.Bytes += int64(n)
	j.buffer = j.buffer[:0]
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (j *jsonRows) setColumns(rows *sql.Rows) error {
	if j.columns == nil {
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		for _, c := range types {
			typ := c.DatabaseTypeName()
			if !driverReads(typ) {
				return &core.Error{Code: core.CodeUnsupported, Op: queryOp, Message: "the driver can't read a " + typ, Hint: "cast it to VARCHAR"}
			}
			j.columns = append(j.columns, queryColumn{name: c.Name(), typ: typ})
		}
	}
	names := uniqueNames(j.columns)
	j.values, j.scan = make([]any, len(names)), make([]any, len(names))
	j.result.Columns = make([]DuckDBQueryJSONColumn, len(names))
	for i, name := range names {
		j.result.Columns[i] = DuckDBQueryJSONColumn{Name: name, Type: j.columns[i].typ}
		j.keys = append(j.keys, append(appendJSONString(nil, name), ':'))
		j.scan[i] = &j.values[i]
	}
	return nil
}

// uniqueNames numbers the names that come again: SELECT a.id, b.id has two columns id, and a JSON object one key of a name.
func uniqueNames(columns []queryColumn) []string {
	names := make([]string, len(columns))
	taken := map[string]bool{}
	for _, c := range columns {
		taken[c.name] = true
	}
	seen := map[string]bool{}
	for i, c := range columns {
		name := c.name
		for n := 2; seen[name] || n > 2 && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", c.name, n)
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func (j *jsonRows) appendRow(b []byte) []byte {
	b = append(b, '{')
	for i := range j.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, j.keys[i]...)
		b = j.appendColumn(b, &j.columns[i], j.values[i])
	}
	return append(b, '}')
}

// appendColumn writes a value by its column's type, where the Go type of the value doesn't say it all.
func (j *jsonRows) appendColumn(b []byte, column *queryColumn, value any) []byte {
	w := jsonValues{bigInts: j.bigInts}
	switch {
	case value == nil:
		return append(b, "null"...)
	case column.info != nil:
		return w.appendTyped(b, column.info, value)
	case column.typ == "JSON":
		return appendJSONText(b, value)
	case column.typ == "DATE":
		return w.appendKind(b, driver.TYPE_DATE, value)
	case column.typ == "UUID": // of a statement that was not wrapped, as are the next two
		return w.appendKind(b, driver.TYPE_UUID, value)
	case column.typ == "TIME", column.typ == "TIMETZ":
		return w.appendKind(b, driver.TYPE_TIME, value)
	}
	return w.append(b, value)
}
