//go:build cgo

package duckdb

import (
	"strings"

	"fnregistry.dev/functions/core"
)

// quoteName quotes the name of a table, schema or column.
func quoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// quoteText writes a string literal. In '...' the only escape of DuckDB is the
// doubled quote.
func quoteText(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// quoteTable quotes a table's name, with its schema if it has one.
func quoteTable(schema, table string) string {
	if schema == "" {
		return quoteName(table)
	}
	return quoteName(schema) + "." + quoteName(table)
}

// checkText refuses NUL bytes, which end a C string: DuckDB would read another
// name or path than the given one.
func checkText(op, what, text string) error {
	if strings.ContainsRune(text, 0) {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: what + " holds a NUL byte"}
	}
	return nil
}

// checkTable refuses invalid table and schema names.
func checkTable(op, schema, table string) error {
	if table == "" {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "Table is empty"}
	}
	if err := checkText(op, "the schema's name", schema); err != nil {
		return err
	}
	return checkText(op, "the table's name", table)
}
