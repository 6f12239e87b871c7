package http

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/infra/metrics"
)

// HTTPMetrics returns what counts requests in registry: give it to
// [HTTPStackConfig.Observe] or [HTTPAccessLogConfig.Observe]. The metrics are
//
//   - http_requests_total{method,route,status}
//   - http_request_duration_seconds{method,route}, a histogram from 0.5 ms to 5 s
//
// A route is the path of the pattern that matched, empty where none did. A method
// that is none of HTTP's is "other", since clients may send any word. It panics
// where registry has other metrics of these names.
//
// More in http_metrics.md:
//   - A route is a pattern, never a path: paths are as many as clients like.
//   - Health checks are counted, too, although the access log leaves them out.
func HTTPMetrics(registry *metrics.MetricsTextRegistry) func(HTTPAccessLogRecord) {
	requests := registry.Counter("http_requests_total", "Requests answered.", "method", "route", "status")
	latency := registry.Histogram("http_request_duration_seconds", "Time from a request's header to the end of its answer.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}, "method", "route")
	return func(r HTTPAccessLogRecord) {
		method, route := r.Method, r.Pattern
		if !slices.Contains(knownMethods, method) {
			method = "other"
		}
		if _, path, ok := strings.Cut(route, " "); ok {
			route = path
		}
		requests.Inc(method, route, strconv.Itoa(r.Status))
		latency.Observe(r.Duration.Seconds(), method, route)
	}
}

var knownMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}
