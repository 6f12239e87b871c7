package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/sqlite"
)

// schemaOptions are those of the command schema.
type schemaOptions struct {
	settings
	JSON bool `yaml:"-" flag:"json" doc:"print JSON"`
	SQL  bool `yaml:"-" flag:"sql" doc:"print the statements that make the tables"`
}

// printSchema is the command schema.
func printSchema(ctx context.Context, c program.ProgramCall[*schemaOptions]) error {
	if c.Settings.JSON && c.Settings.SQL {
		return &core.Error{Code: core.CodeInvalid, Message: "--json and --sql don't go together"}
	}
	set, err := data.Open(ctx, data.Config{Files: c.Args[:1]})
	if err != nil {
		return err
	}
	defer set.Close()
	view := set.Views(data.Local)[0]
	tables, err := tablesNamed(ctx, view, c.Args[1:])
	if err != nil {
		return err
	}
	if c.Settings.JSON {
		out := json.NewEncoder(c.Stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(tables)
	}
	if c.Settings.SQL {
		for _, t := range tables {
			if err := writeSQL(ctx, c.Stdout, view, t); err != nil {
				return err
			}
		}
		return nil
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(c.Stdout)
		}
		if err := writeTable(c.Stdout, t); err != nil {
			return err
		}
	}
	return nil
}

// tablesNamed are the tables of these names, or all if there are none.
func tablesNamed(ctx context.Context, v *data.View, names []string) ([]sqlite.SQLiteSchemaTable, error) {
	if len(names) == 0 {
		return v.Tables(ctx)
	}
	var tables []sqlite.SQLiteSchemaTable
	for _, name := range names {
		t, err := v.Table(ctx, name)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// writeSQL writes the statements that make a table, its indexes and triggers.
func writeSQL(ctx context.Context, w io.Writer, v *data.View, t sqlite.SQLiteSchemaTable) error {
	return v.Guest(ctx, func(ctx context.Context, db *sql.DB) error {
		return sqlite.SQLiteQueryRows(ctx, db, sqlite.SQLiteQueryRowsConfig{
			Query: "SELECT sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY rowid", Args: []any{t.Name}, ReadOnly: true,
		}, func(rows *sql.Rows) error {
			for rows.Next() {
				var statement string
				if err := rows.Scan(&statement); err != nil {
					return err
				}
				// Line by line: a comment ends with its line.
				lines := strings.Split(statement, "\n")
				for i, line := range lines {
					lines[i] = core.TerminalText(line)
				}
				end := ";"
				if strings.Contains(lines[len(lines)-1], "--") { // it may be a comment
					end = "\n;"
				}
				if _, err := fmt.Fprintln(w, strings.Join(lines, "\n")+end); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	})
}

// writeTable describes a table in lines of text.
func writeTable(w io.Writer, t sqlite.SQLiteSchemaTable) error {
	fmt.Fprintf(w, "%s %s%s\n", t.Kind, core.TerminalText(t.Name), traits(t))
	if t.Problem != "" {
		fmt.Fprintf(w, "  can't be read: %s\n", core.TerminalText(t.Problem))
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range t.Columns {
		fmt.Fprintf(columns, "  %s\t%s\t%s\n", core.TerminalText(c.Name), core.TerminalText(c.Type), core.TerminalText(columnTraits(c)))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for _, k := range t.ForeignKeys {
		fmt.Fprintf(w, "  %s -> %s(%s)\n", names(k.Columns), core.TerminalText(k.ToTable), names(k.To))
	}
	for _, i := range t.Indexes {
		fmt.Fprintf(w, "  index %s (%s)%s\n", core.TerminalText(i.Name), names(i.Columns), map[bool]string{true: " unique"}[i.Unique])
	}
	for _, tr := range t.Triggers {
		fmt.Fprintf(w, "  trigger %s\n", core.TerminalText(tr.Name))
	}
	return nil
}

func traits(t sqlite.SQLiteSchemaTable) string {
	text := ""
	for _, trait := range []struct {
		is   bool
		name string
	}{{t.Module != "", t.Module}, {t.WithoutRowID && t.Kind == "table", "without rowid"}, {t.Strict, "strict"}} {
		if trait.is {
			text += ", " + trait.name
		}
	}
	return core.TerminalText(text)
}

func columnTraits(c sqlite.SQLiteSchemaColumn) string {
	var all []string
	if c.Key > 0 {
		all = append(all, "key")
	}
	if c.NotNull {
		all = append(all, "not null")
	}
	if c.Default != "" {
		all = append(all, "default "+c.Default)
	}
	if c.Computed != "" {
		all = append(all, "computed")
	}
	if c.Hidden {
		all = append(all, "hidden")
	}
	return strings.Join(all, ", ")
}

// names joins names of columns; "" is an expression.
func names(columns []string) string {
	all := make([]string, len(columns))
	for i, c := range columns {
		if all[i] = core.TerminalText(c); c == "" {
			all[i] = "<expression>"
		}
	}
	return strings.Join(all, ", ")
}
