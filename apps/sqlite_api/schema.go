package main

import (
	"bytes"
	"context"
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
	JSON bool `yaml:"-" flag:"json" doc:"print JSON"`
}

// printSchema is the command schema.
func printSchema(ctx context.Context, c program.ProgramCall[*schemaOptions]) error {
	var tables []sqlite.SQLiteSchemaTable
	err := withFile(ctx, c.Args[0], 0, func(v *data.View) (err error) {
		tables, err = v.Tables(ctx)
		if len(c.Args) == 1 || err != nil {
			return err
		}
		tables = nil
		for _, name := range c.Args[1:] {
			t, err := v.Table(ctx, name)
			if err != nil {
				return err
			}
			tables = append(tables, t)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.Settings.JSON {
		out := json.NewEncoder(c.Stdout)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(tables)
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

// writeTable describes a table in lines of text.
func writeTable(w io.Writer, t sqlite.SQLiteSchemaTable) error {
	fmt.Fprintf(w, "%s %s%s\n", t.Kind, core.TerminalText(t.Name), traits(t))
	if t.Problem != "" {
		fmt.Fprintf(w, "  can't be read: %s\n", core.TerminalText(t.Problem))
	}
	var text bytes.Buffer
	columns := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, c := range t.Columns {
		fmt.Fprintf(columns, "  %s\t%s\t%s\n", core.TerminalText(c.Name), core.TerminalText(c.Type), core.TerminalText(columnTraits(c, len(t.Key))))
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	for _, k := range t.ForeignKeys {
		fmt.Fprintf(w, "  %s -> %s(%s)\n", names(k.Columns), core.TerminalText(k.ToTable), names(k.To))
	}
	for _, i := range t.Indexes {
		switch i.Origin { // those of constraints have names of SQLite's own
		case "pk":
			continue
		case "u":
			fmt.Fprintf(w, "  unique (%s)\n", names(i.Columns))
			continue
		}
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

// columnTraits says what a column is, of a table whose key has keys columns.
func columnTraits(c sqlite.SQLiteSchemaColumn, keys int) string {
	var all []string
	switch {
	case c.Key > 0 && keys > 1:
		all = append(all, fmt.Sprintf("key %d", c.Key))
	case c.Key > 0:
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

// completeTables completes FILE and other files by the shell, TABLE by the
// file's tables, and the flags --columns and --order by the table's columns.
func completeTables[T any](ctx context.Context, c program.ProgramCompletion[*T]) []string {
	ofColumns := len(c.Args) == 2 && (c.Flag == "columns" || c.Flag == "order")
	if len(c.Args) == 0 || c.Flag != "" && !ofColumns {
		return nil
	}
	words := []string{}
	_ = withFile(ctx, c.Args[0], 0, func(v *data.View) error { // after an error there is nothing to complete by
		tables, err := v.Tables(ctx)
		for _, t := range tables {
			switch {
			case !ofColumns:
				words = append(words, t.Name+"\t"+t.Kind)
			case t.Name == c.Args[1]:
				for _, column := range t.Columns {
					words = append(words, column.Name+"\t"+column.Type)
				}
			}
		}
		return err
	})
	return words
}
