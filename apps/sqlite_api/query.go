package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/rowcsv"
	"fnregistry.dev/functions/infra/sqlite"
)

const queryHelp = `The SQL only reads, as over HTTP: one SELECT, VALUES, WITH or EXPLAIN of these. "-"
reads it from stdin. Values for :name are given by -p, and are texts that SQLite
converts by what they are compared with:

  sqlite_api query shop.db 'SELECT * FROM album WHERE price < :most' -p most=10`

// queryOptions are those of the command query.
type queryOptions struct {
	Param   assignments   `yaml:"-" flag:"param" short:"p" doc:"value of a parameter, as name=value; it may be given several times"`
	Format  string        `yaml:"-" flag:"format" doc:"form of the rows" enum:"table,json,ndjson,csv"`
	Limit   int           `yaml:"-" flag:"limit" short:"n" doc:"rows at most; 0: all" min:"0"`
	Timeout time.Duration `yaml:"-" flag:"timeout" doc:"how long the query may run; 0: as long as it takes" min:"0s"`
}

// assignments are values of a flag that is given several times. They may hold
// commas and spaces.
type assignments []string

// UnmarshalText adds one value.
func (a *assignments) UnmarshalText(text []byte) error {
	*a = append(*a, string(text))
	return nil
}

// runQuery is the command query.
func runQuery(ctx context.Context, c program.ProgramCall[*queryOptions]) error {
	query := sqlite.SQLiteQueryRowsConfig{Query: c.Args[1], Named: map[string]any{}, ReadOnly: true, Stored: true}
	if c.Args[1] == "-" {
		text, err := io.ReadAll(io.LimitReader(c.Stdin, 1<<20))
		if err != nil {
			return err
		}
		query.Query = string(text)
	}
	for _, p := range c.Settings.Param {
		name, value, ok := strings.Cut(p, "=")
		if !ok || name == "" {
			return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("-p %q is not name=value", p)}
		}
		query.Named[name] = value
	}
	if err := data.CheckParameters(query.Query, query.Named, "-p %s=VALUE"); err != nil {
		return err
	}
	return withFile(ctx, c.Args[0], c.Settings.Timeout, func(v *data.View) error {
		err := v.Guest(ctx, query.Query, func(ctx context.Context, db *sql.DB) error {
			return printRows(ctx, c, db, query)
		})
		if core.ErrorCode(err) == core.CodeTimeout {
			return &core.Error{Code: core.CodeTimeout, Message: fmt.Sprintf("the query took longer than %v", c.Settings.Timeout), Hint: "raise --timeout"}
		}
		return err
	})
}

// withFile opens one file for a command.
func withFile(ctx context.Context, path string, timeout time.Duration, work func(*data.View) error) error {
	if timeout == 0 {
		timeout = -1
	}
	set, err := data.Open(ctx, data.Config{Files: []string{path}, QueryTime: timeout})
	if err != nil {
		return err
	}
	defer set.Close()
	return work(set.Views(data.Local)[0])
}

// printRows prints the rows of a query, and says on stderr where a limit cut
// them.
func printRows(ctx context.Context, c program.ProgramCall[*queryOptions], db *sql.DB, query sqlite.SQLiteQueryRowsConfig) (err error) {
	truncated := false
	limit := c.Settings.Limit
	switch c.Settings.Format {
	case "json", "ndjson":
		cfg := sqlite.SQLiteQueryJSONConfig{
			Query: query.Query, Named: query.Named, ReadOnly: true, Stored: true, NDJSON: c.Settings.Format == "ndjson", MaxRows: limit, MaxBytes: -1,
		}
		if limit == 0 {
			cfg.MaxRows = -1
		}
		result, queryErr := sqlite.SQLiteQueryJSON(ctx, db, c.Stdout, cfg)
		truncated, err = result.Truncated, queryErr
	case "csv":
		err = sqlite.SQLiteQueryRows(ctx, db, query, func(rows *sql.Rows) error {
			result, err := rowcsv.RowsCSVWrite(c.Stdout, rows, rowcsv.RowsCSVWriteConfig{MaxRows: limit})
			truncated = result.Truncated
			return err
		})
	default:
		err = sqlite.SQLiteQueryRows(ctx, db, query, func(rows *sql.Rows) (err error) {
			truncated, err = printTable(c.Stdout, rows, limit)
			return err
		})
	}
	if truncated {
		c.Log.Warn("there are more rows", "limit", limit)
	}
	return err
}

// tableRows is how many rows of a table for people are aligned with each other.
const tableRows = 1000

// printTable prints rows for people: aligned, long values shortened, and
// nothing that a terminal would obey.
func printTable(w io.Writer, rows *sql.Rows, limit int) (truncated bool, err error) {
	columns, err := rows.Columns()
	if err != nil {
		return false, err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	cells := make([]string, len(columns))
	line := func(text func(i int) string) {
		for i := range columns {
			cells[i] = text(i)
		}
		fmt.Fprintln(out, strings.Join(cells, "\t")) // Flush returns its error
	}
	line(func(i int) string { return cell(columns[i]) })
	line(func(i int) string { return strings.Repeat("-", utf8.RuneCountInString(cell(columns[i]))) })
	for n := 0; rows.Next(); n++ {
		if limit > 0 && n == limit {
			truncated = true
			break
		}
		if err := rows.Scan(targets...); err != nil {
			return false, err
		}
		line(func(i int) string { return cell(values[i]) })
		if n%tableRows == tableRows-1 {
			if err := out.Flush(); err != nil {
				return false, err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	return truncated, out.Flush()
}

// cellRunes is the longest text in a table for people.
const cellRunes = 60

// cell is a value as a table for people has it.
func cell(value any) string {
	text := ""
	switch v := value.(type) {
	case nil:
		return "NULL"
	case []byte:
		if len(v) > 8 {
			return fmt.Sprintf("x'%s...' (%d bytes)", hex.EncodeToString(v[:8]), len(v))
		}
		return "x'" + hex.EncodeToString(v) + "'"
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case string:
		if text = v; v == "NULL" { // not the one above
			return "'NULL'"
		}
	default:
		text = fmt.Sprint(v)
	}
	if utf8.RuneCountInString(text) > cellRunes {
		text = string([]rune(text)[:cellRunes-1]) + "…"
	}
	return core.TerminalText(text)
}
