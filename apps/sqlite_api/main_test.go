package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/testscript"

	"fnregistry.dev/functions/infra/http/httpapi/httpapitest"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/program/programtest"
	"fnregistry.dev/functions/infra/sqlite/sqliteopen"
	"fnregistry.dev/tools/testenv/testkit/browser"
	"fnregistry.dev/tools/testenv/testkit/scripttest"
)

// shopFile makes a database file with one of everything.
func shopFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	db, err := sqliteopen.SQLiteOpen(t.Context(), sqliteopen.SQLiteOpenConfig{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	schema, err := os.ReadFile("testdata/shop.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Writer.ExecContext(t.Context(), string(schema)); err != nil {
		t.Fatal(err)
	}
	return path
}

func start(t *testing.T, args ...string) *programtest.ProgramStartHandle {
	t.Helper()
	return programtest.ProgramStart(t, newProgram(), append([]string{"--addr", "127.0.0.1:0"}, args...)...)
}

// TestAPI holds what the program answers, to good requests and to an
// attacker's, against its OpenAPI document.
func TestAPI(t *testing.T) {
	t.Parallel()
	const album = "/api/v1/shop/tables/album"
	server := start(t, "--write", "--token-file", writeText(t, "token", full), "--queries", writeText(t, "queries.yaml", storedText), shopFile(t))
	httpapitest.HTTPAPIConformance(t, httpapitest.HTTPAPIConformanceConfig{URL: server.URL, Token: full, Requests: []httpapitest.HTTPAPIConformanceRequest{
		{Method: "POST", Path: "/api/v1/shop/tables/artist/rows", Body: `[{"name": "A"}, {"name": "B"}]`, Status: 201},
		{Method: "PATCH", Path: "/api/v1/shop/tables/artist/rows/3", Body: `{"name": "C"}`},
		{Method: "PUT", Path: "/api/v1/shop/tables/track/rows/3,2", Body: `{"title": "D"}`},
		{Method: "DELETE", Path: "/api/v1/shop/tables/artist/rows/3"},
		{Method: "POST", Path: "/api/v1/shop/batch", Body: `{"changes": [{"table": "artist", "verb": "insert", "values": {"name": "E"}}]}`},
		{Path: "/api/v1/shop/changes"},
		{Path: "/healthz"}, {Path: "/readyz"}, {Path: "/metrics"}, {Path: "/openapi.json"},
		{Path: "/api/v1/databases"}, {Path: "/api/v1/shop"}, {Path: "/api/v1/shop/tables"}, {Path: album},
		{Path: album + "/rows?limit=2&count=exact"}, {Path: album + "/rows?format=csv"}, {Path: album + "/rows?format=ndjson"},
		{Path: album + "/rows?format=csv&title=ilike.*a*"}, {Path: "/api/v1/shop/tables/v/rows?limit=1&count=estimated"},
		{Path: album + "/rows/1"}, {Path: album + "/rows/1/columns/cover"}, {Path: album + "/rows/1/columns/title"},
		{Path: album + "/facets?column=artist_id"},
		{Path: "/api/v1/shop/query?sql=SELECT+*+FROM+album+WHERE+id=:id&p_id=1"},
		{Path: "/api/v1/shop/query?sql=SELECT+1&format=csv"}, {Path: "/api/v1/shop/query?sql=SELECT+1&format=ndjson"},
		{Path: "/api/v1/shop/explain?sql=SELECT+*+FROM+album"},
		{Path: "/api/v1/shop/queries"}, {Path: "/api/v1/shop/queries/cheap?p_artist=1"}, {Path: "/api/v1/shop/queries/cheap?p_artist=1&format=csv"},
		{Path: "/api/v1/nothing", Status: 404}, {Path: "/api/v1/shop/tables/nothing/rows", Status: 404}, {Path: album + "/rows/9", Status: 404},
		{Path: album + "/rows?nothing=eq.1", Status: 400}, {Path: album + "/rows/1,2", Status: 400},
		{Path: "/api/v1/shop/query?sql=DELETE+FROM+album", Status: 403},
	}})
}

// Requests are counted.
func TestMetrics(t *testing.T) {
	t.Parallel()
	server := start(t, shopFile(t))
	get(t, server.URL+"/api/v1/databases")
	const want = `http_requests_total{method="GET",route="/api/v1/databases",status="200"} 1`
	if text := get(t, server.URL+"/metrics"); !strings.Contains(text, want) {
		t.Errorf("no %s in\n%s", want, text)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v\n%s", url, res.StatusCode, err, body)
	}
	return string(body)
}

// A token that is not worth the name ends the program.
func TestToken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  map[string]string
		args []string
		want string
	}{
		{map[string]string{"SQLITE_API_TOKEN": ""}, nil, "token (environment SQLITE_API_TOKEN): it is empty"},
		{map[string]string{"SQLITE_API_TOKEN": "tiny-token"}, nil, "token 1 is too short"},
		{nil, []string{"--behind-proxy"}, "no token"},
	} {
		var stderr strings.Builder
		cfg := newProgram()
		cfg.Args, cfg.Stdout, cfg.Stderr = append([]string{"--addr", "127.0.0.1:0", shopFile(t)}, c.args...), io.Discard, &stderr
		cfg.LookupEnv = func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }
		if status := program.ProgramRun(t.Context(), cfg); status != 64 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%d, %s\nwant %s", status, &stderr, c.want)
		}
	}
}

