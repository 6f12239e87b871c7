//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/functions/core"
)

// source is a file, read by a table function of DuckDB.
type source struct {
	path      string // absolute, so that no prefix can make it a URL
	glob      bool
	format    string
	named     bool // the file names its columns
	delimiter string
	null      string
	// dateFormat is in strptime format; empty means only ISO.
	dateFormat string
	wide       bool           // with room for lines of up to maxRecord
	columns    []sourceColumn // once describe has run
}

type sourceColumn struct {
	name, typ string
	fixed     bool   // the type was given, not detected
	own       string // the file's own type, where it has one and the table's is typ
}

// maxRecord bounds a line of CSV or NDJSON if DuckDB's defaults, 2 MB and 16
// MiB, are not enough. Its buffers are several times as large: too much for
// every file if MemoryLimit is low.
const maxRecord = 64 << 20

// isTooLong recognises an error caused by those defaults.
func isTooLong(err error) bool {
	text := err.Error()
	return strings.Contains(text, "Maximum line size of 2000000 bytes exceeded") || strings.Contains(text, `"maximum_object_size" of 16777216 bytes exceeded`)
}

func newSource(cfg DuckDBImportConfig) (*source, error) {
	s := &source{glob: cfg.Glob, named: true, null: cfg.Null, dateFormat: cfg.DateFormat}
	if cfg.Path == "" {
		return nil, importInvalid("Path is empty")
	}
	for what, text := range map[string]string{"the path": cfg.Path, "Null": cfg.Null, "Delimiter": cfg.Delimiter, "DateFormat": cfg.DateFormat} {
		if err := checkText(importOp, what, text); err != nil {
			return nil, err
		}
	}
	format, ending := formatOf(cfg.Path)
	if cfg.Format != "" {
		format = strings.ToLower(cfg.Format)
	}
	s.format, s.delimiter = format, ","
	if ending == ".tsv" {
		s.delimiter = "\t"
	}
	if cfg.Delimiter != "" {
		s.delimiter = cfg.Delimiter
	}
	switch {
	case format == "":
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Op:      importOp,
			Message: "the file's extension names no known format",
			Hint:    "set Format: csv, ndjson or parquet",
		}
	case format != "csv" && format != "ndjson" && format != "parquet":
		return nil, importInvalid(fmt.Sprintf("bad Format %q: csv, ndjson or parquet", cfg.Format))
	case format != "csv" && (cfg.NoHeader || cfg.Delimiter != "" || cfg.Null != "" || cfg.DateFormat != ""):
		return nil, importInvalid("NoHeader, Delimiter, Null and DateFormat are for CSV")
	case utf8.RuneCountInString(s.delimiter) != 1 || strings.Contains("\"\r\n", s.delimiter):
		return nil, importInvalid(fmt.Sprintf("bad Delimiter %q", cfg.Delimiter))
	case len(cfg.Types) > 0 && (cfg.Append || format == "parquet"):
		return nil, importInvalid("Types is for CSV and NDJSON, without Append")
	}
	s.named = !cfg.NoHeader
	return s, s.find(cfg.Path)
}

// formatOf determines the format from the path's extension.
func formatOf(path string) (format, ending string) {
	path = strings.ToLower(path)
	ending = filepath.Ext(path)
	compressed := ending == ".gz" || ending == ".zst"
	if compressed {
		ending = filepath.Ext(strings.TrimSuffix(path, ending))
	}
	switch ending {
	case ".csv", ".tsv":
		return "csv", ending
	case ".ndjson", ".jsonl":
		return "ndjson", ending
	case ".parquet":
		if !compressed {
			return "parquet", ending
		}
	}
	return "", ending
}

// find makes the path absolute, and escapes DuckDB's wildcards in the path of a
// single file.
func (s *source) find(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return &core.Error{Code: core.CodeInternal, Op: importOp, Err: err}
	}
	s.path = path
	if s.glob {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return &core.Error{Code: core.ErrorCode(err), Op: importOp, Err: err}
	case info.IsDir():
		return importInvalid(path + " is a folder")
	}
	return nil
}

// sql returns the table function with the columns' types and every option that
// DuckDB would otherwise guess.
func (s *source) sql() string {
	return s.table(s.columns)
}

// asText returns the table function with text for all columns.
func (s *source) asText() string {
	columns := slices.Clone(s.columns)
	for i := range columns {
		columns[i].typ = "VARCHAR"
	}
	return s.table(columns)
}

func (s *source) table(columns []sourceColumn) string {
	path := s.path
	if !s.glob {
		path = strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
	}
	options := []string{quoteText(path), "hive_partitioning = false"} // .../day=1/x.csv would have a column day
	if s.glob && s.named {
		options = append(options, "union_by_name = true")
	}
	switch s.format {
	case "csv":
		options = append(options, "delim = "+quoteText(s.delimiter), `quote = '"'`, `escape = '"'`, fmt.Sprintf("header = %t", s.named), "skip = 0",
			"comment = ''", "strict_mode = true", "null_padding = false", "nullstr = "+quoteText(s.null), "allow_quoted_nulls = false", "sample_size = -1")
		if s.wide {
			options = append(
				options,
				fmt.Sprintf("max_line_size = %d", maxRecord),
				fmt.Sprintf("buffer_size = %d", 2*maxRecord),
			)
		}
		if len(columns) == 0 { // describe queries the names
			options = append(options, "all_varchar = true")
		}
		if s.dateFormat != "" {
			options = append(options, "dateformat = "+quoteText(s.dateFormat))
		}
		options = typeOption(options, "types", columns)
		return "read_csv(" + strings.Join(options, ", ") + ")"
	case "ndjson":
		options = append(options, "format = 'newline_delimited'", "records = true", "sample_size = -1")
		if s.wide {
			options = append(options, fmt.Sprintf("maximum_object_size = %d", maxRecord))
		}
		options = typeOption(options, "columns", columns)
		return "read_json(" + strings.Join(options, ", ") + ")"
	}
	return "read_parquet(" + strings.Join(options, ", ") + ")"
}

// typeOption adds the types of the columns.
func typeOption(options []string, name string, columns []sourceColumn) []string {
	if len(columns) == 0 {
		return options
	}
	var types []string
	for _, c := range columns {
		types = append(types, quoteText(c.name)+": "+quoteText(c.typ))
	}
	return append(options, name+" = {"+strings.Join(types, ", ")+"}")
}

// describe determines the columns of the file and their types.
func (s *source) describe(ctx context.Context, conn *sql.Conn) error {
	rows, err := conn.QueryContext(ctx, "DESCRIBE SELECT * FROM "+s.sql())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var c sourceColumn
		var rest any
		if err := rows.Scan(&c.name, &c.typ, &rest, &rest, &rest, &rest); err != nil {
			return err
		}
		s.columns = append(s.columns, c)
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (s *source) column(name string) int {
	for i, c := range s.columns {
		if strings.EqualFold(c.name, name) {
			return i
		}
	}
	return -1
}
