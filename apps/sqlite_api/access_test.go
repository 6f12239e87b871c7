package main

import (
	"net/url"
	"strings"
	"testing"
)

// What a token hides is reached in no way. The values and the names of clerk's
// hidden columns and tables are in no response.
func TestAccess_Hidden(t *testing.T) {
	t.Parallel()
	as := callers(t, "--write")
	secrets := []string{"hunter", "HUNTER", "xyzzy", "s3same", "password", "secrets", "by_password", "words", "loud"}
	for _, path := range []string{
		"/api/v1/databases", "/api/v1/shop", "/api/v1/shop/tables", tables + "customers", tables + "names",
		tables + "customers/rows", tables + "customers/rows?format=csv", tables + "customers/rows?format=ndjson",
		tables + "customers/rows?count=exact", tables + "customers/rows/1", tables + "orders/rows/1",
		tables + "logins/rows", tables + "logins/rows?select=id", tables + "logins/rows?format=csv", tables + "logins/rows?count=exact",
		tables + "logins/facets?column=id", tables + "customers/rows?search=hunter2", "/", "/shop",
		"/shop/tables/customers", "/shop/tables/customers/rows/1", "/shop/tables/logins", "/shop/schema", "/shop/sql",
	} {
		_, text, _ := as(clerk).send("GET", path, "")
		for _, secret := range secrets {
			// A page or a problem repeats what was asked for.
			if asked, _ := url.PathUnescape(path); strings.Contains(text, secret) && !strings.Contains(asked, secret) {
				t.Errorf("%s: it has %q: %.2000s", path, secret, text)
			}
		}
	}
	for path, status := range map[string]int{
		tables + "customers/rows?password=eq.hunter2": 400, tables + "customers/rows?select=password": 400,
		tables + "customers/rows?order=password": 400, tables + "customers/rows?loud=is.null": 400, tables + "customers/rows?or=(id.eq.1,password.eq.x)": 400,
		tables + "customers/facets?column=password": 400, tables + "customers/rows/1/columns/password": 404,
		tables + "secrets/rows": 404, tables + "secrets": 404, tables + "words/rows": 404, tables + "words_data/rows": 404, tables + "sqlite_schema/rows": 404,
	} {
		got, text, _ := as(clerk).send("GET", path, "")
		other := strings.NewReplacer("password", "pissword", "loud", "lowd", "secrets", "sicrets", "words", "wirds").Replace(path)
		gotOther, textOther, _ := as(clerk).send("GET", other, "")
		if got != status || gotOther != status || len(text) != len(textOther) {
			t.Errorf("%s can be told from what there isn't: %d %s\n%d %s", path, got, text, gotOther, textOther)
		}
	}
}

// A view that fails where its rows are read is described, and does not keep the
// others from being listed.
func TestTables_ViewsThatFail(t *testing.T) {
	t.Parallel()
	as := callers(t)
	for _, token := range []string{full, clerk} {
		as(token).want(200, `"name":"names"`, "GET", "/api/v1/shop/tables", "")
		as(token).want(200, `"known":false`, "GET", tables+"bad", "")
	}
	as(full).want(400, "integer overflow", "GET", tables+"bad/rows", "")
	as(full).want(400, "integer overflow", "GET", tables+"bad/rows?format=csv", "")
}

