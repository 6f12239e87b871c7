package main

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"fnregistry.dev/apps/sqlite_api/api"
	"fnregistry.dev/apps/sqlite_api/data"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/mcp"
	"fnregistry.dev/functions/infra/program"
)

const mcpHelp = `The tools only read, with the limits of the HTTP API: tables, table, rows, row, facets,
query and explain, and databases if there are several files. To set it up, give your
agent this command:

  {"mcpServers": {"shop": {"command": "sqlite_api", "args": ["mcp", "/path/to/shop.db"]}}}

It ends when stdin ends.`

const mcpInstructions = `This server reads SQLite databases. It can't change them.

1. Call "tables" first: it lists tables and views with their columns, keys, foreign keys and number of rows.
   "table" has one of them.
2. "rows" gives a sample of a table, filtered and sorted; "facets" counts the values of a column; "row" has one row
   and what it is linked with.
3. "query" runs one SELECT. Pass values as parameters (:name in the SQL, "values": {"name": "..."}), and aggregate in
   SQL rather than fetch rows.
4. If a query is slow, "explain" says why.
Answers have at most 256 kB: name the columns that you need, and use limit.`

// mcpOptions are those of the command mcp: none.
type mcpOptions struct{}

// serveMCP is the command mcp: the API's own endpoints as tools.
func serveMCP(ctx context.Context, call program.ProgramCall[*mcpOptions]) (err error) {
	set, err := data.Open(ctx, data.Config{Files: call.Args})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	tools, err := mcpTools(set, call.Version)
	if err != nil {
		return err
	}
	err = mcp.MCPServe(ctx, call.Stdin, call.Stdout, mcp.MCPServeConfig{
		Name: "sqlite_api", Version: call.Version, Instructions: mcpInstructions, Tools: tools,
	})
	if errors.Is(err, context.Canceled) { // stopped, or nobody reads
		return nil
	}
	return err
}

func mcpTools(set *data.Set, version string) ([]mcp.MCPServeTool, error) {
	endpoints := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "sqlite_api", Version: version, Access: fnhttp.HTTPStackPublic,
		Schemas: api.Schemas(), Endpoints: api.Endpoints(api.Config{Set: set}),
	})
	mux := http.NewServeMux()
	endpoints.Mount(mux)
	handler := fnhttp.HTTPRecover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(data.WithAccess(r.Context(), data.Local)))
	}), fnhttp.HTTPRecoverConfig{})
	cfg := mcp.MCPHTTPToolsConfig{Document: endpoints.Document(), Handler: handler}
	// With one database the agent need not name it.
	only := map[string]string{}
	if views := set.Views(data.Local); len(views) == 1 {
		only["db"] = views[0].Name()
	} else {
		cfg.Tools = append(cfg.Tools, mcp.MCPHTTPToolsEntry{Operation: "listDatabases", Name: "databases"})
	}
	sample := map[string]string{"limit": "20"}
	asJSON := maps.Clone(only)
	asJSON["format"] = "json"
	values := map[string]string{"p_": "values"}
	cfg.Tools = append(cfg.Tools,
		mcp.MCPHTTPToolsEntry{Operation: "listTables", Name: "tables", Set: only},
		mcp.MCPHTTPToolsEntry{Operation: "getTable", Name: "table", Set: only},
		mcp.MCPHTTPToolsEntry{Operation: "listRows", Name: "rows", Set: asJSON, Default: sample, Description: rowsTool},
		mcp.MCPHTTPToolsEntry{Operation: "getRow", Name: "row", Set: only},
		mcp.MCPHTTPToolsEntry{Operation: "listFacets", Name: "facets", Set: only},
		mcp.MCPHTTPToolsEntry{
			Operation: "query", Name: "query", Set: asJSON, Rename: values,
			Default: map[string]string{"limit": "100"}, Description: queryTool,
		},
		mcp.MCPHTTPToolsEntry{Operation: "explain", Name: "explain", Set: only, Rename: values},
	)
	return mcp.MCPHTTPTools(cfg)
}

const rowsTool = `Rows of a table or view, filtered and sorted, page by page. filters are by column, in ` +
	`PostgREST's operators: {"age": "gte.18", "name": "ilike.*an*", "id": "in.(1,2)", "at": "is.null", ` +
	`"data->>city": "eq.Paris", "or": "(age.lt.18,age.gt.65)"}; each holds. ` +
	`Whole numbers beyond 2^53 are strings; a blob is an object with its size. A row's _key is for the tool row.`

const queryTool = `The rows of one statement that only reads: SELECT, VALUES, WITH or EXPLAIN. values are those of ` +
	`its parameters (:name), as texts, which SQLite converts where they are compared with a column. ` +
	`truncated says that there are more rows. It runs for 10 s at most.`
