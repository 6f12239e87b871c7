package api_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"fnregistry.dev/apps/sqlite_api/api"
	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/apps/sqlite_api/web"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// fuzzed serves a file without a network. Its statements change the file.
func fuzzed(f *testing.F, name string, statements ...string) (http.Handler, *sqliteopen.SQLiteOpenHandle) {
	f.Helper()
	path := filepath.Join(f.TempDir(), name)
	db, err := sqliteopen.SQLiteOpen(f.Context(), sqliteopen.SQLiteOpenConfig{Path: path, Synchronous: "OFF"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	for _, q := range statements {
		if _, err := db.Writer.ExecContext(f.Context(), q); err != nil {
			f.Fatal(err)
		}
	}
	set, err := data.Open(context.Background(), data.Config{Files: []string{path}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = set.Close() })
	endpoints := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{Title: "sqlite_api", Version: "1", Schemas: api.Schemas(), Endpoints: api.Endpoints(api.Config{Set: set})})
	programs, people := http.NewServeMux(), http.NewServeMux()
	endpoints.Mount(programs)
	web.New(set, true).Mount(people)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux := people
		if strings.HasPrefix(r.URL.Path, "/api/") {
			mux = programs
		}
		fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{}).ServeHTTP(w, r.WithContext(data.WithAccess(r.Context(), data.Local)))
	})
	return handler, db
}

// ask sends a request of a program on this machine.
func ask(handler http.Handler, target *url.URL, accept string) *httptest.ResponseRecorder {
	r := &http.Request{
		Method: http.MethodGet, URL: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Host: "127.0.0.1", RemoteAddr: "127.0.0.1:1", Header: http.Header{}, Body: http.NoBody, RequestURI: target.RequestURI(),
	}
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r.WithContext(context.Background()))
	return w
}

// checkForm holds a body against the type that it has.
func checkForm(t *testing.T, w *httptest.ResponseRecorder, what string) {
	t.Helper()
	body := w.Body.String()
	switch kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";"); kind {
	case "application/json", "application/problem+json":
		if !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%s: %q is no JSON", what, body)
		}
	case "application/x-ndjson":
		for line := range strings.Lines(body) {
			if !json.Valid([]byte(line)) {
				t.Fatalf("%s: %q is no JSON", what, line)
			}
		}
	case "text/csv":
		r := csv.NewReader(strings.NewReader(body))
		r.FieldsPerRecord = -1
		if _, err := r.ReadAll(); err != nil {
			t.Fatalf("%s: %q is no CSV: %v", what, body, err)
		}
	default:
		t.Fatalf("%s: %d, type %q", what, w.Code, kind)
	}
}

// Whatever the parameters and headers of a request are, rows come in a form
// that they may have, or a problem that is the caller's fault.
func FuzzRows(f *testing.F) {
	schema, err := os.ReadFile("../testdata/shop.sql")
	if err != nil {
		f.Fatal(err)
	}
	handler, _ := fuzzed(f, "shop.db", string(schema))
	first := ask(handler, &url.URL{Path: "/api/v1/shop/tables/mixed/rows", RawQuery: "limit=1&order=v"}, "")
	var page struct{ Next string }
	if err := json.Unmarshal(first.Body.Bytes(), &page); err != nil || page.Next == "" {
		f.Fatal(first)
	}
	for _, query := range []string{
		"", "limit=2&count=exact", "order=v&cursor=" + page.Next, "k=eq.1&v=not.is.null", "or=(k.eq.1,and(v.like.*a*,k.in.(1,2)))", "select=k,x:v&order=v.desc.nullslast",
		"search=x", "v->>a=eq.1", "offset=3&format=csv", "%22limit%22=eq.5", "k=gte.9007199254740993&format=ndjson",
	} {
		f.Add("mixed", query, "text/csv;q=0.5, application/*;q=0.1")
		f.Add("album", query, "application/x-ndjson")
		f.Add("v", query, "*/*")
	}
	f.Fuzz(func(t *testing.T, table, query, accept string) {
		target := &url.URL{Path: "/api/v1/shop/tables/" + table + "/rows", RawPath: "/api/v1/shop/tables/" + url.PathEscape(table) + "/rows", RawQuery: query}
		w := ask(handler, target, accept)
		if w.Code >= 500 || w.Code < 200 {
			t.Fatalf("%q %q: %d %s", table, query, w.Code, w.Body)
		}
		if w.Code >= 300 && w.Code < 400 { // the mux cleans a path
			return
		}
		checkForm(t, w, query)
	})
}

