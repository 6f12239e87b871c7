//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	driver "github.com/duckdb/duckdb-go/v2"

	"fnregistry.dev/functions/core"
)

// statement is what DuckDB reports about a query before it runs.
type statement struct {
	text    string   // without its ; and what follows
	selects bool     // a SELECT, or a statement that DuckDB turns into one: VALUES, DESCRIBE, SHOW, SUMMARIZE, some PRAGMAs
	reads   bool     // selects, or EXPLAIN of such a statement
	params  []string // their names, "1", "2", ... for positional ones
}

// prepare analyses a query without running any of it. More than one statement
// is an error: the driver would run all but the last one while preparing. With
// readsOnly, a statement whose first word shows that it may write is not even
// prepared, since EXPORT DATABASE creates its folder then.
func prepare(conn *sql.Conn, op, query string, readsOnly bool) (s statement, err error) {
	if readsOnly && !mayRead(query) {
		return s, nil
	}
	err = conn.Raw(func(c any) error {
		s, err = prepareOn(c.(*driver.Conn), op, query)
		return err
	})
	return s, err
}

func prepareOn(conn *driver.Conn, op, query string) (statement, error) {
	var s statement
	prepared, err := conn.Prepare(query)
	if err != nil {
		return s, prepareError(op, err)
	}
	defer prepared.Close()
	s.text = cutSemicolon(conn, query)
	stmt := prepared.(*driver.Stmt)
	kind, err := stmt.StatementType()
	if err != nil {
		return s, err
	}
	s.selects = kind == driver.STATEMENT_TYPE_SELECT
	s.reads = s.selects || kind == driver.STATEMENT_TYPE_EXPLAIN && explainsSelect(conn, op, query)
	for i := range stmt.NumInput() {
		name, err := stmt.ParamName(i + 1)
		if err != nil {
			return s, err
		}
		s.params = append(s.params, name)
	}
	return s, nil
}

// cutSemicolon removes the ; that ends a query, and the comments after it,
// where DuckDB's parser finds nothing. Strings may contain any number of
// semicolons, so only the last few are tried.
func cutSemicolon(conn *driver.Conn, query string) string {
	at := len(query)
	for range 8 {
		if at = strings.LastIndexByte(query[:at], ';'); at < 0 {
			break
		}
		if empty(query[at+1:]) && prepares(conn, query[:at]) { // it may be inside a name that continues with --
			return cutSemicolon(conn, query[:at])
		}
	}
	return query
}

func prepares(conn *driver.Conn, query string) bool {
	prepared, err := conn.Prepare(query)
	if err == nil {
		_ = prepared.Close()
	}
	return err == nil
}

// empty reports whether a text holds nothing but blanks and comments. It does
// not ask DuckDB, since the text may be a statement.
func empty(text string) bool {
	word, rest := firstWord(text)
	return word == "" && rest == ""
}

const emptyQuery = "empty query" // the driver's message for it

func prepareError(op string, err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "multi-statement query"):
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "the query holds several statements", Hint: "pass one statement per call; PIVOT counts as several unless its values are listed: PIVOT t ON c IN ('a', 'b')"}
	case text == emptyQuery:
		return &core.Error{Code: core.CodeInvalid, Op: op, Message: "the query is empty"}
	}
	return err
}

// explainsSelect reports whether an EXPLAIN explains a SELECT. EXPLAIN ANALYZE
// runs what it explains, and a read-only transaction lets COPY TO write files,
// so ANALYZE and options are not skipped: with them the rest is not a
// statement.
func explainsSelect(conn *driver.Conn, op, query string) bool {
	word, rest := firstWord(query)
	if next, _ := firstWord(rest); word != "EXPLAIN" || !slices.Contains(selectWords, next) {
		return false
	}
	s, err := prepareOn(conn, op, rest)
	return err == nil && s.selects
}

// selectWords begin the statements that DuckDB turns into a SELECT.
var selectWords = []string{
	"SELECT",
	"VALUES",
	"WITH",
	"FROM",
	"TABLE",
	"DESCRIBE",
	"DESC",
	"SHOW",
	"SUMMARIZE",
	"PIVOT",
	"UNPIVOT",
	"(",
}

func mayRead(query string) bool {
	word, _ := firstWord(query)
	return word == "" || word == "EXPLAIN" || slices.Contains(selectWords, word)
}

