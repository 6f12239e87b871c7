package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

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

// Readers of large values that take nothing don't fill the memory, and rows
// without them come meanwhile.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	path := makeFile(t, "shop.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, b)", "INSERT INTO t VALUES (1, zeroblob(40000000)), (2, 'x')")
	url := start(t, path).URL
	stalled := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET %st/rows/1/columns/b HTTP/1.1\r\nHost: localhost\r\n\r\n", tables)
		return conn
	}
	first := stalled()
	if _, err := io.ReadFull(first, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	second := stalled()
	if err := second.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a second large value came beside the first: %v", err)
	}
	caller{t, url, ""}.want(200, `"b":"x"`, "GET", tables+"t/rows/2", "")
	first.Close()
	if err := second.SetReadDeadline(time.Now().Add(9 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(second, make([]byte, 1000)); err != nil {
		t.Error("the second came to nothing after the first: ", err)
	}
}

// A table of as many columns as SQLite allows says what to do.
func TestManyColumns(t *testing.T) {
	t.Parallel()
	columns := make([]string, 2000)
	for i := range columns {
		columns[i] = fmt.Sprintf("c%d", i)
	}
	path := makeFile(t, "shop.db", "CREATE TABLE wide ("+strings.Join(columns, ", ")+")", "INSERT INTO wide (c7) VALUES (5)")
	c := caller{t, start(t, path).URL, ""}
	c.want(400, "too many columns", "GET", tables+"wide/rows", "")
	c.want(200, `"c7":5`, "GET", tables+"wide/rows?select=c7", "")
}
