// Package api has the endpoints of sqlite_api.
package api

import (
	"net/http"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/infra/http/httpapi"
)

// Config is what the endpoints answer from.
type Config struct {
	Set *data.Set
}

// Endpoints are all endpoints under /api/v1.
func Endpoints(cfg Config) []httpapi.HTTPAPIEndpoint {
	a := &api{set: cfg.Set}
	var all []httpapi.HTTPAPIEndpoint
	for _, some := range [][]httpapi.HTTPAPIEndpoint{a.databases(), a.rows(), a.queries(), a.stored(), a.writeEndpoints(), a.changesEndpoints()} {
		all = append(all, some...)
	}
	return all
}

type api struct {
	set *data.Set
}

// statuses are the errors that an endpoint of a table's rows may have besides
// those of all endpoints.
var statuses = map[int]string{
	http.StatusNotFound:            "There is no such database, table or row, or the caller may not read it.",
	http.StatusConflict:            "Several rows have this key.",
	http.StatusServiceUnavailable:  "The database is locked, or too many queries run: try again.",
	http.StatusGatewayTimeout:      "It took too long.",
	http.StatusInternalServerError: "The file is damaged, or can't be read.",
}
