package main

import (
	"net/http"
	"strings"

	"fnregistry.dev/apps/sqlite_api/api"
	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/apps/sqlite_api/web"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/program"
)

// newHandler puts the API, the pages and what stands before them together.
func newHandler(call program.ProgramCall[*settings], set *data.Set) (http.Handler, error) {
	counted := metrics.MetricsText(metrics.MetricsTextConfig{})
	health, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{Metrics: counted})
	if err != nil {
		return nil, err
	}
	stack := call.Settings.Stack()
	endpoints := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "sqlite_api", Version: call.Version, Access: stack.Access,
		Endpoints: append(api.Endpoints(api.Config{Set: set}), httpapi.HTTPAPIHealth(health)...),
	})
	mux := http.NewServeMux()
	endpoints.Mount(mux)
	pages := web.New(set)
	pages.Mount(mux)
	notFound := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			endpoints.NotFound(w, r)
			return
		}
		pages.NotFound(w, r)
	})
	stack.Public = pages.Public()
	stack.Login = fnhttp.HTTPLogin(web.Login)
	stack.Logger, stack.Observe = call.Log, fnhttp.HTTPMetrics(counted)
	return endpoints.Stack(asLocal(fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{NotFound: notFound})), stack)
}

// asLocal gives every caller that the stack lets in full access.
func asLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known := r.WithContext(data.WithAccess(r.Context(), data.Local))
		next.ServeHTTP(w, known)
		r.Pattern = known.Pattern // for the log and the metrics
	})
}
