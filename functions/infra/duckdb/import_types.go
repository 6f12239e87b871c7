//go:build cgo

package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// DuckDBImportColumn is what became of a column of the file.
type DuckDBImportColumn struct {
	Name string
	Type string // as DuckDB spells it
	// Given is true where the table or the config said the type, false where
	// all values did.
	Given bool
}

// detectable lists the types that text may become, in the order in which they
// are tried: a column gets the first type whose form each value has and which
// can be converted back without loss. Everything else stays text: 007, numbers
// of more digits than the type holds, dates that are not ISO, t and f.
var detectable = []struct{ typ, form, and string }{
	{"BIGINT", `0|-?[1-9][0-9]{0,18}`, "TRY_CAST(v AS BIGINT) IS NOT NULL"},
	{"DOUBLE", `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`, doubleKeeps},
	{"BOOLEAN", `true|false|True|False|TRUE|FALSE`, "true"},
	{"DATE", isoDate, "TRY_CAST(v AS DATE) IS NOT NULL"},
	{"TIMESTAMP", isoTimestamp, "TRY_CAST(v AS TIMESTAMP) IS NOT NULL"},
	{"TIMESTAMP WITH TIME ZONE", isoTimestamp + "Z", "TRY_CAST(v AS TIMESTAMP WITH TIME ZONE) IS NOT NULL"},
	{"TIME", `[0-9]{2}:[0-9]{2}:[0-9]{2}`, "TRY_CAST(v AS TIME) IS NOT NULL"},
}

const (
	isoDate      = `[0-9]{4}-[0-9]{2}-[0-9]{2}`
	isoTimestamp = isoDate + `[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?`
	// A DOUBLE represents 15 decimal digits exactly.
	doubleKeeps = `isfinite(TRY_CAST(v AS DOUBLE)) AND length(regexp_replace(regexp_replace(v, '[eE].*', ''), '[^0-9]', '', 'g')) <= 15`
)

// whole lists the types to which a cast rounds text with a fraction.
var whole = map[string]bool{
	"TINYINT": true, "SMALLINT": true, "INTEGER": true, "BIGINT": true, "HUGEINT": true,
	"UTINYINT": true, "USMALLINT": true, "UINTEGER": true, "UBIGINT": true, "UHUGEINT": true,
}

// detect chooses a type for each column whose type was not given.
func (s *source) detect(ctx context.Context, conn *sql.Conn) error {
	if s.format == "parquet" { // its columns have types
		return nil
	}
	var checks []string
	var columns []int
	for i, c := range s.columns {
		if c.fixed || s.format == "ndjson" && !guessedInJSON(c.typ) {
			continue
		}
		columns = append(columns, i)
		for _, d := range s.detectable() {
			checks = append(checks, s.each(c.name, d.form, d.and))
		}
	}
	if len(columns) == 0 {
		return nil
	}
	holds := make([]sql.NullBool, len(checks))
	if err := s.ask(ctx, conn, checks, holds); err != nil {
		return err
	}
	for _, i := range columns {
		typ := "VARCHAR"
		for j, d := range s.detectable() {
			if holds[j].Valid && holds[j].Bool { // NULL: no values at all
				typ = d.typ
				break
			}
		}
		s.columns[i].typ = typ
		holds = holds[len(detectable):]
	}
	return nil
}

// guessedInJSON reports whether DuckDB may have changed values of an NDJSON
// column by choosing this type: long numbers, and strings that it read as
// dates.
func guessedInJSON(typ string) bool {
	return typ == "BIGINT" || typ == "DOUBLE" || typ == "DATE" || typ == "TIME" || strings.HasPrefix(typ, "TIMESTAMP")
}

// detectable is the list with the configured date format.
func (s *source) detectable() []struct{ typ, form, and string } {
	if s.dateFormat == "" {
		return detectable
	}
	all := append(detectable[:0:0], detectable...)
	for i := range all {
		if all[i].typ == "DATE" {
			all[i].form, all[i].and = `(?s).*`, "try_strptime(v, "+quoteText(s.dateFormat)+") IS NOT NULL"
		}
	}
	return all
}

