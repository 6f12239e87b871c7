//go:build cgo

package duckdb

import (
	"strings"

	"fnregistry.dev/functions/core"
)

// quoteName writes a name of a table, schema or column for SQL.
func quoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// quoteText writes a string literal. In '...' DuckDB knows no escape but the
// doubled quote.
func quoteText(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// quoteTable writes a table's name, with its schema when it has one.
func quoteTable(schema, table string) string {
	if schema == "" {
		return quoteName(table)
	}
	return quoteName(schema) + "." + quoteName(table)
}

// checkText refuses what would end a C string early: DuckDB would read another
// name or path than the one that was given.
func checkText(op, what, text string) error {
	if strings.ContainsRune(text, 0) {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: what + " holds a NUL byte"}
	}
	return nil
}

// checkTable refuses an impossible name of a table.
func checkTable(op, schema, table string) error {
	if table == "" {
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "no table was named"}
	}
	if err := checkText(op, "the schema's name", schema); err != nil {
		return err
	}
	return checkText(op, "the table's name", table)
}