// Settings that do nothing without a token are told of.
func TestWarnings(t *testing.T) {
	t.Parallel()
	token := writeText(t, "token", full)
	for _, c := range []struct {
		args      []string
		write, at bool
	}{
		{nil, false, false},
		{[]string{"--write"}, true, false},
		{[]string{"--addr", ":0"}, false, true},
		{[]string{"--addr", ":0", "--write", "--token-file", token}, false, false},
		{[]string{"--addr", "localhost:0", "--tokens", writeText(t, "tokens.yaml", tokensText())}, false, false},
	} {
		log := start(t, append(c.args, shopFile(t))...).Log()
		if strings.Contains(log, "nobody can write") != c.write || strings.Contains(log, "other machines are refused") != c.at {
			t.Errorf("%v: %s", c.args, log)
		}
	}
}

// People on other machines, as behind a proxy, log in by the token.
func TestBrowser_Login(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	server, p := start(t, "--behind-proxy", "--token-file", file, shopFile(t)), browser.Open(t)
	p.Go(server.URL + "/")
	p.Until(`document.querySelector("h1").textContent === "Log in" && getComputedStyle(document.querySelector("form")).display !== ""`)
	p.Accessible()
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=token]"), token+"\r"))
	p.Until(`document.querySelector("h1").textContent === "Databases"`)
}

// The scripts in testdata run the real binary.
func TestScripts(t *testing.T) {
	t.Parallel()
	path := shopFile(t) // which scripts only read
	scripttest.Run(t, scripttest.Config{Program: "sqlite_api", Main: main, Setup: func(env *testscript.Env) error {
		env.Setenv("SHOP", path)
		return nil
	}})
}

// The program's page has the settings as the program knows them.
func TestDocs(t *testing.T) {
	t.Parallel()
	about, err := program.ProgramDescribe("sqlite_api", &defaults)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../../docs/sqlite_api.md")
	if err != nil || !strings.Contains(string(text), about.Markdown()) {
		t.Errorf("../../docs/sqlite_api.md lacks this table: %v\n%s", err, about.Markdown())
	}
}

// With --quiet the audit is still written.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	var logged, beside bytes.Buffer
	for _, c := range []struct {
		level slog.Level
		to    *bytes.Buffer
	}{{slog.LevelInfo, &logged}, {slog.LevelError, &beside}} {
		call := program.ProgramCall[*settings]{
			Log: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: c.level})), Stderr: &beside,
		}
		auditLog(call).Info("write", "who", c.level.String())
		if !strings.Contains(c.to.String(), c.level.String()) {
			t.Errorf("%v: the log has %q, stderr %q", c.level, logged.String(), beside.String())
		}
	}
}
