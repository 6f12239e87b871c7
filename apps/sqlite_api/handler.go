package main

import (
	"context"
	"net/http"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/page"
	"fnregistry.dev/functions/infra/program"
)

// newHandler puts the API, the pages and what stands before them together.
func newHandler(call program.ProgramCall[*settings]) (http.Handler, error) {
	counted := metrics.MetricsText(metrics.MetricsTextConfig{})
	health, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{Metrics: counted}) // Checks are what it needs to be ready
	if err != nil {
		return nil, err
	}
	stack := call.Settings.Stack()
	now := running{Version: call.Version, Started: time.Now()}
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "sqlite_api", Version: call.Version, Access: stack.Access,
		Endpoints: append([]httpapi.HTTPAPIEndpoint{now.endpoint()}, httpapi.HTTPAPIHealth(health)...),
	})
	mux := http.NewServeMux()
	api.Mount(mux)
	mux.Handle("GET /assets/", page.PageAssets())
	mux.Handle("GET /favicon.ico", page.PageAssets())
	mux.HandleFunc("GET /{$}", now.page)
	stack.Open = append(api.OpenPatterns(), "GET /assets/", "GET /favicon.ico") // the login's page loads them
	stack.Login = fnhttp.HTTPLogin(login)
	stack.Logger, stack.Observe = call.Log, fnhttp.HTTPMetrics(counted)
	return fnhttp.HTTPStack(fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{NotFound: notFound(api.NotFound)}), stack)
}

// running is what can be said of the program as long as it does nothing else.
type running struct {
	Version string    `json:"version" doc:"The program's, and Go's."`
	Started time.Time `json:"started" doc:"Since when it runs."`
}

func (now *running) endpoint() httpapi.HTTPAPIEndpoint {
	return httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
		Method: http.MethodGet, Path: "/api/v1/running", Name: "getRunning", Tag: "sqlite_api", Summary: "Which version runs, and since when",
	}, 0, func(context.Context, *struct{}) (*running, error) { return now, nil })
}
