package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"fnregistry.dev/functions/infra/http/httpapi/httpapitest"
	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/program/programtest"
	"fnregistry.dev/tools/testenv/testkit/browser"
	"fnregistry.dev/tools/testenv/testkit/scripttest"
)

func start(t *testing.T, args ...string) *programtest.ProgramStartHandle {
	t.Helper()
	return programtest.ProgramStart(t, newProgram(), append([]string{"--addr", "127.0.0.1:0"}, args...)...)
}

// TestAPI holds what the program answers, to good requests and to an
// attacker's, against its OpenAPI document.
func TestAPI(t *testing.T) {
	t.Parallel()
	httpapitest.HTTPAPIConformance(t, httpapitest.HTTPAPIConformanceConfig{URL: start(t).URL, Requests: []httpapitest.HTTPAPIConformanceRequest{
		{Path: "/api/v1/running"}, {Path: "/healthz"}, {Path: "/readyz"}, {Path: "/metrics"}, {Path: "/openapi.json"},
	}})
}

// Requests are counted.
func TestMetrics(t *testing.T) {
	t.Parallel()
	server := start(t)
	get(t, server.URL+"/api/v1/running")
	const want = `http_requests_total{method="GET",route="/api/v1/running",status="200"} 1`
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
		cfg.Args, cfg.Stdout, cfg.Stderr = append([]string{"--addr", "127.0.0.1:0"}, c.args...), io.Discard, &stderr
		cfg.LookupEnv = func(name string) (string, bool) { v, ok := c.env[name]; return v, ok }
		if status := program.ProgramRun(t.Context(), cfg); status != 64 || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%d, %s\nwant %s", status, &stderr, c.want)
		}
	}
}

// The page has no barrier, in light and dark, and fits a phone.
func TestBrowser(t *testing.T) {
	t.Parallel()
	server, p := start(t), browser.Open(t)
	for _, scheme := range []string{"light", "dark"} {
		p.Theme(scheme)
		p.Go(server.URL + "/")
		p.Until(`document.querySelector("h1").textContent === "Running" && document.querySelector("dd").textContent !== ""`)
		p.Accessible()
	}
	p.Go(server.URL + "/nowhere")
	p.Until(`document.querySelector("h1").textContent === "Not found"`)
	p.Accessible()
	p.Size(390, 844)
	p.Go(server.URL + "/")
	p.NoWiderThanTheScreen()
}

// People on other machines, as behind a proxy, log in by the token.
func TestBrowser_Login(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	server, p := start(t, "--behind-proxy", "--token-file", file), browser.Open(t)
	p.Go(server.URL + "/")
	p.Until(`document.querySelector("h1").textContent === "Log in" && getComputedStyle(document.querySelector("form")).display !== ""`)
	p.Accessible()
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=token]"), token+"\r"))
	p.Until(`document.querySelector("h1").textContent === "Running"`)
}

// The scripts in testdata run the real binary.
func TestScripts(t *testing.T) {
	t.Parallel()
	scripttest.Run(t, scripttest.Config{Program: "sqlite_api", Main: main})
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
