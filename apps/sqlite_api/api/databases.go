package api

import (
	"context"
	"net/http"
	"os"
	"time"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/sqlite"
)

// databases are the endpoints that describe databases and their tables.
func (a *api) databases() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/databases", Name: "listDatabases", Tag: "databases",
			Summary: "The databases that the caller may read", Errors: statuses,
		}, 0, a.listDatabases),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}", Name: "getDatabase", Tag: "databases",
			Summary: "One database", Errors: statuses,
		}, 0, a.getDatabase),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/tables", Name: "listTables", Tag: "tables",
			Summary: "The tables and views of a database, with their columns, keys, indexes and triggers", Errors: statuses,
			Description: "rows is exact where counting takes no longer than some milliseconds, else an estimate, and exact says which.",
		}, 0, a.listTables),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/tables/{table}", Name: "getTable", Tag: "tables",
			Summary: "One table or view", Errors: statuses,
		}, 0, a.getTable),
	}
}

type databasesOut struct {
	Databases []databaseOut `json:"databases"`
}

type databaseOut struct {
	Name  string `json:"name" doc:"Its name in URLs."`
	Bytes int64  `json:"bytes" doc:"The size of its file, without a -wal beside it."`
	Write bool   `json:"write" doc:"Whether it is served for writing, too."`
}

func newDatabase(v *data.View) databaseOut {
	out := databaseOut{Name: v.Name(), Write: v.Writable()}
	if info, err := os.Stat(v.Path()); err == nil { // one that is gone is shown, too
		out.Bytes = info.Size()
	}
	return out
}

func (a *api) listDatabases(ctx context.Context, _ *struct{}) (*databasesOut, error) {
	out := &databasesOut{Databases: []databaseOut{}}
	for _, v := range a.set.Views(data.AccessFrom(ctx)) {
		out.Databases = append(out.Databases, newDatabase(v))
	}
	return out, nil
}

type databaseIn struct {
	DB string `path:"db" json:"-" doc:"The database's name."`
}

// view is the database as the caller sees it.
func (a *api) view(ctx context.Context, db string) (*data.View, error) {
	return a.set.View(data.AccessFrom(ctx), db)
}

func (a *api) getDatabase(ctx context.Context, in *databaseIn) (*databaseOut, error) {
	v, err := a.view(ctx, in.DB)
	if err != nil {
		return nil, err
	}
	out := newDatabase(v)
	return &out, nil
}

type tablesOut struct {
	Tables []tableOut `json:"tables"`
}

// tableOut is a table as sqlite_schema describes it, and what else is known.
type tableOut struct {
	sqlite.SQLiteSchemaTable
	Rows   countOut `json:"rows"`
	Search string   `json:"search" doc:"The full-text table that the parameter search uses; empty: there is none."`
	Write  bool     `json:"write" doc:"Whether the caller may change its rows."`
}

type countOut struct {
	Rows  int64 `json:"rows"`
	Exact bool  `json:"exact"`
	Known bool  `json:"known" doc:"false: there is not even an estimate, and rows is 0."`
}

// countTime bounds how long the tables of a list are counted, all together and
// each; those that are left are estimated.
const (
	countTimeAll = 200 * time.Millisecond
	countTimeOne = 50 * time.Millisecond
)

func (a *api) listTables(ctx context.Context, in *databaseIn) (*tablesOut, error) {
	v, err := a.view(ctx, in.DB)
	if err != nil {
		return nil, err
	}
	tables, err := v.Tables(ctx)
	if err != nil {
		return nil, err
	}
	out := &tablesOut{Tables: make([]tableOut, len(tables))}
	until := time.Now().Add(countTimeAll)
	for i, t := range tables {
		if out.Tables[i], err = describe(ctx, v, t, min(countTimeOne, time.Until(until))); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type tableIn struct {
	databaseIn
	Table string `path:"table" json:"-" doc:"The table's or view's name."`
}

func (a *api) getTable(ctx context.Context, in *tableIn) (*tableOut, error) {
	v, t, err := a.table(ctx, in)
	if err != nil {
		return nil, err
	}
	out, err := describe(ctx, v, t, countTimeAll)
	return &out, err
}

// table is a table as the caller sees it.
func (a *api) table(ctx context.Context, in *tableIn) (*data.View, sqlite.SQLiteSchemaTable, error) {
	v, err := a.view(ctx, in.DB)
	if err != nil {
		return nil, sqlite.SQLiteSchemaTable{}, err
	}
	t, err := v.Table(ctx, in.Table)
	return v, t, err
}

func describe(ctx context.Context, v *data.View, t sqlite.SQLiteSchemaTable, within time.Duration) (tableOut, error) {
	out := tableOut{SQLiteSchemaTable: listed(t), Write: v.CanWrite(t.Name)}
	index, ok, err := v.SearchTable(ctx, t)
	if err != nil {
		return out, err
	}
	if ok {
		out.Search = index.Name
	}
	if t.Problem != "" {
		return out, nil
	}
	count, err := v.Count(ctx, t.Name, data.RowsRequest{}, within, within <= 0)
	if err == nil {
		out.Rows = countOut(count)
	}
	return out, ctx.Err() // a view whose rows can't be read is described all the same
}

// listed is a table whose lists are empty where there are none: null is no
// list.
func listed(t sqlite.SQLiteSchemaTable) sqlite.SQLiteSchemaTable {
	t.Columns, t.Key, t.ForeignKeys, t.ReferencedBy = orEmpty(t.Columns), orEmpty(t.Key), orEmpty(t.ForeignKeys), orEmpty(t.ReferencedBy)
	t.Indexes, t.Triggers = orEmpty(t.Indexes), orEmpty(t.Triggers)
	return t
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
