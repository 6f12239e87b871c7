package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
)

// full is a token without rules, and the others are those of tokensText.
const (
	full  = "full-token-0123456789"
	clerk = "clerk-token-0123456789"
	guest = "guest-token-0123456789"
)

// makeFile makes a database file of statements, in rollback-journal mode.
func makeFile(t *testing.T, name string, statements ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, KeepJournal: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Writer.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// shop has a column, a table and more that clerk may not read.
func shop(t *testing.T) string {
	return makeFile(t, "shop.db",
		"CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, password TEXT UNIQUE CHECK (password <> 'hunter1'), loud AS (upper(password)))",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers(id), amount, note BLOB)",
		"CREATE TABLE secrets (id INTEGER PRIMARY KEY, word TEXT)",
		"CREATE TABLE pairs (a TEXT, b INTEGER, v, PRIMARY KEY (a, b)) WITHOUT ROWID",
		"CREATE VIEW logins AS SELECT id, name, password AS p FROM customers",
		"CREATE VIEW bad AS SELECT id FROM customers WHERE abs(-9223372036854775807 - id) = 1",
		"CREATE VIEW names AS SELECT id, name FROM customers",
		"CREATE VIRTUAL TABLE words USING fts5(name, password, content='customers', content_rowid='id')",
		"CREATE INDEX by_password ON customers (password)",
		"INSERT INTO customers (id, name, password) VALUES (1, 'Ann', 'hunter2'), (2, 'Bob', 's3same')",
		"INSERT INTO orders VALUES (1, 1, 5, NULL)",
		"INSERT INTO secrets VALUES (1, 'xyzzy')",
		"INSERT INTO pairs VALUES ('x,y', 1, 'v')",
		"INSERT INTO words (words) VALUES ('rebuild')", "ANALYZE")
}

func sum(token string) string {
	hash := sha256.Sum256([]byte(token))
	return hex.EncodeToString(hash[:])
}

// tokensText gives clerk most of shop and guest nothing of it.
func tokensText() string {
	return fmt.Sprintf(`tokens:
  - name: clerk
    sha256: %s
    databases:
      shop:
        read: ["*"]
        write: [orders, customers, pairs]
        hide: {customers: [password], secrets: ["*"], words: ["*"]}
  - name: guest
    sha256: %s
    databases:
      shop: {read: [orders, names]}
`, sum(clerk), sum(guest))
}

func writeText(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// caller sends requests with a token.
type caller struct {
	t          *testing.T
	url, token string
}

// as starts shop and returns callers of it.
func callers(t *testing.T, args ...string) func(token string) caller {
	t.Helper()
	args = append(args, "--token-file", writeText(t, "token", full), "--tokens", writeText(t, "tokens.yaml", tokensText()), shop(t))
	server := start(t, args...)
	return func(token string) caller { return caller{t, server.URL, token} }
}

// send sends a request; headers are names and values.
func (c caller) send(method, path, body string, headers ...string) (status int, text string, header http.Header) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Error(err)
		return 0, "", http.Header{}
	}
	defer res.Body.Close()
	read, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Error(err)
	}
	return res.StatusCode, string(read), res.Header
}

// want sends a request and wants a status, and a text in the response.
func (c caller) want(status int, text, method, path, body string, headers ...string) http.Header {
	c.t.Helper()
	got, response, header := c.send(method, path, body, headers...)
	if got != status || !strings.Contains(response, text) {
		c.t.Errorf("%s %s %s: %d %s\nwant %d with %s", method, path, body, got, response, status, text)
	}
	return header
}

// cells reads what a query in the file gives, past the program.
func cells(t *testing.T, path, query string) string {
	t.Helper()
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var text string
	if err := db.Reader.QueryRowContext(t.Context(), query).Scan(&text); err != nil {
		t.Fatal(query, err)
	}
	return text
}

const tables = "/api/v1/shop/tables/"