// SQL reaches nothing that a token hides, and doesn't say that it is there.
func TestAccess_SQL(t *testing.T) {
	t.Parallel()
	as := callers(t)
	query := func(c caller, sql string) (int, string) {
		t.Helper()
		status, text, _ := c.send("GET", "/api/v1/shop/query?sql="+url.QueryEscape(sql), "")
		return status, text
	}
	for _, sql := range []string{
		"SELECT password FROM customers", "SELECT * FROM customers", "SELECT c.password FROM customers c", "SELECT loud FROM customers",
		"SELECT id FROM customers WHERE password = 'hunter2'", "SELECT id FROM customers ORDER BY password", "SELECT count(password) FROM customers",
		"SELECT id FROM customers GROUP BY password", "SELECT p FROM logins", "SELECT id FROM logins", "SELECT count(*) FROM logins",
		"SELECT word FROM secrets", "SELECT count(*) FROM secrets", "SELECT 1 FROM secrets", "SELECT rowid FROM secrets", "SELECT EXISTS (SELECT 1 FROM secrets)",
		"WITH x AS (SELECT * FROM secrets) SELECT count(*) FROM x", "WITH x AS MATERIALIZED (SELECT password AS y FROM customers) SELECT y FROM x",
		"SELECT (SELECT password FROM customers LIMIT 1)", "SELECT id FROM orders WHERE note IN (SELECT password FROM customers)",
		"SELECT customers.id FROM customers JOIN (SELECT 'hunter2' AS password) USING (password)",
		"SELECT customers.id FROM customers NATURAL JOIN (SELECT 'hunter2' AS password)",
		"SELECT id FROM orders UNION SELECT password FROM customers",
		"SELECT sql FROM sqlite_schema", "SELECT count(*) FROM sqlite_schema", "SELECT name FROM sqlite_master", "SELECT * FROM sqlite_temp_schema",
		"SELECT * FROM sqlite_stat1", "SELECT count(*) FROM sqlite_stat1", "SELECT * FROM sqlite_stat4", "SELECT * FROM dbstat", "SELECT count(*) FROM dbstat",
		"SELECT * FROM pragma_table_info('customers')", "SELECT count(*) FROM pragma_table_info('secrets')", "SELECT * FROM pragma_table_list",
		"SELECT * FROM pragma_index_list('customers')", "SELECT * FROM pragma_integrity_check", "SELECT * FROM pragma_foreign_key_list('orders')",
		"SELECT rowid FROM words WHERE words MATCH 'hunter2'", "SELECT count(*) FROM words", "SELECT * FROM words_data", "SELECT * FROM words_idx",
		"SELECT * FROM words_docsize", "SELECT count(*) FROM words_config", "SELECT * FROM sqlite_stmt",
		"EXPLAIN SELECT password FROM customers", "EXPLAIN QUERY PLAN SELECT id FROM customers WHERE password = 'x'",
	} {
		status, text := query(as(clerk), sql)
		if status != 400 && status != 403 || !strings.Contains(text, `"code"`) {
			t.Errorf("%s: %d %s", sql, status, text)
		}
		for _, secret := range []string{"hunter", "password", "secrets", "xyzzy"} {
			if strings.Contains(text, secret) && !strings.Contains(sql, secret) {
				t.Errorf("%s: %s", sql, text)
			}
		}
	}
	// Missing and hidden are the same.
	_, hidden := query(as(clerk), "SELECT password FROM customers")
	_, missing := query(as(clerk), "SELECT passwird FROM customers")
	cut := func(text string) string { before, _, _ := strings.Cut(text, `"request_id"`); return before }
	if cut(hidden) != cut(missing) {
		t.Errorf("%s\n%s", hidden, missing)
	}
	for sql, want := range map[string]string{
		"SELECT id, name FROM customers ORDER BY id LIMIT 1":                   `"name":"Ann"`,
		"SELECT count(*) AS n FROM customers":                                  `"n":2`,
		"SELECT count(*) AS n FROM names":                                      `"n":2`,
		"WITH x AS (SELECT 1 UNION SELECT 2) SELECT count(*) AS n FROM x":      `"n":2`,
		"SELECT value FROM json_each('[7]')":                                   `"value":7`,
		"SELECT o.id AS i FROM orders o JOIN customers c ON c.id = o.customer": `"i":1`,
	} {
		if status, text := query(as(clerk), sql); status != 200 || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %s", sql, status, text, want)
		}
	}
	// A view may be read by who may not read what it is of only if SQLite
	// agrees.
	as(guest).want(200, `"amount":5`, "GET", tables+"orders/rows", "")
	if status, text := query(as(guest), "SELECT * FROM names"); status < 400 {
		t.Errorf("a view of a hidden table: %s", text)
	}
	if _, text, _ := as(guest).send("GET", tables+"orders/rows/1", ""); strings.Contains(text, "customers") {
		t.Errorf("a link to a hidden table: %s", text)
	}
	if status, text := query(as(full), "SELECT password FROM customers"); status != 200 || !strings.Contains(text, "hunter2") {
		t.Errorf("%d %s", status, text)
	}
}

// A row's ETag is what If-Match takes, from reading and from writing.
func TestAccess_ReadThenWrite(t *testing.T) {
	t.Parallel()
	as := callers(t, "--write")
	for _, token := range []string{full, clerk} {
		tag := as(token).want(200, "", "GET", tables+"customers/rows/1", "").Get("ETag")
		as(token).want(200, "", "PATCH", tables+"customers/rows/1", `{"name": "`+token+`"}`, "If-Match", tag)
		as(token).want(412, "", "PATCH", tables+"customers/rows/1", `{"name": "x"}`, "If-Match", tag)
	}
}

