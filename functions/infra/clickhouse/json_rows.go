package clickhouse

import (
	"fmt"
	"io"
	"reflect"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// jsonRows writes the rows of one query.
type jsonRows struct {
	w        io.Writer
	ndjson   bool
	bigInts  bool
	maxRows  int
	maxBytes int64 // of everything, with the closing bracket

	columns []jsonColumn
	scan    []any  // pointers, of the types that the driver asks for
	buffer  []byte // not yet written
	result  ClickHouseQueryJSONResult
}

type jsonColumn struct {
	key []byte // `"name":`
	jsonValue
}

func newJSONRows(w io.Writer, cfg ClickHouseQueryJSONConfig) *jsonRows {
	j := &jsonRows{w: w, ndjson: cfg.NDJSON, bigInts: cfg.BigInts, maxRows: cfg.MaxRows, maxBytes: cfg.MaxBytes}
	if j.maxRows == 0 {
		j.maxRows = defaultMaxRows
	}
	if j.maxBytes == 0 {
		j.maxBytes = defaultMaxBytes
	}
	return j
}

// writeAll writes up to the limits. stop ends the query where they cut it: to close rows alone would read all that is
// still to come. rows is nil for a statement without a result.
func (j *jsonRows) writeAll(rows driver.Rows, stop func()) error {
	open, separator, end := "[", ",\n", "]\n"
	if j.ndjson {
		open, separator, end = "", "\n", "\n"
	}
	if rows != nil {
		j.setColumns(rows)
		if err := j.writeRows(rows, open, separator, end); err != nil {
			return err
		}
		if j.result.Truncated {
			stop()
			_ = rows.Close() // says that it was cancelled
		} else if err := rows.Close(); err != nil {
			return err
		}
	}
	switch {
	case j.result.Rows > 0:
		j.buffer = append(j.buffer, end...)
	case !j.ndjson:
		j.buffer = append(j.buffer, "[]\n"...)
	}
	return j.flush()
}

func (j *jsonRows) writeRows(rows driver.Rows, open, separator, end string) error {
	for rows.Next() {
		if j.maxRows >= 0 && j.result.Rows >= j.maxRows {
			j.result.Truncated = true
			return nil
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
		if err := j.appendRow(); err != nil {
			return err
		}
		if j.maxBytes >= 0 && j.result.Bytes+int64(len(j.buffer)+len(end)) > j.maxBytes {
			j.buffer = j.buffer[:start]
			j.result.Truncated = true
			return nil
		}
		j.result.Rows++
		if len(j.buffer) >= flushSize {
			if err := j.flush(); err != nil {
				return err
			}
		}
	}
	return rows.Err()
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

func (j *jsonRows) setColumns(rows driver.Rows) {
	names := uniqueNames(rows.Columns())
	for i, column := range rows.ColumnTypes() {
		databaseType := column.DatabaseTypeName()
		j.result.Columns = append(j.result.Columns, ClickHouseQueryJSONColumn{Name: names[i], Type: databaseType})
		j.columns = append(j.columns, jsonColumn{
			key:       append(appendJSONString(nil, names[i]), ':'),
			jsonValue: jsonValue{bigInts: j.bigInts, date: isDate(databaseType)},
		})
		j.scan = append(j.scan, reflect.New(column.ScanType()).Interface())
	}
}

// uniqueNames numbers the names that come again: SELECT a.id, b.id may have two columns id, and a JSON object one key of a name.
func uniqueNames(columns []string) []string {
	names := make([]string, len(columns))
	taken := map[string]bool{}
	for _, column := range columns {
		taken[column] = true
	}
	seen := map[string]bool{}
	for i, column := range columns {
		name := column
		for n := 2; seen[name] || n > 2 && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", column, n)
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func (j *jsonRows) appendRow() (err error) {
	j.buffer = append(j.buffer, '{')
	for i := range j.columns {
		if i > 0 {
			j.buffer = append(j.buffer, ',')
		}
		j.buffer = append(j.buffer, j.columns[i].key...)
		text, err := j.columns[i].append(j.buffer, j.scan[i])
		if err != nil {
			return fmt.Errorf("column %s: %w", j.result.Columns[i].Name, err)
		}
		j.buffer = text
	}
	j.buffer = append(j.buffer, '}')
	return nil
}
