package clickhouse

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/rowjson"
)

// ClickHouseQueryJSONConfig is a query and how its rows are written by
// [ClickHouseQueryJSON].
type ClickHouseQueryJSONConfig struct {
	Query    string         // one statement; a trailing ; is fine; required
	Args     []any          // for ? and $1, by position
	Named    map[string]any // for @name, without the prefix; a statement uses Args or Named, not both
	ReadOnly bool           // refuse whatever could write: SELECT, WITH, SHOW, DESCRIBE, EXISTS and EXPLAIN, with readonly = 1
	NDJSON   bool           // one object per line instead of one array
	MaxRows  int            // maximum rows written; default 10,000; negative: no limit
	MaxBytes int64          // maximum bytes written; default 64 MiB; negative: no limit
	BigInts  bool           // write every integer as a number; default: those beyond ±(2^53-1) as strings, since JavaScript rounds them
}

const maxQuerySize = 256 << 10 // ClickHouse's own default of max_query_size

// ClickHouseQueryJSON runs one query and writes its rows to w as they come, as
// a JSON array of objects or as one object a line. NULL is null, an integer a
// number (but see BigInts), a float a number with a point or an exponent (or
// "NaN", "Infinity", "-Infinity"), a String text, a Decimal a string with all
// its digits, a Date 2006-01-02, a DateTime RFC 3339 in the column's time zone,
// an Array an array, a Tuple an array (with names an object), a Map an object;
// UUID, Enum, IP and Interval are strings.
//
// The end of ctx stops the query, here and on the server. Nothing is written
// before the first row is there, so that with Result.Bytes 0 an HTTP handler
// can still answer with an error; after an error further on the array is left
// open, so that no one takes it for whole. conn stays open.
//
// Errors: CodeInvalid for bad SQL, several statements or parameters that don't
// match; CodeForbidden for a write with ReadOnly; CodeTimeout and CodeCanceled
// for ctx; what [ClickHouseError] gives for the rest; w's own error as it is,
// wrapped.
//
// More in clickhouse_query_json.md:
//   - Rows are objects, not arrays: two columns of the same name become id and
//     id_2.
//   - A float keeps its point: 2.0 stays 2.0.
func ClickHouseQueryJSON(
	ctx context.Context,
	conn driver.Conn,
	w io.Writer,
	cfg ClickHouseQueryJSONConfig,
) (rowjson.RowsJSONResult, error) {
	text, err := prepareQuery(cfg)
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	result, err := runQuery(ctx, conn, w, text, cfg)
	return result, ClickHouseError("clickhouse_query_json", contextError(ctx, err))
}

// contextError returns the reason why ctx ended, if it has, instead of err: the
// driver may report a closed connection, or a timeout of the socket, which has
// the same deadline and may notice it first.
func contextError(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return err
}

func runQuery(
	ctx context.Context,
	conn driver.Conn,
	w io.Writer,
	text string,
	cfg ClickHouseQueryJSONConfig,
) (rowjson.RowsJSONResult, error) {
	settings := chgo.Settings{}
	if cfg.ReadOnly {
		settings["readonly"] = 1
	}
	if len(text) >= maxQuerySize { // long values are part of the text
		settings["max_query_size"] = len(text) + 1
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	// Closing only rows would read everything that is still to come.
	out := rowjson.RowsJSONWriteConfig{NDJSON: cfg.NDJSON, MaxRows: cfg.MaxRows, MaxBytes: cfg.MaxBytes, Cut: stop}
	rows, err := conn.Query(chgo.Context(ctx, chgo.WithSettings(settings)), text)
	if err == io.EOF { // the driver means: no result. A lost connection is wrapped
		return rowjson.RowsJSONWrite(w, noRows{}, out)
	}
	if err != nil {
		return rowjson.RowsJSONResult{}, err
	}
	defer rows.Close()
	defer stop() // first
	out.Columns = jsonColumns(rows, cfg.BigInts)
	return rowjson.RowsJSONWrite(w, rows, out)
}

// prepareQuery checks the query and inserts its values.
func prepareQuery(cfg ClickHouseQueryJSONConfig) (string, error) {
	if strings.ContainsRune(cfg.Query, 0) {
		return "", queryError(core.CodeInvalid, "the query holds a NUL byte", "")
	}
	found, firstWord := findPlaceholders(cfg.Query)
	switch {
	case firstWord == "" || firstWord == ";":
		return "", queryError(core.CodeInvalid, "the query is empty", "")
	case cfg.ReadOnly && !slices.Contains(readingWords, firstWord) && !slices.Contains(otherWords, firstWord):
		return "", queryError(core.CodeInvalid, "not a ClickHouse statement", "SELECT, WITH, SHOW, DESCRIBE, EXISTS and EXPLAIN read")
	case cfg.ReadOnly && !slices.Contains(readingWords, firstWord):
		return "", queryError(
			core.CodeForbidden,
			"not a read-only statement",
			"SELECT, WITH, SHOW, DESCRIBE, EXISTS and EXPLAIN are",
		)
	}
	return bindArgs(found, cfg)
}

// otherWords begin the statements that may write: a mistyped word is invalid,
// not forbidden.
var otherWords = []string{
	"ALTER", "ATTACH", "BACKUP", "BEGIN", "CHECK", "COMMIT", "CREATE", "DELETE", "DETACH", "DROP", "EXCHANGE", "EXECUTE",
	"GRANT", "INSERT", "KILL", "MOVE", "OPTIMIZE", "RENAME", "REPLACE", "RESTORE", "REVOKE", "ROLLBACK", "SET", "SYSTEM", "TRUNCATE", "UNDROP", "UPDATE", "USE", "WATCH",
}

// readingWords begin the statements that pass with ReadOnly. The server's own
// readonly = 1 also lets KILL QUERY and USE pass.
var readingWords = []string{"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "("}

func queryError(code core.Code, message, hint string) error {
	return &core.Error{Code: code, Op: "clickhouse_query_json", Message: message, Hint: hint}
}
