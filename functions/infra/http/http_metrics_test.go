package http_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/metrics"
)

func TestHTTPMetrics(t *testing.T) {
	t.Parallel()
	page := metrics.MetricsText(metrics.MetricsTextConfig{})
	mux := http.NewServeMux()
	mux.Handle("/units/{id}", text("unit"))
	mux.HandleFunc("GET /fails", func(w http.ResponseWriter, r *http.Request) { fnhttp.HTTPProblem(w, r, nil) })
	mux.Handle("GET /metrics", page)
	handler, err := fnhttp.HTTPStack(mux, fnhttp.HTTPStackConfig{
		Access: fnhttp.HTTPStackPublic, Logger: slog.New(slog.DiscardHandler), Observe: fnhttp.HTTPMetrics(page),
	})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path string) string {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(method, "http://localhost"+path, nil))
		return recorder.Body.String()
	}
	for _, id := range []string{"1", "2", "3"} {
		send("GET", "/units/"+id)
	}
	send("PUT", "/units/1")
	send("BREW", "/units/1")
	send("BREW2", "/units/1")
	send("GET", "/fails")
	send("GET", "/random/1")
	send("GET", "/random/2")
	got := send("GET", "/metrics")
	for _, want := range []string{
		`http_requests_total{method="GET",route="/units/{id}",status="200"} 3`,
		`http_requests_total{method="PUT",route="/units/{id}",status="200"} 1`,
		`http_requests_total{method="other",route="/units/{id}",status="200"} 2`,
		`http_requests_total{method="GET",route="/fails",status="500"} 1`,
		`http_requests_total{method="GET",route="",status="404"} 2`,
		`http_request_duration_seconds_count{method="GET",route="/units/{id}"} 3`,
		`http_request_duration_seconds_bucket{method="GET",route="/units/{id}",le="5"} 3`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
}
