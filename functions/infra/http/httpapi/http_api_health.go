package httpapi

import (
	"context"
	"net/http"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// HTTPAPIHealth makes the endpoints /healthz, /readyz and, where health has
// metrics, /metrics. The first two need no token.
//
// More in http_api_health.md:
//   - /healthz and /readyz need no token, /metrics does. http_stack has the
//     same default.
func HTTPAPIHealth(health *fnhttp.HTTPHealthHandle) []HTTPAPIEndpoint {
	endpoints := []HTTPAPIEndpoint{
		HTTPAPIJSON(HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/healthz", Name: "getHealth", Tag: "server", Public: true, Summary: "Whether the server runs",
		}, 0, func(ctx context.Context, _ *struct{}) (*fnhttp.HTTPHealthReport, error) { return health.Live(ctx) }),
		HTTPAPIJSON(HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/readyz", Name: "getReadiness", Tag: "server", Public: true,
			Summary:     "Whether what the server needs works, so that it can answer",
			Description: "While it can't, checks in the problem says what of it does not work.",
			Errors:      map[int]string{http.StatusServiceUnavailable: "Not ready; checks has what was found."},
		}, 0, func(ctx context.Context, _ *struct{}) (*fnhttp.HTTPHealthReport, error) { return health.Ready(ctx) }),
	}
	if health.Metrics() == nil {
		return endpoints
	}
	return append(endpoints, HTTPAPIRaw(HTTPAPIEndpoint{
		Method: http.MethodGet, Path: "/metrics", Name: "getMetrics", Tag: "server",
		Summary: "Metrics in Prometheus' text format", Responses: []HTTPAPIResponse{{Type: "text/plain"}},
	}, func(w http.ResponseWriter, r *http.Request, _ *struct{}) error {
		health.Metrics().ServeHTTP(w, r)
		return nil
	}))
}
