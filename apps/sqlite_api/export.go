package main

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"

	"fnregistry.dev/apps/sqlite_api/api"
	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
	"fnregistry.dev/functions/infra/program"
)

const exportHelp = `Filters, columns and order are written as in the API:

  sqlite_api export shop.db album --where 'price=lt.10' --order price.desc --columns id,title

A file is written beside its place and moved there once it is whole.`

// exportOptions are those of the command export.
type exportOptions struct {
	Format  string      `yaml:"-" flag:"format" doc:"form of the rows" enum:"csv,ndjson"`
	Output  string      `yaml:"-" flag:"output" short:"o" doc:"file that is written, in place of one that exists (default: stdout)"`
	Where   assignments `yaml:"-" flag:"where" doc:"filter that rows shall pass, such as price=lt.10; it may be given several times"`
	Columns string      `yaml:"-" flag:"columns" doc:"columns, with commas between them (default: all)"`
	Order   string      `yaml:"-" flag:"order" doc:"columns to sort by, such as price.desc,title"`
	Limit   int         `yaml:"-" flag:"limit" short:"n" doc:"rows at most; 0: all" min:"0"`
}

// request is which rows are meant.
func (o *exportOptions) request() (data.RowsRequest, error) {
	parameters := url.Values{}
	for _, filter := range o.Where {
		name, value, ok := strings.Cut(filter, "=")
		if !ok || name == "" {
			return data.RowsRequest{}, &core.Error{Code: core.CodeInvalid, Message: "--where " + filter + " is not column=operator.value"}
		}
		parameters.Add(name, value)
	}
	if o.Columns != "" {
		parameters.Set("select", o.Columns)
	}
	if o.Order != "" {
		parameters.Set("order", o.Order)
	}
	r, err := data.ParseRows(parameters)
	r.Limit = o.Limit
	return r, err
}

// export is the command export.
func export(ctx context.Context, c program.ProgramCall[*exportOptions]) error {
	request, err := c.Settings.request()
	if err != nil {
		return err
	}
	write := func(ctx context.Context, w io.Writer, v *data.View) error {
		form := api.WriteNDJSON
		if c.Settings.Format == "csv" {
			form = api.WriteCSV
		}
		truncated, err := form(ctx, w, v, c.Args[1], request)
		if truncated {
			c.Log.Warn("there are more rows", "limit", request.Limit)
		}
		return err
	}
	return withFile(ctx, c.Args[0], 0, func(v *data.View) error {
		if c.Settings.Output == "" {
			return write(ctx, c.Stdout, v)
		}
		content, pipe := io.Pipe()
		written := make(chan error, 1)
		go func() {
			err := write(ctx, pipe, v)
			pipe.CloseWithError(err)
			written <- err
		}()
		err := atomicfile.FileWriteAtomic(ctx, c.Settings.Output, content, 0o666)
		content.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		if failed := <-written; failed != nil && !errors.Is(failed, io.ErrClosedPipe) {
			return failed
		}
		return err
	})
}
