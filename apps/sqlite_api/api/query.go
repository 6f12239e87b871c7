package api

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/rowcsv"
	"fnregistry.dev/functions/infra/sqlite"
)

// What a query may return.
const (
	queryRows       = 1000 // of JSON, unless limit says otherwise
	queryRowsMax    = 10_000
	queryBytes      = 8 << 20
	streamRowsMax   = 1_000_000
	streamBytesMax  = 256 << 20
	truncatedHeader = "Truncated"
)

var queryStatuses = map[int]string{
	http.StatusForbidden:             "The SQL would write, or read what the caller may not read.",
	http.StatusNotFound:              "There is no such database or query, or the caller may not read it.",
	http.StatusRequestEntityTooLarge: "The SQL needs more memory or longer values than are allowed.",
	http.StatusServiceUnavailable:    "The database is locked, or too many queries run: try again.",
	http.StatusGatewayTimeout:        "It took too long and was stopped.",
	http.StatusInternalServerError:   "The file is damaged, or can't be read.",
}

// queries are the endpoints that take SQL.
func (a *api) queries() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/query", Name: "query", Tag: "queries", Errors: queryStatuses,
			Summary: "The rows of a SELECT", Problem: sqlProblem,
			Description: "One statement that only reads; its parameters (:name, @name, $name) are p_name. JSON has 1000 rows unless limit says " +
				"otherwise, and the member truncated; NDJSON and CSV up to a million, and the trailer Truncated. It runs for 10 s at most.",
			Responses: []httpapi.HTTPAPIResponse{{Type: typeJSON, Go: typeOf[queryOut]()}, {Type: typeNDJSON}, {Type: typeCSV}},
			Headers:   []httpapi.HTTPAPIHeader{{Name: "Server-Timing", Doc: "How long the query took, of JSON alone."}},
		}, a.query),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/explain", Name: "explain", Tag: "queries", Errors: queryStatuses,
			Summary: "How SQLite would run a SELECT, with warnings of what is slow", Problem: sqlProblem,
		}, 0, a.explain),
	}
}

type sqlIn struct {
	databaseIn
	SQL    string     `query:"sql" json:"-" doc:"One statement that reads." required:"true"`
	Values url.Values `query:"p_*" json:"-" doc:"p_name is the value of the parameter :name."`
}

// rowsQuery is the query with its values, which are texts: SQLite converts them
// by what they are compared with.
func (in *sqlIn) rowsQuery() (sqlite.SQLiteQueryRowsConfig, error) {
	values, err := named(in.Values)
	query := sqlite.SQLiteQueryRowsConfig{Query: in.SQL, Named: map[string]any{}, ReadOnly: true, Stored: true}
	for name, value := range values {
		query.Named[name] = value
	}
	return query, cmp.Or(err, data.CheckParameters(in.SQL, query.Named, "p_%s"))
}

// named are the values of p_name by name.
func named(parameters url.Values) (map[string]string, error) {
	values := map[string]string{}
	for name, given := range parameters {
		if len(given) > 1 {
			return nil, &core.Error{Code: core.CodeInvalid, Message: "parameter " + strconv.Quote(name) + " is given twice"}
		}
		values[strings.TrimPrefix(name, "p_")] = given[0]
	}
	return values, nil
}

type queryIn struct {
	sqlIn
	Limit  *int   `query:"limit" json:"-" doc:"Rows at most." min:"1" max:"1000000"`
	Format string `query:"format" json:"-" doc:"The form of the response, instead of by Accept." enum:"json,ndjson,csv"`
}

type queryOut struct {
	Rows      []map[string]any `json:"rows" doc:"Columns of the same name are numbered: id, id_2."`
	Columns   []columnOut      `json:"columns"`
	Truncated bool             `json:"truncated" doc:"There are more rows than the limit, or than 8 MiB."`
}

func (a *api) query(w http.ResponseWriter, r *http.Request, in *queryIn) error {
	v, err := a.view(r.Context(), in.DB)
	if err != nil {
		return err
	}
	query, err := in.rowsQuery()
	if err != nil {
		return err
	}
	return runQuery(w, r, v, query, format(w, r, in.Format), in.Limit)
}

