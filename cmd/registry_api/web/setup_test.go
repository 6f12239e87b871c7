package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// loaded is a registry that is loaded once.
type loaded struct{ *registry.Registry }

func (s loaded) Freshness() api.Freshness {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return api.Freshness{Generation: 1, ChangedAt: &now, SweptAt: &now, Watching: true}
}

// setup serves the pages of a repository on a socket for the test.
func setup(t testing.TB, root string) string {
	t.Helper()
	reg, err := registry.Load(t.Context(), registry.Options{Roots: []string{root}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reg.Close() })
	mux := http.NewServeMux()
	pages := New(loaded{reg})
	pages.Mount(mux)
	server := httptest.NewServer(fnhttp.HTTPMux(mux, fnhttp.HTTPMuxConfig{NotFound: http.HandlerFunc(pages.NotFound)}))
	t.Cleanup(server.Close)
	return server.URL
}

// sample is a small repository: a type, three functions and a program, with
// findings.
func sample(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.org/m\n",
		"core/failure.go": "package core\n\ntype Failure struct{ Op string }\n\nfunc (f *Failure) Error() string { return f.Op }\n",
		"core/failure.md": "---\nname: failure\nkind: type\nlang: go\ndomain: core\nversion: 0.1.0\npurity: pure\nsignature: type Failure struct\n" +
			"description: The error that units return.\ntags: [errors]\n---\n\n## Gotchas\n\n<script>window.smuggled = 1</script>\n\n- a <b onclick=x>bold</b> claim\n",
		"core/add.go": "package core\n\nfunc Add(a, b int) (int, error) { return a + b, &Failure{} }\n",
		"core/add.md": "---\nname: add\nkind: function\nlang: go\ndomain: core\nversion: 0.1.0\npurity: pure\nsignature: func Add(a, b int) (int, error)\n" +
			"description: Adds two numbers and tells of overflow.\ntags: [math, sum]\nparams:\n  - name: a\n    desc: The first number.\n  - name: b\n    desc: The second number.\n" +
			"tested: true\ntests: [Overflow]\n---\n\n## Example\n\n```go\nsum, err := core.Add(1, 2)\n```\n\n## Gotchas\n\n- Only int.\n",
		"core/new_counter.go": "package core\n\n// Counter counts.\ntype Counter struct{ step int }\n\n// Count counts.\nfunc (c *Counter) Count(n int) *Failure { return nil }\n\n" +
			"func (c *Counter) hidden() {}\n\ntype NewCounterConfig struct {\n\tStep int\n}\n\nfunc NewCounter(cfg NewCounterConfig) *Counter { return &Counter{cfg.Step} }\n",
		"core/new_counter.md": "---\nname: new_counter\nkind: function\nlang: go\ndomain: core\nversion: 0.1.0\npurity: pure\nsignature: func NewCounter(cfg NewCounterConfig) *Counter\n" +
			"description: Makes a counter.\ntags: [count]\nparams:\n  - name: cfg.Step\n    desc: How far. Default 0.\n---\n",
		"core/twice.go": "package core\n\nfunc Twice(a int) int { n, _ := Add(a, a); return n }\n",
		"core/twice.md": "---\nname: twice\nkind: function\nlang: go\ndomain: core\npurity: impure\ndescription: Doubles.\ntags: [math]\n---\n",
		"app/main.go":   "package main\n\nimport \"example.org/m/core\"\n\nfunc main() { core.Twice(1); core.Add(1, 2) }\n",
		"app/tool.md":   "---\nname: tool\nkind: app\nlang: go\ndomain: apps\ndescription: A tool.\nfile_path: app/main.go\nrun: go run ./app\nbinary_mb_max: 3\n---\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
