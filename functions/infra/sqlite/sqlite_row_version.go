package sqlite

import (
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowquery"
)

// SQLiteRowVersion names the state of a row: equal values in the same order
// give the same text, whatever else changes in the table. It is fit for an ETag
// header, where it stands in quotes. values are those of the row's columns,
// read without their declared types (as sqlite_rows_query reads them): nil,
// int64, float64, string or []byte; another type panics.
//
// More in sqlite_row_version.md:
//   - 1 and 1.0 differ, as do a text and a BLOB of the same bytes.
//   - It counts the columns that it is given: readers and writers must see the
//     same ones.
func SQLiteRowVersion(values []any) string {
	return string(core.HashContent([]byte(rowquery.RowCursor{Values: values}.String())))
}
