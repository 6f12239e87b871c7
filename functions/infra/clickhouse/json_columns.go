package clickhouse

import (
	"reflect"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/infra/rowjson"
)

func jsonColumns(rows driver.Rows, bigInts bool) []rowjson.RowsJSONWriteColumn {
	var columns []rowjson.RowsJSONWriteColumn
	for _, c := range rows.ColumnTypes() {
		value := jsonValue{rowjson.RowJSON{BigInts: bigInts}, isDate(c.DatabaseTypeName())}
		target := reflect.New(c.ScanType()).Interface() // of the type that the driver scans into
		columns = append(columns, rowjson.RowsJSONWriteColumn{
			Name: c.Name(), Type: c.DatabaseTypeName(), Target: target,
			Append: func(b []byte) ([]byte, error) { return value.append(b, target) },
		})
	}
	return columns
}

// noRows is the result of a statement that returns none.
type noRows struct{}

func (noRows) Next() bool        { return false }
func (noRows) Scan(...any) error { return nil }
func (noRows) Err() error        { return nil }
func (noRows) Close() error      { return nil }

// isDate reports whether a column of this type holds dates without a time of
// day.
func isDate(databaseType string) bool {
	for {
		inner, ok := strings.CutSuffix(databaseType, ")")
		if !ok {
			return databaseType == "Date" || databaseType == "Date32"
		}
		outer, inner, _ := strings.Cut(inner, "(")
		if outer != "Nullable" && outer != "Array" && outer != "LowCardinality" {
			return false
		}
		databaseType = inner
	}
}
