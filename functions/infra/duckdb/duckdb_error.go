//go:build cgo

package duckdb

import (
	"context"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/drivererr"
)

// DuckDBError turns an error of DuckDB's driver, of database/sql or of a
// context into a [*core.Error] with op before its text: a broken UNIQUE,
// PRIMARY KEY or FOREIGN KEY constraint or two transactions that changed the
// same row are CodeConflict, a write on a read-only database CodeForbidden, bad
// SQL and bad values CodeInvalid, a file that another process holds or a full
// disk CodeUnavailable, and so on. An error that already is a *core.Error comes
// back as it is, nil as nil; one that nothing is known about keeps the code of
// its cause (core.ErrorCode finds it).
//
// More in duckdb_error.md:
//   - DuckDB doesn't wait for locks: two transactions that change the same row,
//     or the same table's schema, give CodeConflict at once.
//   - UNIQUE, PRIMARY KEY and FOREIGN KEY violations are CodeConflict, too; NOT
//     NULL and CHECK are CodeInvalid.
func DuckDBError(op string, err error) error {
	return drivererr.Coded(op, err, func(err error) core.Error {
		if code, ok := drivererr.Common(err); ok {
			return core.Error{Code: code}
		}
		return engineError(err.Error())
	})
}

// queryError is DuckDBError for a statement run under ctx: once ctx has ended,
// DuckDB reports an interrupt, or whatever the interrupted step turns it into.
func queryError(ctx context.Context, op string, err error) error {
	if ctxErr := ctx.Err(); err != nil && ctxErr != nil {
		err = ctxErr
	}
	return DuckDBError(op, err)
}

// engineError returns the code and the hint for an error of DuckDB itself.
func engineError(text string) core.Error {
	for _, c := range textErrors {
		if strings.Contains(text, c.text) {
			return c.known
		}
	}
	return kindErrors[errorKind(text)]
}

// textErrors are recognised by their text, since DuckDB has only about forty
// kinds of error. The first match counts.
var textErrors = []struct {
	text  string
	known core.Error
}{
	{"No space left on device", core.Error{Code: core.CodeUnavailable, Hint: "the disk is full: free space"}},
	{"Could not set lock on file", core.Error{Code: core.CodeUnavailable, Hint: "another process has the file open: one may write, or several may read"}},
	{"Permission denied", core.Error{Code: core.CodeForbidden, Hint: "check the permissions of the file and its folder"}},
	{"Read-only file system", core.Error{Code: core.CodeForbidden}},
	{"read-only mode: database does not exist", core.Error{Code: core.CodeNotFound}},
	{"No such file or directory", core.Error{Code: core.CodeNotFound}},
	{"No files found that match", core.Error{Code: core.CodeNotFound}},
	{"not a valid DuckDB database file", core.Error{Code: core.CodeInvalid, Hint: "the file is something else than a DuckDB database"}},
	{"with version number", core.Error{Code: core.CodeUnsupported, Hint: "the file was written by another version of DuckDB"}},
	{"with a different configuration", core.Error{Code: core.CodeConflict, Hint: "this process has the file open with other settings: share that handle, or close it first"}},
	{"read-only mode", core.Error{Code: core.CodeForbidden}},
	{"readonly database", core.Error{Code: core.CodeForbidden}},
	{`.duckdb_extension" not found`, core.Error{Code: core.CodeUnsupported, Hint: "it is a database of another kind, or needs an extension, which duckdb_open doesn't load unless Extensions is set"}},
	{"Corrupt database file", core.Error{Code: core.CodeInternal, Hint: "the file is damaged: restore a backup"}},
	{
		"previous fatal error",
		core.Error{Code: core.CodeUnavailable, Hint: "close every handle on the database and open it again"},
	},
	{"file system operations are disabled", core.Error{Code: core.CodeForbidden}},
	{"configuration has been locked", core.Error{Code: core.CodeForbidden}},
	{"onflict on", core.Error{Code: core.CodeConflict, Hint: "another transaction changed the same data: try again"}}, // Catalog write-write conflict on ..., Conflict on update
	{"Duplicate key", core.Error{Code: core.CodeConflict}},
	{"duplicate key", core.Error{Code: core.CodeConflict}},
	{"foreign key constraint", core.Error{Code: core.CodeConflict}},
	{"already exists", core.Error{Code: core.CodeConflict}},
	{"constraint failed", core.Error{Code: core.CodeInvalid}}, // NOT NULL, CHECK from an appender
	{"Failed to commit: failed to", memoryError},              // ... pin block of size ..., ... allocate data of size ...
}

var memoryError = core.Error{
	Code: core.CodeTooLarge,
	Hint: "raise the memory limit, free space in the temporary folder, or query less at a time",
}

// kindErrors maps the words that DuckDB puts before " Error: " to codes. The
// driver's own *Error gets its type from them, too, and where it wraps one
// (appenders, opening) it keeps only the text.
var kindErrors = map[string]core.Error{
	"Out of Range":           {Code: core.CodeInvalid},
	"Conversion":             {Code: core.CodeInvalid},
	"Mismatch Type":          {Code: core.CodeInvalid},
	"Divide by Zero":         {Code: core.CodeInvalid},
	"Invalid type":           {Code: core.CodeInvalid},
	"Expression":             {Code: core.CodeInvalid},
	"Catalog":                {Code: core.CodeInvalid}, // a missing table, among others: bad SQL
	parserKind:               {Code: core.CodeInvalid},
	"Syntax":                 {Code: core.CodeInvalid},
	"Binder":                 {Code: core.CodeInvalid},
	"Constraint":             {Code: core.CodeInvalid}, // NOT NULL, CHECK; the others are in textErrors
	"Invalid Input":          {Code: core.CodeInvalid},
	"Parameter Not Resolved": {Code: core.CodeInvalid},
	"Parameter Not Allowed":  {Code: core.CodeInvalid},
	"Settings":               {Code: core.CodeInvalid},
	"Invalid Configuration":  {Code: core.CodeInvalid},
	"TransactionContext":     {Code: core.CodeInvalid},
	"Dependency":             {Code: core.CodeConflict},
	"Object Size":            {Code: core.CodeTooLarge},
	"Out of Memory":          memoryError,
	"Not implemented":        {Code: core.CodeUnsupported},
	"Missing Extension":      {Code: core.CodeUnsupported, Hint: "duckdb_open loads no extensions unless Extensions is set"},
	"Extension Autoloading":  {Code: core.CodeUnsupported, Hint: "duckdb_open loads no extensions unless Extensions is set"},
	"Permission":             {Code: core.CodeForbidden},
	"INTERRUPT":              {Code: core.CodeCanceled},
	"IO":                     {Code: core.CodeUnavailable, Hint: "reading or writing the file failed: check the disk"},
	"Connection":             {Code: core.CodeUnavailable},
	"Network":                {Code: core.CodeUnavailable},
	"HTTP":                   {Code: core.CodeUnavailable},
	"FATAL":                  {Code: core.CodeInternal, Hint: "close every handle on the database and open it again"},
	"INTERNAL":               {Code: core.CodeInternal, Hint: "a bug in DuckDB: close every handle on the database and open it again"},
}

const parserKind = "Parser"

// errorKind returns the first of these words in a text.
func errorKind(text string) string {
	for rest := text; ; {
		before, after, found := strings.Cut(rest, " Error: ")
		if !found {
			return ""
		}
		if at := strings.LastIndexAny(before, ":\n"); at >= 0 {
			before = before[at+1:]
		}
		kind := strings.TrimSpace(before)
		if _, ok := kindErrors[kind]; ok {
			return kind
		}
		rest = after
	}
}