// otherWords begin the statements that may write.
var otherWords = []string{
	"ABORT", "ALTER", "ANALYZE", "ATTACH", "BEGIN", "CALL", "CHECKPOINT", "COMMENT", "COMMIT", "COPY",
	"CREATE", "DEALLOCATE", "DELETE", "DETACH", "DROP", "END", "EXECUTE", "EXPLAIN", "EXPORT", "FORCE", "IMPORT", "INSERT", "INSTALL", "LOAD", "MERGE", "PRAGMA", "PREPARE",
	"REINDEX", "RESET", "ROLLBACK", "SET", "START", "TRUNCATE", "UPDATE", "USE", "VACUUM",
}

// isSQL reports whether a text begins like a DuckDB statement: a mistyped word
// is invalid, not forbidden.
func isSQL(word string) bool {
	return !isName(word) || slices.Contains(selectWords, word) || slices.Contains(otherWords, word)
}

func isName(word string) bool { return word != "" && word != "?" && word != "(" }

// firstWord cuts off the first word of a statement, in upper case, or a
// parenthesis, and the blanks and comments before it; comments nest. The word
// is empty if there is none.
func firstWord(query string) (word, rest string) {
	for {
		query = strings.TrimLeft(query, " \t\r\n\f\v;\ufeff\u00a0")
		switch {
		case strings.HasPrefix(query, "--"):
			_, query, _ = strings.Cut(query, "\n")
			continue
		case strings.HasPrefix(query, "/*"):
			query = skipComment(query)
			continue
		case strings.HasPrefix(query, "("):
			return "(", query[1:]
		}
		end := strings.IndexFunc(query, func(r rune) bool { return !unicode.IsLetter(r) && r != '_' })
		if end < 0 {
			end = len(query)
		}
		if end == 0 && query != "" {
			return "?", query // no statement begins with it
		}
		return strings.ToUpper(query[:end]), query[end:]
	}
}

// skipComment returns the text after a comment; comments nest.
func skipComment(query string) string {
	depth := 0
	for {
		at := strings.IndexAny(query, "/*")
		if at < 0 || at+1 == len(query) {
			return ""
		}
		switch query[at : at+2] {
		case "/*":
			depth, query = depth+1, query[at+2:]
		case "*/":
			depth, query = depth-1, query[at+2:]
		default:
			query = query[at+1:]
		}
		if depth == 0 {
			return query
		}
	}
}

// bindArgs lists the values for a statement's parameters. It refuses what the
// driver ignores: a value without a parameter, and a name without a value, for
// which the driver would use the value at its position.
func bindArgs(op string, params []string, args []any, named map[string]any) ([]any, error) {
	fail := func(format string, a ...any) ([]any, error) {
		return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: fmt.Sprintf(format, a...)}
	}
	byName := len(params) > 0 && (params[0][0] < '0' || params[0][0] > '9') // DuckDB doesn't allow mixing the two
	switch {
	case !byName && len(named) > 0:
		return fail("the query has no parameter with a name, but Named has values")
	case byName && len(args) > 0:
		return fail("the query has parameters with names, but Args has values")
	case !byName && len(params) != len(args):
		return fail("the query has %d parameters, Args has %d values", len(params), len(args))
	case !byName:
		return convertArgs(op, params, args)
	}
	values := make([]any, len(params))
	used := map[string]bool{}
	for i, name := range params {
		value, ok := named[name]
		if !ok {
			return fail("no value for parameter $%s", name)
		}
		used[name] = true
		values[i] = value
	}
	for name := range named {
		if !used[name] {
			return fail("the query has no parameter with the name %q", name)
		}
	}
	values, err := convertArgs(op, params, values)
	for i, name := range params {
		if err == nil {
			values[i] = sql.Named(name, values[i])
		}
	}
	return values, err
}

// convertArgs prepares values for the driver: see convertArg.
func convertArgs(op string, params []string, args []any) ([]any, error) {
	values := make([]any, len(args))
	for i, value := range args {
		converted, err := convertArg(value)
		if err != nil {
			return nil, &core.Error{Code: core.CodeInvalid, Op: op, Message: "parameter $" + params[i], Err: err}
		}
		values[i] = converted
	}
	return values, nil
}

// queryColumn is one column of a SELECT as DuckDB describes it.
type queryColumn struct {
	name, typ string
	info      driver.TypeInfo // for a nested type that the driver reads; else nil
}

