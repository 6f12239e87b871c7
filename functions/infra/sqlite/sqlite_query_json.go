package sqlite

import (
	"context"
	"database/sql"
	"io"

	"fnregistry.dev/functions/infra/rowjson"
)

// SQLiteQueryJSONConfig is a query and how its rows are written by
// [SQLiteQueryJSON].
type SQLiteQueryJSONConfig struct {
	Query    string         // one statement; a trailing ; is fine; required
	Args     []any          // for ? and ?NNN, by position
	Named    map[string]any // for :name, @name and $name, without the prefix; a statement uses Args or Named, not both
	ReadOnly bool           // refuse whatever could write: SELECT, VALUES, WITH and EXPLAIN of these, with query_only on
	Stored   bool           // values come as they are stored, whatever type their column is declared with
	NDJSON   bool           // one object per line instead of one array
	MaxRows  int            // maximum rows written; default 10,000; negative: no limit
	MaxBytes int64          // maximum bytes written; default 64 MiB; negative: no limit
	BigInts  bool           // write every integer as a number; default: those beyond ±(2^53-1) as strings, since JavaScript rounds them
}

// SQLiteQueryJSON runs one query and writes its rows to w as they come, as a
// JSON array of objects or as one object a line. NULL is null, an integer a
// number (but see BigInts), a real a number with a point or an exponent, text a
// string, a blob a string in base64; in columns declared BOOLEAN 0 and 1 are
// false and true, and in those declared DATE, DATETIME or TIMESTAMP text that
// the driver reads as a time is RFC 3339 (a DATE at midnight: 2006-01-02).
//
// The end of ctx stops the query, wherever it is (with pools of sqlite_open).
// Nothing is written before the first row is there, so that with Result.Bytes 0
// an HTTP handler can still answer with an error; after an error further on the
// array is left open, so that no one takes it for whole. db stays open.
//
// Errors: CodeInvalid for bad SQL, several statements or parameters that don't
// match; CodeForbidden for a write with ReadOnly; CodeTimeout and CodeCanceled
// for ctx; what [SQLiteError] gives for the rest; w's own error as it is,
// wrapped.
//
// More in sqlite_query_json.md:
//   - Rows are objects, not arrays: two columns of the same name become id and
//     id_2.
//   - 2.0 stays 2.0, so that a real can be distinguished from an integer.
func SQLiteQueryJSON(
	ctx context.Context,
	db *sql.DB,
	w io.Writer,
	cfg SQLiteQueryJSONConfig,
) (rowjson.RowsJSONResult, error) {
	var result rowjson.RowsJSONResult
	query := SQLiteQueryRowsConfig{Query: cfg.Query, Args: cfg.Args, Named: cfg.Named, ReadOnly: cfg.ReadOnly, Stored: cfg.Stored}
	err := SQLiteQueryRows(ctx, db, query, func(rows *sql.Rows) error {
		columns, err := jsonColumns(rows, rowjson.RowJSON{BigInts: cfg.BigInts})
		if err != nil {
			return err
		}
		result, err = rowjson.RowsJSONWrite(w, rows, rowjson.RowsJSONWriteConfig{
			Columns: columns, NDJSON: cfg.NDJSON, MaxRows: cfg.MaxRows, MaxBytes: cfg.MaxBytes,
		})
		return err
	})
	return result, err
}
