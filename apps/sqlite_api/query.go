package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/rowcsv"
	"fnregistry.dev/functions/infra/sqlite"
)

const queryHelp = `Run one statement that only reads, with the limits that a query over HTTP has, but for its time. SQL "-" is read from stdin. Each NAME=VALUE behind it
is the text that the parameter :NAME, @NAME or $NAME gets.

  sqlite_api query shop.db 'SELECT * FROM album WHERE id = :id' id=1

In a table NULL is NULL, the text NULL is in quotes, and long values are cut: the other formats have all of a value.`

// queryOptions are those of the command query.
type queryOptions struct {
	settings
	Format  string        `yaml:"-" flag:"format" doc:"how rows are written" enum:"table,json,ndjson,csv"`
	Limit   int           `yaml:"-" flag:"limit" doc:"rows at most; 0: all" min:"0"`
	Timeout time.Duration `yaml:"-" flag:"timeout" doc:"how long it may run" min:"1ms"`
}

// maxQueryBytes is how long SQL from stdin may be.
const maxQueryBytes = 1 << 20

// runQuery is the command query.
func runQuery(ctx context.Context, c program.ProgramCall[*queryOptions]) error {
	query, err := queryText(c.Args[1], c.Stdin)
	if err != nil {
		return err
	}
	named, err := parameters(c.Args[2:])
	if err != nil {
		return err
	}
	set, err := data.Open(ctx, data.Config{Files: c.Args[:1]})
	if err != nil {
		return err
	}
	defer set.Close()
	ctx, cancel := context.WithTimeout(ctx, c.Settings.Timeout)
	defer cancel()
	cfg := sqlite.SQLiteQueryRowsConfig{Query: query, Named: named, ReadOnly: true}
	var truncated bool
	err = set.Views(data.Local)[0].GuestFor(ctx, c.Settings.Timeout, func(ctx context.Context, db *sql.DB) (err error) {
		truncated, err = writeQuery(ctx, db, cfg, c.Stdout, c.Settings.Format, c.Settings.Limit)
		return err
	})
	if err == nil && truncated {
		fmt.Fprintf(c.Stderr, "only the first %d rows; --limit 0 is all\n", c.Settings.Limit)
	}
	return err
}

// queryText is an argument, or what stdin has if it is "-".
func queryText(argument string, stdin io.Reader) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	text, err := io.ReadAll(io.LimitReader(stdin, maxQueryBytes+1))
	if err == nil && len(text) > maxQueryBytes {
		err = &core.Error{Code: core.CodeTooLarge, Message: "the SQL from stdin is longer than 1 MiB"}
	}
	return string(text), err
}

// parameters reads arguments NAME=VALUE.
func parameters(arguments []string) (map[string]any, error) {
	named := map[string]any{}
	for _, argument := range arguments {
		name, value, ok := strings.Cut(argument, "=")
		if !ok || name == "" {
			return nil, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("%q is no NAME=VALUE", argument), Hint: "write the SQL as one argument, in quotes"}
		}
		if _, twice := named[name]; twice {
			return nil, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("the parameter %q is given twice", name)}
		}
		named[name] = value
	}
	return named, nil
}

// writeQuery writes the rows of a query as they come; limit 0 is all.
func writeQuery(
	ctx context.Context, db *sql.DB, cfg sqlite.SQLiteQueryRowsConfig, w io.Writer, format string, limit int,
) (truncated bool, err error) {
	switch format {
	case "json", "ndjson":
		most := limit
		if most == 0 {
			most = -1
		}
		result, err := sqlite.SQLiteQueryJSON(ctx, db, w, sqlite.SQLiteQueryJSONConfig{
			Query: cfg.Query, Args: cfg.Args, Named: cfg.Named, ReadOnly: cfg.ReadOnly,
			NDJSON: format == "ndjson", MaxRows: most, MaxBytes: -1, BigInts: true,
		})
		return result.Truncated, err
	case "csv":
		err = sqlite.SQLiteQueryRows(ctx, db, cfg, func(rows *sql.Rows) error {
			result, err := rowcsv.RowsCSVWrite(w, rows, rowcsv.RowsCSVWriteConfig{MaxRows: limit})
			truncated = result.Truncated
			return err
		})
		return truncated, err
	}
	err = sqlite.SQLiteQueryRows(ctx, db, cfg, func(rows *sql.Rows) error {
		truncated, err = writeTextTable(w, rows, limit)
		return err
	})
	return truncated, err
}

// tableBlock is how many rows of a table have the same widths: all of them are
// in memory at once.
const tableBlock = 1000

// writeTextTable aligns rows for a terminal.
func writeTextTable(w io.Writer, rows *sql.Rows, limit int) (truncated bool, err error) {
	names, err := rows.Columns()
	if err != nil {
		return false, err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	cells := make([]string, len(names))
	for i, name := range names {
		cells[i] = cellText(name)
	}
	fmt.Fprintln(out, strings.Join(cells, "\t"))
	values, targets := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	for n := 0; rows.Next(); n++ {
		if limit > 0 && n == limit {
			return true, out.Flush()
		}
		if n > 0 && n%tableBlock == 0 {
			if err := out.Flush(); err != nil {
				return false, err
			}
		}
		if err := rows.Scan(targets...); err != nil {
			return false, err
		}
		for i, v := range values {
			cells[i] = cellText(v)
		}
		fmt.Fprintln(out, strings.Join(cells, "\t"))
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	return false, out.Flush()
}

// cellWidth is how many characters of a value a table shows.
const cellWidth = 60

var lineBreaks = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`, "\v", `\v`, "\f", `\f`)

// cellText is a value in one line, harmless for a terminal.
func cellText(value any) string {
	switch v := value.(type) {
	case nil:
		return "NULL"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time: // the driver reads some texts of a DATE column as one
		return v.Format(time.RFC3339Nano)
	case []byte:
		if len(v) > 16 {
			return fmt.Sprintf("<%d bytes>", len(v))
		}
		return fmt.Sprintf("x'%x'", v)
	case string:
		if v == "NULL" {
			return "'NULL'"
		}
		if runes := []rune(v[:min(len(v), 4*(cellWidth+1))]); len(runes) > cellWidth {
			v = string(runes[:cellWidth-1]) + "…"
		}
		return core.TerminalText(lineBreaks.Replace(v))
	}
	return fmt.Sprint(value)
}
