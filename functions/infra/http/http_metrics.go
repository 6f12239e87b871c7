package http

import (
	"net/http"
	"strconv"
	"strings"

	"fnregistry.dev/functions/infra/metrics"
)

// HTTPMetrics adds the metrics that every server has to page, and returns what
// counts a request, for Observe of [HTTPStackConfig]:
//
//   - http_requests_total, by method, route and status
//   - http_request_duration_seconds, a histogram from 0.5 ms to 5 s, by method
//     and route
//
// The route is the pattern of http.ServeMux without its method, empty for paths
// that have none, and methods other than the common ones are "other", so that
// clients can't make series of their own.
//
// It panics where page has another metric of these names, as page does.
//
// More in http_metrics.md:
//   - Two servers on one page count into the same metrics.
//   - Requests without a route, such as those for an unknown path, share the
//     empty one.
func HTTPMetrics(page *metrics.MetricsTextRegistry) func(HTTPAccessLogRecord) {
	requests := page.Counter("http_requests_total", "Requests answered.", "method", "route", "status")
	latency := page.Histogram("http_request_duration_seconds", "Time from a request's header to the end of its response.",
		[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}, "method", "route")
	return func(r HTTPAccessLogRecord) {
		method := r.Method
		switch method {
		case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		default:
			method = "other" // clients may send any word
		}
		route := r.Pattern
		if _, path, ok := strings.Cut(route, " "); ok {
			route = path
		}
		requests.Inc(method, route, strconv.Itoa(r.Status))
		latency.Observe(r.Duration.Seconds(), method, route)
	}
}
