package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/sqlite"
)

const exportHelp = `Write all rows of a table or view, or of a query, as they come, in bounded memory. With --output the file appears once it is whole, and never replaces another.

  sqlite_api export shop.db album --where 'price=gte.8' --columns id,title --order title.desc --format ndjson
  sqlite_api export shop.db --sql 'SELECT title FROM album' --output titles.csv

--where has filters as the API does, joined by &.`

// exportOptions are those of the command export.
type exportOptions struct {
	settings
	Format  string `yaml:"-" flag:"format" doc:"how rows are written" enum:"csv,ndjson,json"`
	Output  string `yaml:"-" flag:"output" short:"o" doc:"the new file (default: stdout)"`
	SQL     string `yaml:"-" flag:"sql" doc:"a query instead of a table; - reads it from stdin"`
	Where   string `yaml:"-" flag:"where" doc:"filters, such as age=gte.18&name=ilike.*an*; write % and & of a value as %25 and %26"`
	Order   string `yaml:"-" flag:"order" doc:"columns to sort by: name.desc.nullslast,id"`
	Columns string `yaml:"-" flag:"columns" doc:"columns to write: id,title:name,data->>city (default: all)"`
}

// exportTime is how long a query may run that is exported.
const exportTime = 24 * time.Hour

// runExport is the command export.
func runExport(ctx context.Context, c program.ProgramCall[*exportOptions]) error {
	o := c.Settings
	switch {
	case (o.SQL == "") == (len(c.Args) == 1):
		return &core.Error{Code: core.CodeInvalid, Message: "export takes either a table or --sql", Hint: "sqlite_api export --help"}
	case o.SQL != "" && o.Where+o.Order+o.Columns != "":
		return &core.Error{Code: core.CodeInvalid, Message: "--where, --order and --columns are for a table", Hint: "write them in the SQL"}
	}
	set, err := data.Open(ctx, data.Config{Files: c.Args[:1]})
	if err != nil {
		return err
	}
	defer set.Close()
	v := set.Views(data.Local)[0]
	query := sqlite.SQLiteQueryRowsConfig{ReadOnly: true}
	if o.SQL != "" {
		query.Query, err = queryText(o.SQL, c.Stdin)
	} else {
		query.Query, query.Args, err = tableQuery(ctx, v, c.Args[1], o)
	}
	if err != nil {
		return err
	}
	write := func(ctx context.Context, w io.Writer) error {
		return v.GuestFor(ctx, exportTime, func(ctx context.Context, db *sql.DB) error {
			_, err := writeQuery(ctx, db, query, w, o.Format, 0)
			return err
		})
	}
	if o.Output == "" {
		return write(ctx, c.Stdout)
	}
	return createFile(ctx, o.Output, write)
}

// createFile writes a new file that appears once it is whole.
func createFile(ctx context.Context, path string, write func(context.Context, io.Writer) error) error {
	ctx, cancel := context.WithCancel(ctx)
	content, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.CloseWithError(write(ctx, w)) // always nil
	}()
	err := atomicfile.FileCreateAtomic(ctx, path, content, 0)
	cancel()
	_ = content.Close() // always nil; a write that is under way ends
	<-done
	return err
}

// tableQuery is the SQL for a table's rows.
func tableQuery(ctx context.Context, v *data.View, table string, o *exportOptions) (string, []any, error) {
	parameters, err := url.ParseQuery(strings.ReplaceAll(o.Where, "+", "%2B"))
	if err != nil {
		return "", nil, &core.Error{Code: core.CodeInvalid, Message: "--where: it is not written like a URL's parameters", Err: err}
	}
	for name, value := range map[string]string{"select": o.Columns, "order": o.Order} {
		if parameters.Has(name) {
			return "", nil, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("--where can't hold %s", name), Hint: "use --columns and --order"}
		}
		if value != "" {
			parameters.Set(name, value)
		}
	}
	request, err := data.ParseRows(parameters)
	if err != nil {
		return "", nil, err
	}
	return v.SQL(ctx, table, request)
}
