package main

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"fnregistry.dev/apps/sqlite_api/api"
	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/apps/sqlite_api/web"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/http/httpsettings"
	"fnregistry.dev/functions/infra/metrics"
	"fnregistry.dev/functions/infra/program"
)

// newHandler puts the API, the pages and what stands before them together.
func newHandler(call program.ProgramCall[*settings], set *data.Set, known *tokens) (http.Handler, error) {
	counted := metrics.MetricsText(metrics.MetricsTextConfig{})
	health, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{Metrics: counted, Checks: []fnhttp.HTTPHealthCheck{{Name: "files", Check: set.Check}}})
	if err != nil {
		return nil, err
	}
	stack := call.Settings.Stack()
	stack.Named, stack.MaxBodyBytes = known.named, api.MaxWriteBytes
	stack.CORS = fnhttp.HTTPCORSConfig{Origins: call.Settings.CORS}
	stack.Limits = append(stack.Limits, limits(&call.Settings.HTTPSettings))
	endpoints := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "sqlite_api", Version: call.Version, Access: stack.Access,
		Schemas:   api.Schemas(),
		Endpoints: append(api.Endpoints(api.Config{Set: set}), httpapi.HTTPAPIHealth(health)...),
	})
	apiMux, pageMux := http.NewServeMux(), http.NewServeMux()
	endpoints.Mount(apiMux)
	pages := web.New(set, len(stack.Tokens)+len(stack.Named) > 0)
	pages.Mount(pageMux)
	forPrograms := fnhttp.HTTPIdempotency(
		fnhttp.HTTPMux(apiMux, fnhttp.HTTPMuxConfig{NotFound: http.HandlerFunc(endpoints.NotFound)}),
		fnhttp.HTTPIdempotencyConfig{Caller: func(r *http.Request) string { return data.AccessFrom(r.Context()).Name }})
	forPeople := fnhttp.HTTPMux(pageMux, fnhttp.HTTPMuxConfig{NotFound: http.HandlerFunc(pages.NotFound)})
	both := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isAPI(r.URL.Path) {
			forPrograms.ServeHTTP(w, r)
			return
		}
		forPeople.ServeHTTP(w, r)
	})
	stack.Public = pages.Public()
	stack.Login = fnhttp.HTTPLogin(web.Login)
	stack.Logger, stack.Observe = call.Log, fnhttp.HTTPMetrics(counted)
	return endpoints.Stack(withAccess(both, known), stack)
}

// isAPI reports whether a path is the API's, and not that of a page, whose
// first element is the name of a database.
func isAPI(path string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return slices.Contains([]string{"api", "healthz", "metrics", "openapi.json", "readyz"}, first)
}

// withAccess puts the caller's access into a request's context. It changes r
// itself rather than a copy: the mux writes the pattern, which the access log
// reads, into r.
func withAccess(next http.Handler, known *tokens) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*r = *r.WithContext(data.WithAccess(r.Context(), known.of(r.Context())))
		next.ServeHTTP(w, r)
	})
}

// The most streams of changes at once, in total and of one address.
const (
	streamsTotal     = 1024
	streamsPerClient = 64
)

// limits bounds how many requests run at once: of all kinds, of SQL from
// outside, which takes a core each, and of streams, which run for hours.
func limits(settings *httpsettings.HTTPSettings) func(http.Handler) (http.Handler, error) {
	return func(next http.Handler) (http.Handler, error) {
		cfg := fnhttp.HTTPConcurrencyLimitConfig{Total: 256, PerClient: 64, Queue: 1024, Wait: 10 * time.Second}
		if settings.BehindProxy {
			cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
		}
		all, err := fnhttp.HTTPConcurrencyLimit(next, cfg)
		if err != nil {
			return nil, err
		}
		cfg.Total = max(2, runtime.GOMAXPROCS(0))
		cfg.PerClient = max(1, cfg.Total/2)
		queries, err := fnhttp.HTTPConcurrencyLimit(next, cfg)
		if err != nil {
			return nil, err
		}
		cfg.Total, cfg.PerClient, cfg.Queue = streamsTotal, streamsPerClient, -1
		cfg.Refusal = &core.Error{
			Code: core.CodeUnavailable, Message: fmt.Sprintf("too many streams are open: %d are allowed, %d of them of one address", streamsTotal, streamsPerClient),
			Hint: "close those that are no longer read; one stream has the changes of all tables of a database", RetryAfter: 5 * time.Second,
		}
		streams, err := fnhttp.HTTPConcurrencyLimit(next, cfg)
		if err != nil {
			return nil, err
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case isChanges(r.URL.EscapedPath()):
				streams.ServeHTTP(w, r)
			case runsSQL(r.URL.EscapedPath()):
				queries.ServeHTTP(w, r)
			default:
				all.ServeHTTP(w, r)
			}
		}), nil
	}
}

// runsSQL reports whether a path is one that runs SQL from outside:
// /api/v1/{db}/query, explain and queries, and pages /{db}/sql and queries.
func runsSQL(path string) bool {
	parts := elements(path)
	return len(parts) >= 2 && slices.Contains([]string{"query", "explain", "queries", "sql"}, parts[1])
}

// isChanges reports whether a path is /api/v1/{db}/changes.
func isChanges(path string) bool {
	parts := unescaped(path)
	return len(parts) == 4 && parts[0] == "api" && parts[1] == "v1" && parts[3] == "changes"
}

// elements are a path's elements, without those of the API in front.
func elements(path string) []string {
	parts := unescaped(path)
	if len(parts) > 2 && parts[0] == "api" && parts[1] == "v1" {
		return parts[2:]
	}
	return parts
}

// unescaped are a path's elements as the mux compares them.
func unescaped(path string) []string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		if plain, err := url.PathUnescape(part); err == nil {
			parts[i] = plain
		}
	}
	return parts
}
