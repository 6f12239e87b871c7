package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"fnregistry.dev/functions/infra/http/httpsettings"
)

func TestRunsSQL(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/api/v1/shop/query": true, "/api/v1/shop/explain": true, "/api/v1/shop/queries/top": true, "/shop/sql": true, "/shop/queries/top": true,
		"/api/v1/shop/%71uery": true, "/%61pi/v1/shop/query": true, "/shop/%73ql": true, "/api/v1/shop/queries/changes": true,
		"/api/v1/a%2Fb/query": true, "/api/v1/shop/tables/query/rows": false, "/shop/tables/sql": false, "/": false, "/sql": false, "/api/v1/databases": false,
	} {
		if got := runsSQL(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestIsChanges(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/api/v1/shop/changes": true, "/api/v1/shop/%63hanges": true, "/api/v1/shop/queries/changes": false, "/api/v1/shop/tables/changes": false, "/shop/changes": false,
	} {
		if got := isChanges(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

// A client whose SQL takes all of its places still reads rows and streams
// changes, and others still run SQL.
func TestLimits(t *testing.T) {
	t.Parallel()
	running, end := make(chan string, 100), make(chan struct{})
	handler, err := limits(&httpsettings.HTTPSettings{})(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		running <- r.RemoteAddr + r.URL.Path
		<-end
	}))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	send := func(addr, path string) {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.RemoteAddr = addr
			handler.ServeHTTP(httptest.NewRecorder(), r)
		})
	}
	for range 50 {
		send("192.0.2.1:1", "/api/v1/shop/query")
	}
	<-running // one runs, and as many as a client may
	seen := map[string]bool{}
	for _, path := range []string{"/api/v1/shop/tables", "/api/v1/shop/changes"} {
		send("192.0.2.1:1", path)
	}
	send("192.0.2.2:1", "/api/v1/shop/query")
	for !seen["192.0.2.1:1/api/v1/shop/tables"] || !seen["192.0.2.1:1/api/v1/shop/changes"] || !seen["192.0.2.2:1/api/v1/shop/query"] {
		seen[<-running] = true
	}
	close(end)
	wg.Wait()
}
