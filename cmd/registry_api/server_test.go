package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/program"
	"fnregistry.dev/functions/infra/program/programtest"
)

// unitFiles returns the Go file, the test and the spec of a function in package
// f. Its symbol is the name's single word.
func unitFiles(name, description, calls string) map[string]string {
	symbol := strings.ToUpper(name[:1]) + name[1:]
	signature := "func " + symbol + "(n int) int"
	return map[string]string{
		"f/" + name + ".go":      "package f\n\n" + signature + " { " + calls + "; return n }\n",
		"f/" + name + "_test.go": "package f\n\nimport \"testing\"\n\nfunc Test" + symbol + "(t *testing.T) { " + symbol + "(1) }\n",
		"f/" + name + ".md": fmt.Sprintf(`---
name: %s
kind: function
lang: go
domain: f
version: 0.1.0
purity: pure
signature: %q
description: %s
tags: [%s, number]
params:
  - name: n
    desc: A number.
output: The number.
uses_functions: []
uses_types: []
returns: []
returns_optional: false
error_type: ""
imports: []
build_tags: []
tested: true
tests: [%s]
test_file_path: f/%s_test.go
file_path: f/%s.go
---
## Example

`+"```go\nf.%s(1)\n```"+`

## When to use
When a *number* is needed. <script>alert(1)</script> [x](javascript:alert(1))

## Gotchas
- None.
`, name, signature, description, name, symbol, name, name, symbol),
	}
}

func sample() map[string]string {
	files := map[string]string{
		"fn_registry.yaml": "version: 1\nunits: [f]\n",
		"go.mod":           "module example.org/m\n",
		"app/main.go":      "package main\n\nimport \"example.org/m/f\"\n\nfunc main() { f.Drain(1) }\n",
		"app/tool.md":      "---\nname: tool\nkind: app\nlang: go\ndomain: apps\nversion: 0.1.0\ndescription: A tool.\ntags: [cli]\nrun: go run ./app\nbinary_mb_max: 2\n---\n",
	}
	maps.Copy(files, unitFiles("drain", "Drains a queue of messages.", "Wait(1)"))
	maps.Copy(files, unitFiles("wait", "Waits between two tries, longer each time.", "Round(1)"))
	maps.Copy(files, unitFiles("round", "Rounds a number up.", ""))
	return files
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// server is a running registry_api.
type server struct {
	t    testing.TB
	url  string
	stop func()        // and waits until it has ended
	log  func() string // what it has logged so far
}

// runProgram runs registry_api without an environment, and returns its exit
// status.
func runProgram(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := registryAPI()
	p.Args, p.Stdout, p.Stderr = args, stdout, stderr
	p.LookupEnv = func(string) (string, bool) { return "", false }
	return program.ProgramRun(ctx, p)
}

// start runs registry_api on a free port until the test ends or stop is called,
// and waits until it is ready.
func start(t testing.TB, args ...string) *server {
	t.Helper()
	running := programtest.ProgramStart(t, registryAPI(), append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	s := &server{t: t, url: running.URL, stop: running.Stop, log: running.Log}
	s.until("it is ready", func() bool { return s.get("/readyz", nil).status == 200 })
	return s
}

// setup starts a server with the sample.
func setup(t testing.TB, args ...string) (*server, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, sample())
	return start(t, append([]string{"-root", dir, "-cache", t.TempDir()}, args...)...), dir
}

// until waits for a condition.
func (s *server) until(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain: %s\n%s", what, s.log())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// answer is a response, read completely.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// client neither follows redirects nor decompresses responses.
var client = &http.Client{
	Transport:     &http.Transport{DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (s *server) do(method, path, body string, header map[string]string) answer {
	s.t.Helper()
	req, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	if host := header["Host"]; host != "" {
		req.Host = host
	}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{s.t, res.StatusCode, res.Header, data}
}

func (s *server) get(path string, header map[string]string) answer {
	s.t.Helper()
	return s.do("GET", path, "", header)
}

// as decodes the response's JSON.
func as[T any](a answer) T {
	a.t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("status %d, %v: %s", a.status, err, a.body)
	}
	return v
}

// page is a list, as far as the tests need it.
type page struct {
	Items []struct {
		ID, Rule, Via, Signature, Description string
		Depth                                 int
	}
	Total      int
	NextCursor *string `json:"next_cursor"`
}

func (p page) ids() string {
	var ids []string
	for _, it := range p.Items {
		ids = append(ids, it.ID)
	}
	return strings.Join(ids, " ")
}

type problem struct {
	Type, Title, Detail, Instance, Code, Hint, Parameter string
	Status                                               int
	Candidates                                           []string
}