// A row's key is the caller's text: it opens a row, or is refused.
func FuzzRowByKey(f *testing.F) {
	schema, err := os.ReadFile("../testdata/shop.sql")
	if err != nil {
		f.Fatal(err)
	}
	handler, _ := fuzzed(f, "shop.db", string(schema))
	for table, key := range map[string]string{"album": "1", "odd": "a~2Cb~2F~25,~b00112233445566778899aabbccddeeff", "track": "1,2", "mixed": "~f1.5", "v": "~n"} {
		f.Add(table, key)
	}
	f.Fuzz(func(t *testing.T, table, key string) {
		path := "/api/v1/shop/tables/" + table + "/rows/"
		w := ask(handler, &url.URL{Path: path + key, RawPath: "/api/v1/shop/tables/" + url.PathEscape(table) + "/rows/" + url.PathEscape(key)}, "")
		if w.Code >= 500 || w.Code < 200 {
			t.Fatalf("%q %q: %d %s", table, key, w.Code, w.Body)
		}
		if w.Code == http.StatusOK && key != "" {
			checkForm(t, w, key)
		}
	})
}

// A table and a column of any name that SQLite takes are served, filtered,
// sorted and selected by that name, and the links of their page lead to them.
func FuzzNames(f *testing.F) {
	handler, db := fuzzed(f, "n.db")
	for _, name := range []string{"a", "a/b", "..", "%2e", "]", `"`, `\`, " ", "Überschrift", "日本", "select", "'; DROP TABLE t; --", "rows", "a?b#c", "a->b", "or", "not.or", "limit", "x.y", "(a,b)", "\x01", "_key", "rowid", ":"} {
		f.Add(name, name)
		f.Add("t", name)
	}
	f.Fuzz(func(t *testing.T, table, column string) {
		quote := func(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
		if strings.ContainsRune(table+column, 0) || !utf8.ValidString(table+column) || strings.EqualFold(column, "other") ||
			strings.HasPrefix(strings.ToLower(table), "sqlite_") || table == "" || column == "" {
			return
		}
		if _, err := db.Writer.ExecContext(t.Context(), "CREATE TABLE "+quote(table)+" (other INTEGER PRIMARY KEY, "+quote(column)+")"); err != nil {
			return // SQLite doesn't take it
		}
		defer func() {
			if _, err := db.Writer.ExecContext(context.Background(), "DROP TABLE "+quote(table)); err != nil {
				t.Fatal(err)
			}
		}()
		if _, err := db.Writer.ExecContext(t.Context(), "INSERT INTO "+quote(table)+" VALUES (1, 'here'), (2, 'there')"); err != nil {
			t.Fatal(err)
		}
		escaped := url.PathEscape(table)
		if strings.Trim(table, ".") == "" { // a client would resolve them
			escaped = strings.ReplaceAll(table, ".", "%2E")
		}
		named := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(column) + `"`
		for _, query := range []url.Values{{named: {"eq.here"}}, {named: {"eq.here"}, "select": {named}}, {"order": {named}, "limit": {"1"}}, {named: {"like.h*"}, "select": {"x:" + named}}} {
			target := &url.URL{Path: "/api/v1/n/tables/" + table + "/rows", RawPath: "/api/v1/n/tables/" + escaped + "/rows", RawQuery: query.Encode()}
			w := ask(handler, target, "")
			var page struct{ Rows []map[string]any }
			if err := json.Unmarshal(w.Body.Bytes(), &page); w.Code != http.StatusOK || err != nil || len(page.Rows) != 1 {
				t.Fatalf("%s: %d %s", target, w.Code, w.Body)
			}
			name := column
			if strings.HasPrefix(query.Get("select"), "x:") {
				name = "x"
			}
			if page.Rows[0][name] != "here" {
				t.Fatalf("%s: %s", target, w.Body)
			}
		}
		w := ask(handler, &url.URL{Path: "/n/tables/" + table, RawPath: "/n/tables/" + escaped}, "text/html")
		if w.Code != http.StatusOK {
			t.Fatalf("the page of %q: %d %s", table, w.Code, w.Body)
		}
	})
}
