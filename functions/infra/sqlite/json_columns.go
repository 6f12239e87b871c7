package sqlite

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/functions/infra/rowjson"
)

// jsonColumns determines how each column of the rows is written: by the type of
// each value and, if SQLite has no type for it, by the column's declared type.
func jsonColumns(rows *sql.Rows, j rowjson.RowJSON) ([]rowjson.RowsJSONWriteColumn, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	columns := make([]rowjson.RowsJSONWriteColumn, len(types))
	for i, t := range types {
		declared := strings.ToUpper(t.DatabaseTypeName())
		value := new(any)
		columns[i] = rowjson.RowsJSONWriteColumn{Name: t.Name(), Type: declared, Target: value, Append: func(b []byte) ([]byte, error) {
			return appendValue(b, j, declared, *value), nil
		}}
	}
	return columns, nil
}

func appendValue(b []byte, j rowjson.RowJSON, declared string, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case int64:
		if declared == "BOOLEAN" && (v == 0 || v == 1) {
			return strconv.AppendBool(b, v == 1)
		}
		return j.AppendInt(b, v)
	case float64:
		return j.AppendFloat(b, v, 64)
	case string:
		return j.AppendString(b, v)
	case []byte:
		return j.AppendBytes(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case time.Time:
		return j.AppendTime(b, v, timeLayout(v, declared))
	}
	return j.AppendString(b, fmt.Sprint(value)) // no driver returns anything else
}

func timeLayout(v time.Time, declared string) string {
	if _, offset := v.Zone(); declared == "DATE" && offset == 0 && v.Equal(v.Truncate(24*time.Hour)) {
		return time.DateOnly
	}
	return time.RFC3339Nano
}