// runQuery responds with the rows of a query in one of the forms.
func runQuery(w http.ResponseWriter, r *http.Request, v *data.View, query sqlite.SQLiteQueryRowsConfig, form string, limit *int) error {
	if form == typeJSON {
		return queryJSON(w, r, v, query, limit)
	}
	rows := streamRowsMax
	if limit != nil {
		rows = *limit
	}
	out := &streamWriter{w: w, form: form}
	w.Header().Set("Trailer", truncatedHeader)
	truncated := false
	err := v.Guest(r.Context(), query.Query, func(ctx context.Context, db *sql.DB) error {
		if form == typeCSV {
			out.form += "; charset=utf-8"
			return sqlite.SQLiteQueryRows(ctx, db, query, func(found *sql.Rows) error {
				result, err := rowcsv.RowsCSVWrite(out, found, rowcsv.RowsCSVWriteConfig{MaxRows: rows, MaxBytes: streamBytesMax})
				truncated = result.Truncated
				return err
			})
		}
		result, err := sqlite.SQLiteQueryJSON(ctx, db, out, sqlite.SQLiteQueryJSONConfig{
			Query: query.Query, Named: query.Named, ReadOnly: true, Stored: true, NDJSON: true, MaxRows: rows, MaxBytes: streamBytesMax,
		})
		truncated = result.Truncated
		return err
	})
	if err != nil && !out.sent {
		w.Header().Del("Trailer")
	}
	if err := out.end(err); err != nil {
		return err
	}
	_, _ = out.Write(nil) // the head, where there are no rows
	w.Header().Set(truncatedHeader, strconv.FormatBool(truncated))
	return nil
}

func queryJSON(w http.ResponseWriter, r *http.Request, v *data.View, query sqlite.SQLiteQueryRowsConfig, limit *int) error {
	rows := queryRows
	if limit != nil {
		if rows = *limit; rows > queryRowsMax {
			return &core.Error{Code: core.CodeInvalid, Message: "JSON has 10000 rows at most", Hint: "take ?format=ndjson, which has up to a million"}
		}
	}
	began := time.Now()
	b := &buffer{bytes: append(make([]byte, 0, 4096), `{"rows":`...)}
	err := v.Guest(r.Context(), query.Query, func(ctx context.Context, db *sql.DB) error {
		result, err := sqlite.SQLiteQueryJSON(ctx, db, b, sqlite.SQLiteQueryJSONConfig{
			Query: query.Query, Named: query.Named, ReadOnly: true, Stored: true, MaxRows: rows, MaxBytes: queryBytes,
		})
		columns := make([]data.Column, len(result.Columns))
		for i, c := range result.Columns {
			columns[i] = data.Column{Name: c.Name, Type: c.Type}
		}
		e := encoder{}
		b.bytes = e.columns(append(b.bytes, `,"columns":`...), columns)
		b.bytes = strconv.AppendBool(append(b.bytes, `,"truncated":`...), result.Truncated)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Server-Timing", fmt.Sprintf("query;dur=%.1f", float64(time.Since(began).Microseconds())/1000))
	w.Header().Set("Content-Type", typeJSON)
	_, _ = w.Write(append(b.bytes, '}', '\n')) // the client is gone
	return nil
}

// buffer collects what is written.
type buffer struct{ bytes []byte }

func (b *buffer) Write(p []byte) (int, error) {
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

type explainOut struct {
	Steps []sqlite.SQLiteQueryPlanStep `json:"steps"`
}

func (a *api) explain(ctx context.Context, in *sqlIn) (*explainOut, error) {
	v, err := a.view(ctx, in.DB)
	if err != nil {
		return nil, err
	}
	query, err := in.rowsQuery()
	if err != nil {
		return nil, err
	}
	steps, err := v.Plan(ctx, query)
	if steps == nil {
		steps = []sqlite.SQLiteQueryPlanStep{}
	}
	return &explainOut{Steps: steps}, err
}

// sqlProblem shows what SQLite says of the caller's SQL, which errors of a
// driver otherwise keep to the log.
func sqlProblem(err error) error {
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || coded.Message != "" || coded.Err == nil {
		return err
	}
	switch coded.Code {
	case core.CodeInvalid, core.CodeForbidden, core.CodeTooLarge:
		return &core.Error{Code: coded.Code, Message: data.Message(err), Hint: coded.Hint, Err: err}
	case core.CodeTimeout:
		return &core.Error{Code: coded.Code, Message: "the query took too long and was stopped", Hint: "explain says what is slow", Err: err}
	}
	return err
}
