package api

import (
	"context"
	"net/http"
	"net/url"

	"fnregistry.dev/functions/infra/http/httpapi"
)

// stored are the endpoints of stored queries.
func (a *api) stored() []httpapi.HTTPAPIEndpoint {
	return []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/queries", Name: "listQueries", Tag: "queries", Errors: queryStatuses,
			Summary: "The stored queries of a database, with their parameters",
		}, 0, a.listQueries),
		httpapi.HTTPAPIRaw(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/{db}/queries/{name}", Name: "runQuery", Tag: "queries", Errors: queryStatuses, Problem: sqlProblem,
			Summary:   "The rows of a stored query",
			Responses: []httpapi.HTTPAPIResponse{{Type: typeJSON, Go: typeOf[queryOut]()}, {Type: typeNDJSON}, {Type: typeCSV}},
			Headers:   []httpapi.HTTPAPIHeader{{Name: "Server-Timing", Doc: "How long the query took, of JSON alone."}},
		}, a.runStored),
	}
}

type storedOut struct {
	Queries []storedQuery `json:"queries"`
}

type storedQuery struct {
	Name       string            `json:"name" doc:"In its URL."`
	Title      string            `json:"title"`
	Doc        string            `json:"doc"`
	SQL        string            `json:"sql"`
	Parameters []storedParameter `json:"parameters"`
}

type storedParameter struct {
	Name     string `json:"name" doc:"Its parameter in the URL is p_ and the name."`
	Doc      string `json:"doc"`
	Default  string `json:"default"`
	Required bool   `json:"required" doc:"It has no default."`
}

func (a *api) listQueries(ctx context.Context, in *databaseIn) (*storedOut, error) {
	v, err := a.view(ctx, in.DB)
	if err != nil {
		return nil, err
	}
	queries, err := v.Queries(ctx)
	if err != nil {
		return nil, err
	}
	out := &storedOut{Queries: []storedQuery{}}
	for _, q := range queries {
		shown := storedQuery{Name: q.Name, Title: q.Title, Doc: q.Doc, SQL: q.SQL, Parameters: []storedParameter{}}
		for _, p := range q.Parameters {
			shown.Parameters = append(shown.Parameters, storedParameter(p))
		}
		out.Queries = append(out.Queries, shown)
	}
	return out, nil
}

type runStoredIn struct {
	databaseIn
	Name   string     `path:"name" json:"-" doc:"The query's name."`
	Values url.Values `query:"p_*" json:"-" doc:"p_name is the value of the parameter :name."`
	Limit  *int       `query:"limit" json:"-" doc:"Rows at most." min:"1" max:"1000000"`
	Format string     `query:"format" json:"-" doc:"The form of the response, instead of by Accept." enum:"json,ndjson,csv"`
}

func (a *api) runStored(w http.ResponseWriter, r *http.Request, in *runStoredIn) error {
	v, err := a.view(r.Context(), in.DB)
	if err != nil {
		return err
	}
	q, err := v.Query(r.Context(), in.Name)
	if err != nil {
		return err
	}
	values, err := named(in.Values)
	if err != nil {
		return err
	}
	query, err := q.Rows(values)
	if err != nil {
		return err
	}
	return runQuery(w, r, v, query, format(w, r, in.Format), in.Limit)
}