// leaky has ways round what clerk's token hides.
func leaky(t *testing.T) caller {
	t.Helper()
	path := makeFile(t, "shop.db",
		"CREATE TABLE customers (id INTEGER PRIMARY KEY, city TEXT, password TEXT)", "CREATE INDEX by_pw ON customers (password)",
		"CREATE TABLE secrets (id INTEGER PRIMARY KEY, word TEXT, city TEXT)", "CREATE VIRTUAL TABLE words USING fts5(word)",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, secret INTEGER REFERENCES secrets(id))", "CREATE TABLE pairs (id)",
		"CREATE TABLE json_each (id INTEGER PRIMARY KEY, password TEXT)",
		"CREATE VIEW shared AS SELECT orders.id FROM orders JOIN secrets USING (id)",
		"CREATE VIEW natural_one AS SELECT orders.id FROM orders NATURAL JOIN customers",
		"CREATE VIEW cities AS SELECT a.id FROM orders a JOIN orders b USING (secret)",
		"CREATE VIEW logins AS SELECT id, password AS p FROM customers", "CREATE VIEW fine AS SELECT id FROM customers",
		"INSERT INTO customers VALUES (1, 'x', 'z'), (2, 'x', 'a'), (3, 'x', 'm')",
		"INSERT INTO secrets VALUES (1, 'xyzzy', 'x')", "INSERT INTO orders VALUES (1, 1)", "INSERT INTO json_each VALUES (1, 'hunter2')", "ANALYZE")
	tokens := strings.Replace(tokensText(), "customers: [password]", "customers: [password], json_each: [password]", 1)
	server := start(t, "--write", "--token-file", writeText(t, "token", full), "--tokens", writeText(t, "tokens.yaml", tokens), path)
	return caller{t, server.URL, clerk}
}

// Views that read what is hidden aren't there, in the list of tables either,
// and the SQL of tables doesn't name hidden ones.
func TestAccess_Views(t *testing.T) {
	t.Parallel()
	c := leaky(t)
	status, text, _ := c.send("GET", "/api/v1/shop/tables", "")
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	for _, name := range []string{"shared", "natural_one", "logins", "secrets", "by_pw", "words", "password"} {
		if strings.Contains(text, name) {
			t.Errorf("the list of tables has %s: %s", name, text)
		}
	}
	for _, name := range []string{"fine", "cities"} {
		c.want(200, `"id":1`, "GET", tables+name+"/rows", "")
	}
	for _, name := range []string{"shared", "natural_one", "logins", "absent"} {
		c.want(404, "no table", "GET", tables+name+"/rows", "")
		c.want(400, "not there", "GET", "/api/v1/shop/query?sql=SELECT+id+FROM+"+name, "")
		c.want(400, "not there", "GET", "/api/v1/shop/query?sql=SELECT+count(*)+AS+n+FROM+"+name, "")
	}
	full := caller{t, c.url, full}
	full.want(200, `"id":1`, "GET", tables+"shared/rows", "")
}

// Neither the order of rows nor a plan tells of hidden columns, errors don't
// tell hidden tables from missing ones, and no name is an exception.
func TestAccess_SQLTells(t *testing.T) {
	t.Parallel()
	c := leaky(t)
	query := "/api/v1/shop/query?sql="
	c.want(200, "{\"id\":1},\n{\"id\":2},\n{\"id\":3}", "GET", query+url.QueryEscape("SELECT id FROM customers"), "")
	c.want(200, `"value":7`, "GET", query+url.QueryEscape("SELECT id AS value FROM (SELECT 7 AS id)"), "")
	for _, sql := range []string{
		"SELECT id FROM customers INDEXED BY by_pw", "EXPLAIN SELECT id FROM customers", "EXPLAIN QUERY PLAN SELECT id FROM customers", "/**/ explain select 1",
	} {
		c.want(403, "not allowed", "GET", query+url.QueryEscape(sql), "")
	}
	c.want(400, "not there", "GET", query+url.QueryEscape("SELECT password FROM json_each"), "")
	c.want(200, `"detail"`, "GET", "/api/v1/shop/explain?sql="+url.QueryEscape("SELECT count(*) FROM customers"), "")
	if _, text, _ := c.send("GET", "/api/v1/shop/explain?sql="+url.QueryEscape("SELECT count(*) FROM customers"), ""); strings.Contains(text, "by_pw") {
		t.Error(text)
	}
	cut := func(text string) string { before, _, _ := strings.Cut(text, `"instance"`); return before }
	for _, sql := range []string{"SELECT * FROM %s(1)", "SELECT 1 FROM %s LEFT JOIN x", "SELECT (SELECT * FROM %s)", "SELECT 1 IN %s", "SELECT count(*) FROM %s", "SELECT 1 UNION SELECT * FROM %s"} {
		_, missing, _ := c.send("GET", query+url.QueryEscape(strings.Replace(sql, "%s", "absent", 1)), "")
		for _, name := range []string{"secrets", "words", "words_data", "logins"} {
			if _, hidden, _ := c.send("GET", query+url.QueryEscape(strings.Replace(sql, "%s", name, 1)), ""); cut(hidden) != cut(missing) {
				t.Errorf("%s tells that %s is there:\n%s\n%s", sql, name, hidden, missing)
			}
		}
	}
}
