package http_test

import (
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
	mux.HandleFunc("GET /notes/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	handler, err := fnhttp.HTTPStack(mux, fnhttp.HTTPStackConfig{Observe: fnhttp.HTTPMetrics(page)})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(handler http.Handler, method, path string) string {
		r := httptest.NewRequest(method, "http://127.0.0.1"+path, nil)
		r.RemoteAddr = "127.0.0.1:5"
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w.Body.String()
	}
	ask(handler, "GET", "/notes/a")
	ask(handler, "GET", "/notes/b")
	ask(handler, "DELETE", "/notes/b")
	ask(handler, "GUESS", "/nothing")
	text := ask(page, "GET", "/metrics")
	for _, want := range []string{
		`http_requests_total{method="GET",route="/notes/{id}",status="418"} 2`,
		`http_requests_total{method="DELETE",route="",status="405"} 1`,
		`http_requests_total{method="other",route="",status="404"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/notes/{id}"} 2`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
