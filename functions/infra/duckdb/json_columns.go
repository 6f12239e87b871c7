//go:build cgo

package duckdb

import (
	"database/sql"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
)

// driverColumns returns the columns as the driver reports them, for a statement
// that could not be described.
func driverColumns(rows *sql.Rows) (columns []queryColumn, err error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	for _, c := range types {
		typ := c.DatabaseTypeName()
		if !driverReads(typ) {
			return nil, &core.Error{
				Code:    core.CodeUnsupported,
				Op:      queryOp,
				Message: "the driver can't read a " + typ,
				Hint:    "cast it to VARCHAR",
			}
		}
		columns = append(columns, queryColumn{name: c.Name(), typ: typ})
	}
	return columns, nil
}

func jsonColumns(columns []queryColumn, bigInts bool) []rowjson.RowsJSONWriteColumn {
	w := jsonValues{rowjson.RowJSON{BigInts: bigInts}}
	var all []rowjson.RowsJSONWriteColumn
	for _, c := range columns {
		value := new(any)
		all = append(all, rowjson.RowsJSONWriteColumn{Name: c.name, Type: c.typ, Target: value, Append: func(b []byte) ([]byte, error) {
			return w.appendColumn(b, &c, *value), nil
		}})
	}
	return all
}

// appendColumn writes a value by its column's type, if the Go type of the value
// is not enough.
func (w jsonValues) appendColumn(b []byte, column *queryColumn, value any) []byte {
	switch {
	case value == nil:
		return append(b, "null"...)
	case column.info != nil:
		return w.appendTyped(b, column.info, value)
	case column.typ == "JSON":
		return w.appendText(b, value)
	case column.typ == "DATE":
		return w.appendKind(b, driver.TYPE_DATE, value)
	case column.typ == "UUID": // from a statement that was not wrapped, like the next two
		return w.appendKind(b, driver.TYPE_UUID, value)
	case column.typ == "TIME", column.typ == "TIMETZ":
		return w.appendKind(b, driver.TYPE_TIME, value)
	}
	return w.append(b, value)
}
