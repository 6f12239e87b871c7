package main

import (
	"io"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

const storedText = `queries:
  - name: cheap
    database: shop
    title: Cheap albums
    doc: Albums below a price
    sql: |
      SELECT id, title FROM album WHERE price < :most AND artist_id = :artist ORDER BY id
    parameters:
      most: {doc: the highest price, default: "9"}
  - name: a/b
    database: shop
    sql: SELECT count(*) AS n FROM artist
`

func TestStored(t *testing.T) {
	t.Parallel()
	base := start(t, "--queries", writeText(t, "queries.yaml", storedText), shopFile(t)).URL
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/api/v1/shop/queries", 200, `{"name":"most","doc":"the highest price","default":"9","required":false},{"name":"artist","doc":"","default":"","required":true}`},
		{"/api/v1/shop/queries/cheap?p_artist=1", 200, `"rows":[{"id":2,"title":"High'way"}]`},
		{"/api/v1/shop/queries/cheap?p_artist=1&p_most=10&format=csv", 200, "1,Back in Black"},
		{"/api/v1/shop/queries/a%2Fb", 200, `"n":3`},
		{"/api/v1/shop/queries/cheap", 400, "no value for p_artist"},
		{"/api/v1/shop/queries/cheap?p_artist=1&p_mots=1", 400, "did you mean most?"},
		{"/api/v1/shop/queries/cheap?p_artist=1&p_artist=2", 400, "twice"},
		{"/api/v1/shop/queries/chaep", 404, "did you mean cheap?"},
		{"/shop/queries", 200, `href="/shop/queries/cheap">Cheap albums</a>`},
		{"/shop/queries", 200, "Albums below a price"},
		{"/shop/queries/cheap", 200, `value="9"`},
		{"/shop/queries/cheap?p_artist=1&p_most=10", 200, "High&#39;way"},
		{"/shop/queries/cheap?p_artist=1&p_most=10", 200, "/api/v1/shop/queries/cheap?format=csv"},
		{"/shop/queries/a%2Fb", 200, "1 row"},
		{"/shop/queries/chaep", 404, "No query"},
		{"/shop/", 200, `href="/shop/queries"`},
	} {
		status, body, _ := answer(t, base+c.path)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d %s\nwant %d, %s", c.path, status, body, c.status, c.want)
		}
	}
}

// Who may not read what a query reads does not learn of it.
func TestStored_Hidden(t *testing.T) {
	t.Parallel()
	as := callers(t, "--queries", writeText(t, "queries.yaml", `queries:
  - {name: passwords, database: shop, sql: SELECT password FROM customers}
  - {name: names, database: shop, sql: SELECT name FROM customers}
`))
	as(full).want(200, "hunter2", "GET", "/api/v1/shop/queries/passwords", "")
	as(clerk).want(404, "no query", "GET", "/api/v1/shop/queries/passwords", "")
	as(clerk).want(200, "Ann", "GET", "/api/v1/shop/queries/names", "")
	if _, body, _ := as(clerk).send("GET", "/api/v1/shop/queries", ""); strings.Contains(body, "password") {
		t.Error(body)
	}
}

// A file that can't work ends the program, with its line.
func TestStored_BadFile(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"queries:\n  - {name: a, database: shop, sql: DELETE FROM album}":                                      `queries.yaml:2: query "a": not a read-only statement`,
		"queries:\n  - {name: a, database: shop, sql: SELECT * FROM albun}":                                    `queries.yaml:2: query "a": no such table: albun` + "\nhint: did you mean album?\n",
		"queries:\n  - {name: a, database: shpo, sql: SELECT 1}":                                               "did you mean shop?",
		"queries:\n  - {name: a, database: shop}":                                                              "lacks a name, a database or its sql",
		"queries:\n  - {name: a, database: shop, sql: SELECT 1, sqll: x}":                                      "sqll",
		"queries:\n  - {name: a, database: shop, sql: SELECT 1}\n  - {name: a, database: shop, sql: SELECT 2}": "two queries",
		"queries:\n  - {name: a, database: shop, sql: 'SELECT :b', parameters: {c: {doc: x}}}":                 "no parameter :c",
	} {
		var stderr strings.Builder
		cfg := newProgram()
		cfg.Args = []string{"--addr", "127.0.0.1:0", "--queries", writeText(t, "queries.yaml", text), shopFile(t)}
		cfg.Stdout, cfg.Stderr = io.Discard, &stderr
		cfg.LookupEnv = func(string) (string, bool) { return "", false }
		if status := program.ProgramRun(t.Context(), cfg); status == 0 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: %d, %s\nwant %s", text, status, &stderr, want)
		}
	}
}
