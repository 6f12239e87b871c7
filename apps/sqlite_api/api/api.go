// Package api has the endpoints of sqlite_api.
package api

import (
	"context"
	"net/http"
	"slices"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/http/httpapi"
)

// Config is what the endpoints answer from.
type Config struct {
	Set *data.Set
}

// Endpoints are all endpoints under /api/v1.
func Endpoints(cfg Config) []httpapi.HTTPAPIEndpoint {
	a := &api{cfg: cfg}
	endpoints := []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/api/v1/databases", Name: "listDatabases", Tag: "databases", Summary: "The databases that the caller may read",
		}, 0, a.listDatabases),
	}
	return slices.Concat(endpoints, a.writeEndpoints(), a.changesEndpoints())
}

type api struct {
	cfg Config
}

type databases struct {
	Databases []database `json:"databases"`
}

type database struct {
	Name  string `json:"name" doc:"Its name in URLs."`
	Write bool   `json:"write" doc:"Whether it is served for writing, too."`
}

func (a *api) listDatabases(ctx context.Context, _ *struct{}) (*databases, error) {
	out := &databases{Databases: []database{}}
	for _, v := range a.cfg.Set.Views(data.AccessFrom(ctx)) {
		out.Databases = append(out.Databases, database{Name: v.Name(), Write: v.Writable()})
	}
	return out, nil
}