// describe queries the columns of a SELECT with the values of its parameters,
// because types may depend on them. ok is false for statements that DuckDB
// doesn't describe though it turns them into a SELECT: SHOW, DESCRIBE,
// SUMMARIZE.
func describe(
	ctx context.Context,
	conn *sql.Conn,
	query string,
	args []any,
) (columns []queryColumn, ok bool, err error) {
	columns, err = describeRows(ctx, conn, query, args)
	if err != nil {
		if errorKind(err.Error()) == parserKind {
			err = nil
		}
		return nil, false, err
	}
	err = conn.Raw(func(c any) error {
		for i := range columns {
			if isNested(columns[i].typ) && driverReads(columns[i].typ) {
				columns[i].info = typeInfo(c.(*driver.Conn), columns[i].typ)
			}
		}
		return nil
	})
	return columns, true, err
}

func describeRows(ctx context.Context, conn *sql.Conn, query string, args []any) (columns []queryColumn, err error) {
	rows, err := conn.QueryContext(ctx, "DESCRIBE "+query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var c queryColumn
		var rest any
		if err := rows.Scan(&c.name, &c.typ, &rest, &rest, &rest, &rest); err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	return columns, errors.Join(rows.Err(), rows.Close())
}

// typeInfo returns what a type is composed of; nil if the driver doesn't know a
// part of it.
func typeInfo(conn *driver.Conn, typ string) driver.TypeInfo {
	prepared, err := conn.Prepare("SELECT CAST(NULL AS " + typ + ")")
	if err != nil {
		return nil
	}
	defer prepared.Close()
	info, err := prepared.(*driver.Stmt).ColumnTypeInfo(0)
	if err != nil || !readable(info) {
		return nil
	}
	return info
}

// readable is false for a type containing a MAP whose keys the driver refuses
// or panics on: it uses them as keys of a Go map.
func readable(info driver.TypeInfo) bool {
	switch d := info.Details().(type) {
	case *driver.ListDetails:
		return readable(d.Child)
	case *driver.ArrayDetails:
		return readable(d.Child)
	case *driver.StructDetails:
		return !slices.ContainsFunc(d.Entries, func(e driver.StructEntry) bool { return !readable(e.Info()) })
	case *driver.UnionDetails:
		return !slices.ContainsFunc(d.Members, func(m driver.UnionMember) bool { return !readable(m.Type) })
	case *driver.MapDetails:
		switch d.Key.InternalType() {
		case driver.TYPE_BLOB, driver.TYPE_UUID, driver.TYPE_LIST, driver.TYPE_ARRAY, driver.TYPE_STRUCT, driver.TYPE_MAP, driver.TYPE_UNION:
			return false
		}
		return readable(d.Value)
	}
	return true
}

func isNested(typ string) bool {
	return strings.HasSuffix(typ, ")") && !strings.HasPrefix(typ, "DECIMAL(") && !strings.HasPrefix(typ, "ENUM(") || strings.HasSuffix(typ, "]")
}

// driverReads is readable by the type's name, if that is all there is. Only the
// name shows keys of type JSON.
func driverReads(typ string) bool {
	return !strings.Contains(typ, "MAP(BLOB,") && !strings.Contains(typ, "MAP(UUID,") && !strings.Contains(typ, "MAP(JSON,")
}

// wrapQuery limits a SELECT to one row more than wanted, since the driver
// fetches everything, and casts to text what the driver reads wrongly (TIME
// '24:00:00', numbers in JSON) or not at all (BIT, BIGNUM, TIME_NS).
func wrapQuery(query string, columns []queryColumn, maxRows int) string {
	var values, names strings.Builder
	for i, c := range columns {
		if i > 0 {
			values.WriteString(", ")
			names.WriteString(", ")
		}
		fmt.Fprintf(&names, "c%d", i)
		fmt.Fprintf(&values, valueFormat(c), fmt.Sprintf("c%d", i))
	}
	wrapped := fmt.Sprintf("SELECT %s FROM (%s\n) AS q(%s)", values.String(), query, names.String())
	if maxRows >= 0 {
		wrapped += fmt.Sprintf(" LIMIT %d", int64(maxRows)+1)
	}
	return wrapped
}

// valueFormat returns the expression that selects a column.
func valueFormat(c queryColumn) string {
	switch c.typ {
	case "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT", "UHUGEINT",
		"FLOAT", "DOUBLE", "VARCHAR", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_NS":
		return "%s"
	case "TIMESTAMP_S", "TIMESTAMP_MS": // their infinities exceed the range of time.Time
		return "CAST(%s AS TIMESTAMP)"
	}
	if c.info != nil || strings.HasPrefix(c.typ, "DECIMAL(") {
		return "%s"
	}
	return "CAST(%s AS VARCHAR)"
}