// each returns an expression that is true if all values of a column have a
// form.
func (s *source) each(column, form, and string) string {
	name := quoteName(column)
	return "bool_and(regexp_full_match(" + name + ", " + quoteText(form) + ") AND " + strings.ReplaceAll(and, "(v", "("+name) + ") FILTER (WHERE " + name + " IS NOT NULL)"
}

// ask reads the whole file as text once.
func (s *source) ask(ctx context.Context, conn *sql.Conn, checks []string, answers []sql.NullBool) error {
	targets := make([]any, len(answers))
	for i := range answers {
		targets[i] = &answers[i]
	}
	return conn.QueryRowContext(ctx, "SELECT "+strings.Join(checks, ", ")+" FROM "+s.asText()).Scan(targets...)
}

// checkGiven refuses text that DuckDB would round, or parse as a date by
// guessing, for types that the table or the config determined.
func (s *source) checkGiven(ctx context.Context, conn *sql.Conn) error {
	var checks, complaints []string
	for _, c := range s.columns {
		if !c.fixed {
			continue
		}
		if s.format == "parquet" && c.own != "VARCHAR" {
			if !castKeeps(c.own, c.typ) {
				checks = append(checks, comesBack(c))
				complaints = append(complaints, fmt.Sprintf("column %q has a %s that a %s would change", c.name, c.own, c.typ))
			}
			continue
		}
		switch typ := strings.ToUpper(c.typ); {
		case whole[typ]:
			checks = append(checks, s.each(c.name, `\s*[+-]?[0-9]+(\.0*)?([eE]\+?[0-9]+)?\s*|(?s)[^0-9]*`, "true"))
			complaints = append(complaints, fmt.Sprintf("column %q has a number that is not whole, for a %s", c.name, c.typ))
		case strings.HasPrefix(typ, "TIMESTAMP"), typ == "DATETIME":
			checks = append(checks, s.each(c.name, `[+-]?[0-9]{4,}-.*|(?s)[^0-9]*`, "true"))
			complaints = append(complaints, fmt.Sprintf("column %q has a time that is not ISO (2006-01-02 15:04:05), for a %s", c.name, c.typ))
		case typ == "DATE" && s.dateFormat == "":
			checks = append(checks, s.each(c.name, `[+-]?[0-9]{4,}-.*|(?s)[^0-9]*`, "true"))
			complaints = append(complaints, fmt.Sprintf("column %q has a date that is not ISO (2006-01-02), for a DATE", c.name))
		}
	}
	if len(checks) == 0 {
		return nil
	}
	holds := make([]sql.NullBool, len(checks))
	if err := s.ask(ctx, conn, checks, holds); err != nil {
		return err
	}
	for i, answer := range holds {
		if answer.Valid && !answer.Bool {
			return importInvalid(s.path + ": " + complaints[i])
		}
	}
	return nil
}

// castKeeps reports whether a cast between two types needs no look at values:
// to the same one, to text, and of a fraction to a float, which rounds it to
// its precision as everywhere.
func castKeeps(from, to string) bool {
	fraction := from == "FLOAT" || from == "DOUBLE" || strings.HasPrefix(from, "DECIMAL")
	return from == to || to == "VARCHAR" || to == "DOUBLE" && fraction
}

// comesBack is an expression that says whether all values of a column are the
// same after a cast to the table's type and back. What can't be cast is left to
// the cast itself, whose error says more.
func comesBack(c sourceColumn) string {
	name := quoteName(c.name)
	cast := "TRY_CAST(" + name + " AS " + c.typ + ")"
	return "bool_and(" + cast + " IS NULL OR TRY_CAST(" + cast + " AS " + c.own + ") IS NOT DISTINCT FROM " + name + ")"
}

// report lists what the columns become.
func (s *source) report() []DuckDBImportColumn {
	all := make([]DuckDBImportColumn, len(s.columns))
	for i, c := range s.columns {
		all[i] = DuckDBImportColumn{Name: c.name, Type: c.typ, Given: c.fixed}
	}
	return all
}
