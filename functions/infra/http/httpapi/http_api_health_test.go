package httpapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
)

func TestHTTPAPIHealth_Endpoints(t *testing.T) {
	t.Parallel()
	synctest.Test(t, healthEndpoints)
}

func healthEndpoints(t *testing.T) {
	var broken error
	h, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{
		Checks:  []fnhttp.HTTPHealthCheck{{Name: "database", Check: func(context.Context) error { return broken }}},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") }),
	})
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{Title: "test", Version: "1", Endpoints: httpapi.HTTPAPIHealth(h)})
	var public []string
	for _, e := range api.Endpoints() {
		if e.Public {
			public = append(public, e.Method+" "+e.Path)
		}
	}
	if !slices.Equal(public, []string{"GET /healthz", "GET /readyz"}) {
		t.Errorf("public are %v", public)
	}
	handler := serve(httpapi.HTTPAPIHealth(h)...)
	for path, want := range map[string]string{"/healthz": `{"status":"ok","checks":[]}`, "/readyz": `{"status":"ready","checks":[{"name":"database","status":"ok"}]}`, "/metrics": "up 1"} {
		if got := ask(handler, "GET", path, ""); got.Code != 200 || strings.TrimSpace(got.Body.String()) != want {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	broken = errors.New("s3cret")
	time.Sleep(time.Second) // until the good result is too old
	if got := ask(handler, "GET", "/readyz", ""); got.Code != 503 || got.Header().Get("Retry-After") != "1" || strings.Contains(got.Body.String(), "s3cret") {
		t.Errorf("%d %v %s", got.Code, got.Header(), got.Body)
	}
	without, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(httpapi.HTTPAPIHealth(without)); got != 2 {
		t.Errorf("%d endpoints without metrics", got)
	}
}