func TestWrite(t *testing.T) {
	t.Parallel()
	path := shop(t)
	server := start(t, "--write", "--token-file", writeText(t, "token", full), path)
	c := caller{t, server.URL, full}
	header := c.want(201, `"key":"7"`, "POST", tables+"customers/rows", `{"id": 7, "name": "Nina"}`)
	if header.Get("Location") != tables+"customers/rows/7" || !strings.HasPrefix(header.Get("ETag"), `"sha256-`) {
		t.Errorf("%v", header)
	}
	tag := header.Get("ETag")
	c.want(409, "UNIQUE constraint failed: customers.id", "POST", tables+"customers/rows", `{"id": 7, "name": "Nina"}`)
	c.want(400, "NOT NULL", "POST", tables+"customers/rows", `[{"id": 8, "name": "x"}, {"id": 9}]`)
	c.want(400, `"change":1`, "POST", tables+"customers/rows", `[{"id": 8, "name": "x"}, {"id": 9}]`)
	c.want(201, `"dry_run":true`, "POST", tables+"customers/rows?dry_run=true", `[{"id": 8, "name": "x"}]`)
	c.want(404, "no such row", "DELETE", tables+"customers/rows/8", "")
	c.want(400, "did you mean name?", "POST", tables+"customers/rows", `{"nam": 1}`)
	changed := c.want(200, `"key":"7"`, "PATCH", tables+"customers/rows/7", `{"name": "Miles"}`, "If-Match", tag).Get("ETag")
	c.want(412, "changed since", "PATCH", tables+"customers/rows/7", `{"name": "Ella"}`, "If-Match", tag)
	c.want(412, `"code":"conflict"`, "DELETE", tables+"customers/rows/7", "", "If-Match", tag)
	c.want(400, "strong ETag", "DELETE", tables+"customers/rows/7", "", "If-Match", "W/"+tag)
	c.want(200, `"etag":"\"`, "PATCH", tables+"customers/rows/7", `{"password": null}`, "If-Match", changed)
	c.want(201, `"key":"7"`, "POST", tables+"customers/rows?on_conflict=update", `{"id": 7, "name": "Ella"}`)
	c.want(200, `"etag":""`, "DELETE", tables+"customers/rows/7", "", "If-Match", "*")
	c.want(200, `"key":"x~2Cy,1"`, "PATCH", tables+"pairs/rows/x~2Cy,1", `{"v": 9007199254740993}`)
	c.want(200, `"key":"new,2"`, "PUT", tables+"pairs/rows/new,2", `{"v": {"base64": "AP8="}}`)
	c.want(404, "no such row", "PUT", tables+"orders/rows/~n", `{"customer": 1, "amount": 1, "note": null}`)
	c.want(400, "PUT replaces the whole row", "PUT", tables+"pairs/rows/new,2", `{}`)
	c.want(400, "row's key", "PUT", tables+"pairs/rows/new,2", `{"b": 3, "v": 1}`)
	c.want(200, `"key":"new,2"`, "PATCH", tables+"pairs/rows/new,2", `{"v": {"bytes": 2, "base64": "AP8="}}`) // as exports write it
	c.want(400, "bytes", "PATCH", tables+"pairs/rows/new,2", `{"v": {"bytes": 3, "base64": "AP8="}}`)
	c.want(400, "base64", "PATCH", tables+"pairs/rows/new,2", `{"v": [1]}`)
	c.want(400, "64 bits", "PATCH", tables+"pairs/rows/new,2", `{"v": 18446744073709551616}`)
	c.want(400, "view", "POST", tables+"names/rows", `{"name": "x"}`)
	c.want(404, "no table", "POST", tables+"nothing/rows", `{"name": "x"}`)
	c.want(409, `"FOREIGN KEY constraint failed","hint":"either it points to`, "POST", tables+"orders/rows", `{"customer": 77}`)
	c.want(400, "have no key", "DELETE", tables+"names/rows/1", "")
	const batch = "/api/v1/shop/batch"
	c.want(200, `"table":"orders","key":"10"`, "POST", batch, `{"changes": [{"table": "customers", "verb": "insert", "values": {"id": 10, "name": "C"}},
		{"table": "orders", "verb": "insert", "values": {"id": 10, "customer": 10, "amount": 1.5}}, {"table": "orders", "verb": "delete", "key": "1"}]}`)
	c.want(409, `"change":1`, "POST", batch, `{"changes": [{"table": "customers", "verb": "insert", "values": {"id": 11, "name": "C"}},
		{"table": "orders", "verb": "insert", "values": {"id": 11, "customer": 12}}]}`)
	c.want(404, "change 2 of 2, nothing was written", "POST", batch, `{"changes": [{"table": "customers", "verb": "insert", "values": {"id": 11, "name": "C"}},
		{"table": "orders", "verb": "delete", "key": "99"}]}`)
	c.want(412, `"change":0`, "POST", batch, `{"changes": [{"table": "orders", "verb": "update", "key": "10", "if_match": "\"sha256-x\"", "values": {"amount": 1}}]}`)
	c.want(400, "nothing to write", "POST", batch, `{"changes": []}`)
	for query, want := range map[string]string{
		"SELECT group_concat(id ORDER BY id) FROM customers": "1,2,10",
		"SELECT group_concat(id) FROM orders":                "10",
		"SELECT v FROM pairs WHERE a = 'x,y'":                "9007199254740993",
		"SELECT quote(v) FROM pairs WHERE a = 'new'":         "X'00FF'",
		"SELECT typeof(amount) || amount FROM orders":        "real1.5",
		"PRAGMA journal_mode":                                "delete", // the owner's choice stays
		"SELECT count(*) FROM pragma_foreign_key_check":      "0",
	} {
		if got := cells(t, path, query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// Who may not write is refused, whatever else is allowed.
func TestWrite_Refused(t *testing.T) {
	t.Parallel()
	const body = `{"id": 50}`
	as := callers(t, "--write")
	as("").want(403, "may not write", "POST", tables+"orders/rows", body)
	as(guest).want(403, "may not write", "POST", tables+"orders/rows", body)
	as(guest).want(404, "no table", "POST", tables+"customers/rows", body)
	as(clerk).want(404, "no table", "POST", tables+"secrets/rows", body)
	as(clerk).want(400, `"change":1`, "POST", tables+"orders/rows", `[{"id": 51}, null]`)
	as(clerk).want(400, `no column \"password\"`, "POST", tables+"customers/rows", `{"name": "x", "password": "y"}`)
	as("wrong-token-0123456789").want(401, "not accepted", "POST", tables+"orders/rows", body)
	as(clerk).want(201, `"key":"50"`, "POST", tables+"orders/rows", body)
	readOnly := callers(t)
	readOnly(full).want(403, "read-only", "POST", tables+"orders/rows", body)
}

// What writing responds names nothing that the caller may not read.
func TestWrite_Hidden(t *testing.T) {
	t.Parallel()
	path := makeFile(t, "shop.db",
		"CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, password TEXT NOT NULL UNIQUE DEFAULT 'same' CHECK (password <> name))",
		"CREATE TABLE orders (id INTEGER PRIMARY KEY)", "CREATE TABLE pairs (a)", "CREATE TABLE secrets (a)", "CREATE TABLE words (a)",
		"INSERT INTO customers (id, name) VALUES (1, 'Ann')")
	server := start(t, "--write", "--token-file", writeText(t, "token", full), "--tokens", writeText(t, "tokens.yaml", tokensText()), path)
	c := caller{t, server.URL, clerk}
	for _, body := range []string{`{"name": "x"}`, `{"name": "same"}`, `{"id": 1}`} {
		status, text, _ := c.send("POST", tables+"customers/rows", body)
		if status < 400 || strings.Contains(text, "password") || strings.Contains(text, "same") {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	// The tag of a row is that of what can be read.
	_, before, _ := c.send("PATCH", tables+"customers/rows/1?dry_run=true", `{"name": "Ann"}`)
	caller{t, server.URL, full}.want(200, "", "PATCH", tables+"customers/rows/1", `{"password": "another"}`)
	if _, after, _ := c.send("PATCH", tables+"customers/rows/1?dry_run=true", `{"name": "Ann"}`); before != after {
		t.Errorf("the tag shows that a hidden column has changed: %s %s", before, after)
	}
}

// Of 20 that write a row they read at the same time, one wins each round.
func TestWrite_Race(t *testing.T) {
	t.Parallel()
	const writers, rounds = 20, 10
	path := makeFile(t, "shop.db", "CREATE TABLE n (id INTEGER PRIMARY KEY, v)", "INSERT INTO n VALUES (1, 0)")
	c := caller{t, start(t, "--write", "--token-file", writeText(t, "token", full), path).URL, full}
	tag := c.want(200, "", "PATCH", tables+"n/rows/1", `{"v": 0}`).Get("ETag")
	for round := range rounds {
		var won, lost atomic.Int64
		var next atomic.Value
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				status, text, header := c.send("PATCH", tables+"n/rows/1", fmt.Sprintf(`{"v": %d}`, round*writers+i+1), "If-Match", tag)
				switch status {
				case 200:
					won.Add(1)
					next.Store(header.Get("ETag"))
				case 412:
					lost.Add(1)
				default:
					t.Errorf("%d %s", status, text)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || lost.Load() != writers-1 {
			t.Fatalf("round %d: %d won, %d lost", round, won.Load(), lost.Load())
		}
		tag = next.Load().(string)
	}
}

// Each transaction is one line of the audit, also a refused one, without
// values.
func TestAudit(t *testing.T) {
	t.Parallel()
	audit := filepath.Join(t.TempDir(), "audit.jsonl")
	as := callers(t, "--write", "--audit", audit)
	as(full).want(201, "", "POST", tables+"customers/rows", `[{"id": 7, "name": "v4lue"}, {"id": 8, "name": "v4lue", "password": "v4lue!"}]`)
	as(clerk).want(200, "", "DELETE", tables+"orders/rows/1", "")
	as(clerk).want(200, "", "PATCH", tables+"customers/rows/1?dry_run=true", `{"name": "v4lue"}`)
	as(guest).want(403, "", "PATCH", tables+"orders/rows/1", `{"note": "v4lue"}`)
	as(full).want(409, "", "POST", tables+"customers/rows", `{"id": 9, "name": "x", "password": "v4lue!"}`)
	text, err := os.ReadFile(audit)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil || got["time"] == nil {
			t.Errorf("%v: %s", err, line)
		}
		delete(got, "time")
		delete(got, "level")
		short, _ := json.Marshal(got)
		lines = append(lines, string(short))
	}
	want := `{"changes":[{"key":"7","table":"customers","verb":"insert"},{"key":"8","table":"customers","verb":"insert"}],"database":"shop","msg":"write","rows":2,"who":"token"}
{"changes":[{"key":"1","table":"orders","verb":"delete"}],"database":"shop","msg":"write","rows":1,"who":"clerk"}
{"changes":[{"key":"1","table":"orders","verb":"update"}],"code":"forbidden","database":"shop","msg":"write refused","rows":1,"who":"guest"}
{"changes":[{"table":"customers","verb":"insert"}],"code":"conflict","database":"shop","msg":"write refused","rows":1,"who":"token"}`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// While another program holds the file, writing is refused for now; reading
// goes on.
func TestWrite_Busy(t *testing.T) {
	t.Parallel()
	path := makeFile(t, "shop.db", "CREATE TABLE n (id INTEGER PRIMARY KEY)")
	c := caller{t, start(t, "--write", "--token-file", writeText(t, "token", full), path).URL, full}
	other, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path, KeepJournal: true})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.Writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if header := c.want(503, "another program", "POST", tables+"n/rows", `{"id": 1}`); header.Get("Retry-After") != "1" {
		t.Errorf("%v", header)
	}
	c.want(200, `"rows":[]`, "GET", tables+"n/rows", "")
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	c.want(201, `"key":"1"`, "POST", tables+"n/rows", `{"id": 1}`)
}

// What is written to a file that is gone would be lost: it is refused, and the
// program says that it is not ready.
func TestWrite_FileIsGone(t *testing.T) {
	t.Parallel()
	path := shop(t)
	server := start(t, "--write", "--token-file", writeText(t, "token", full), path)
	c := caller{t, server.URL, full}
	c.want(200, `"status":"ready"`, "GET", "/readyz", "")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.want(409, "was deleted or moved away", "POST", tables+"customers/rows", `{"id": 70, "name": "x"}`)
	for status, body := 200, ""; status == 200; status, body, _ = c.send("GET", "/readyz", "") { // a good result holds for a second
		if strings.Contains(body, path) {
			t.Fatal("a path is shown")
		}
	}
}
