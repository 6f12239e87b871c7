package sqlite

import (
	"database/sql"
	"fmt"
	"io"
	"strings"
	"time"
)

// jsonRows writes the rows of one query.
type jsonRows struct {
	w        io.Writer
	ndjson   bool
	bigInts  bool
	maxRows  int
	maxBytes int64 // of everything, with the closing bracket

	columns []jsonColumn
	values  []any
	scan    []any  // pointers to values
	buffer  []byte // not yet written
	result  SQLiteQueryJSONResult
}

type jsonColumn struct {
	key           []byte // `"name":`
	boolean, date bool   // by the declared type
}

func newJSONRows(w io.Writer, cfg SQLiteQueryJSONConfig) *jsonRows {
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
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	names := uniqueNames(types)
	j.values, j.scan = make([]any, len(types)), make([]any, len(types))
	j.result.Columns = make([]SQLiteQueryJSONColumn, len(types))
	for i, column := range types {
		declared := strings.ToUpper(column.DatabaseTypeName())
		j.result.Columns[i] = SQLiteQueryJSONColumn{Name: names[i], Type: declared}
		j.columns = append(j.columns, jsonColumn{
			key:     append(appendJSONString(nil, names[i]), ':'),
			boolean: declared == "BOOLEAN",
			date:    declared == "DATE",
		})
		j.scan[i] = &j.values[i]
	}
	return nil
}

// uniqueNames numbers the names that come again: SELECT a.id, b.id has two columns id, and a JSON object one key of a name.
func uniqueNames(types []*sql.ColumnType) []string {
	names := make([]string, len(types))
	taken := map[string]bool{}
	for _, column := range types {
		taken[column.Name()] = true
	}
	seen := map[string]bool{}
	for i, column := range types {
		name := column.Name()
		for n := 2; seen[name] || n > 2 && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", column.Name(), n)
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
		b = append(b, j.columns[i].key...)
		b = j.appendValue(b, &j.columns[i], j.values[i])
	}
	return append(b, '}')
}

func (j *jsonRows) appendValue(b []byte, column *jsonColumn, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case int64:
		if column.boolean && (v == 0 || v == 1) {
			return appendJSONBool(b, v == 1)
		}
		return appendJSONInt(b, v, j.bigInts)
	case float64:
		return appendJSONFloat(b, v)
	case string:
		return appendJSONString(b, v)
	case []byte:
		return appendJSONBlob(b, v)
	case bool:
		return appendJSONBool(b, v)
	case time.Time:
		return appendJSONTime(b, v, column.date)
	}
	return appendJSONString(b, fmt.Sprint(value)) // no driver returns anything else
}
