package web

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"fnregistry.dev/cmd/registry_api/api"
	"fnregistry.dev/fn_registry/registry"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// get requests a page without following redirects.
func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestPages(t *testing.T) {
	t.Parallel()
	url := setup(t, sample(t))
	for _, tc := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/", 200, []string{"5 units", `href="/units/add_go_core"`, "func Add(a, b int) (int, error)"}},
		{"/?q=adds", 200, []string{"<mark>Adds</mark>", `value="adds"`, "1 unit", "Found by adds in name, description"}},
		{"/?q=summed", 200, []string{"Found by summed as sum (form) in tags"}},
		{"/?q=bogus:x", 200, []string{"bogus:x: unknown field bogus; there are tag, purity, kind, domain, lang, tested, imports, uses, used_by", "Nothing found."}},
		{"/?tag=math&kind=function", 200, []string{"2 units", `class="tag" href="/?kind=function" aria-current="true"`, `<input type="hidden" name="tag" value="math">`}},
		{"/?q=func(int)+int", 200, []string{"twice"}},
		{"/?q=adsd", 200, []string{"adsd taken for"}},
		{"/?q=" + strings.Repeat("a", 5000), 400, []string{"4096"}},
		{"/?q=%zz", 400, []string{"can&#39;t be read"}},
		{"/?cursor=nonsense", 400, []string{"ursor"}},
		{"/units/add_go_core", 200, []string{
			"The first number.", "Only int.", "Used by", "tool", "<svg", `middle" data-id="add_go_core"`, `<code>a</code> <code class="quiet">int</code>`,
			`href="/units/add_go_core/source#L3"`,
		}},
		{"/units/new_counter_go_core", 200, []string{
			`cfg <a href="#parameters">NewCounterConfig</a>`, `*<a href="#Counter">Counter</a>`, `<code>cfg.Step</code> <code class="quiet">int</code>`,
			`<section id="Counter"><h2>Counter</h2>`, "Methods of Counter",
			`Count(n <span class="t">int</span>) *<a href="/units/failure_go_core">Failure</a>`,
		}},
		{"/units/add_go_core/source", 200, []string{`id="L3"`, `&amp;<a href="/units/failure_go_core">Failure</a>{}`}},
		{"/units/tool_go_apps/source", 200, []string{`<a href="/units/twice_go_core">core.Twice</a>`}},
		{"/units/nothing_go_core/source", 404, nil},
		{"/units/add_go_core/history", 200, []string{"Git can&#39;t tell."}},
		{"/palette?q=adds", 200, []string{`[{"text":"add_go_core","url":"/units/add_go_core","hint":"Adds two`}},
		{"/units/ad_go_core", 404, []string{"Did you mean", `href="/units/add_go_core"`}},
		{"/apps", 200, []string{"1 program", "at most 3.0 MB", "go run ./app", "3 units in all"}},
		{"/graph", 200, []string{"<svg", ">twice</text>", "format=mermaid"}},
		{"/graph?id=twice", 200, []string{"Around", `middle" data-id="twice_go_core"`}},
		{"/graph?id=tool&to=failure", 200, []string{`class="lit"`, `on" data-id="add_go_core"`}},
		{"/graph?id=failure&to=tool", 200, []string{`class="lit"`}},
		{"/graph?id=add&to=twice&direction=uses", 200, []string{"No use leads"}},
		{"/graph?by=package", 200, []string{`<g class="group">`}},
		{"/graph?by=colour", 400, []string{"did you mean unit or package?"}},
		{"/graph?id=add&depth=none", 400, nil},
		{"/graph?id=nothing-at-all", 404, nil},
		{"/graph?id=add&id=twice", 400, []string{"Id: it is given more than once"}},
		{"/?kind=function&kind=type&q=a", 200, nil},
		{"/?q=a&q=b", 400, []string{"Q: it is given more than once"}},
		{"/graph?unit=twice", 400, []string{"Unit: this page has no such parameter"}},
		{"/?tested=maybe", 400, []string{"Tested: it is neither true nor false"}},
		{"/?tested=true", 200, []string{"1 unit"}},
		{"/?tested=0", 200, []string{"4 units"}},
		{"/?kind=nonsense", 400, nil},
		{"/?purity=nonsense", 400, nil},
		{"/findings?severity=nonsense", 400, nil},
		{"/graph?direction=nonsense", 400, nil},
		{"/?domian=core", 400, []string{"did you mean domain?"}},
		{"/apps?q=x", 400, nil},
		{"/units/add_go_core?q=x", 400, nil},
		{"/findings", 200, []string{"schema-missing (", "core/twice.md:1:1", "<h2><a href=\"/findings?rule=schema-missing\">", "findings of schema-missing"}},
		{"/findings?severity=error&unit=twice_go_core", 200, []string{"core/twice.md:1:1"}},
		{"/findings?file=nowhere", 200, []string{"0 findings"}},
		{"/findings?rule=schema-missing", 200, []string{"every key that the kind needs is present"}},
		{"/findings?rule=nonsense", 400, nil},
		{"/nowhere", 404, []string{"There is no page /nowhere."}},
		{"/assets/nothing.css", 404, nil},
	} {
		resp, body := get(t, url+tc.path)
		if resp.StatusCode != tc.status {
			t.Errorf("%.80s: status %d, want %d", tc.path, resp.StatusCode, tc.status)
		}
		for _, want := range tc.want {
			if !strings.Contains(body, want) {
				t.Errorf("%.80s lacks %q:\n%.1500s", tc.path, want, body)
			}
		}
	}
}

func TestPages_OtherForms(t *testing.T) {
	t.Parallel()
	url := setup(t, sample(t))
	resp, body := get(t, url+"/units/add_go_core", "Accept", "text/markdown, */*;q=0.1")
	if kind := resp.Header.Get("Content-Type"); kind != "text/markdown; charset=utf-8" || !strings.HasPrefix(body, "# add_go_core\n") ||
		!strings.Contains(body, "- `a`: The first number.") || !strings.Contains(body, "Used by: [tool_go_apps](/units/tool_go_apps)") {
		t.Errorf("%s\n%s", kind, body)
	}
	if _, body := get(t, url+"/?q=adds", "Accept", "text/markdown"); !strings.Contains(body, "- [add_go_core](/units/add_go_core): Adds two") ||
		!strings.Contains(body, "found by adds in name, description") {
		t.Errorf("list as Markdown:\n%s", body)
	}
	resp, _ = get(t, url+"/units/add_go_core", "Accept", "application/json")
	if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || to != "/api/v1/units/add_go_core" {
		t.Errorf("JSON: %d to %s", resp.StatusCode, to)
	}
	if _, body := get(t, url+"/?q=adds", "X-Fragment", "results"); strings.Contains(body, "<html") || !strings.Contains(body, "add_go_core") {
		t.Errorf("fragment:\n%s", body)
	}
	// A browser's own Accept header means HTML.
	resp, _ = get(t, url+"/", "Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8,application/json;q=0.5")
	if kind := resp.Header.Get("Content-Type"); kind != "text/html; charset=utf-8" {
		t.Errorf("a browser gets %s", kind)
	}
	tag := resp.Header.Get("Etag")
	if resp, _ := get(t, url+"/", "If-None-Match", tag); tag == "" || resp.StatusCode != http.StatusNotModified {
		t.Errorf("ETag %q: status %d", tag, resp.StatusCode)
	}
}

// A server failure is in its log, and its request ID on the page.
func TestPages_FailureIsReported(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	reg, err := registry.Load(t.Context(), registry.Options{Roots: []string{dir}})
	if err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	if err := os.Remove(filepath.Join(dir, "core/add.go")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "core/add.go"), 0o755); err != nil { // it can't be read as a file
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	New(loaded{reg}).Mount(mux)
	records := make(chan fnhttp.HTTPAccessLogRecord, 1)
	server := httptest.NewServer(fnhttp.HTTPAccessLog(mux, fnhttp.HTTPAccessLogConfig{
		Logger: slog.New(slog.DiscardHandler), Observe: func(r fnhttp.HTTPAccessLogRecord) { records <- r },
	}))
	defer server.Close()
	resp, body := get(t, server.URL+"/units/add_go_core/source")
	id := resp.Header.Get(fnhttp.RequestIDHeader)
	if resp.StatusCode != 500 || !strings.Contains(body, "Request "+id) || strings.Contains(body, "add.go") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, header %v:\n%s", resp.StatusCode, resp.Header, body)
	}
	if r := <-records; r.Err == nil || !strings.Contains(r.Err.Error(), "add.go") {
		t.Errorf("the log has the error %v", r.Err)
	}
}

func TestPages_Starting(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	New(empty{}).Mount(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	resp, body := get(t, server.URL+"/")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, `http-equiv="refresh"`) {
		t.Errorf("status %d:\n%s", resp.StatusCode, body)
	}
}

// empty is a source that has loaded nothing yet.
type empty struct{}

func (empty) State() *registry.State   { return nil }
func (empty) Freshness() api.Freshness { return api.Freshness{} }

func TestSentence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"cursor: it is old": "Cursor: it is old.", "q: too long; did you mean id?": "Q: too long; did you mean id?",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLinkIDs(t *testing.T) {
	t.Parallel()
	exists := func(id string) bool { return id == "add_go_core" }
	for in, want := range map[string]string{
		"<p>use add_go_core, not x_go_core</p>":        `<p>use <a href="/units/add_go_core">add_go_core</a>, not x_go_core</p>`,
		"<p><code>add_go_core</code></p>":              `<p><code><a href="/units/add_go_core">add_go_core</a></code></p>`,
		`<a href="/x">add_go_core</a> add_go_core`:     `<a href="/x">add_go_core</a> <a href="/units/add_go_core">add_go_core</a>`,
		"<pre><code>add_go_core</code></pre>":          "<pre><code>add_go_core</code></pre>",
		`<img alt="add_go_core"> <`:                    `<img alt="add_go_core"> <`,
		"<blockquote>\n<p>add_go_core\n</blockquote>x": "<blockquote>\n<p><a href=\"/units/add_go_core\">add_go_core</a>\n</blockquote>x",
	} {
		if got := linkIDs(in, exists); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

// TestPages_History tests a spec with two versions.
func TestPages_History(t *testing.T) {
	t.Parallel()
	dir := sample(t)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "The <first>")
	file := filepath.Join(dir, "core/add.md")
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.Replace(old, []byte("version: 0.1.0"), []byte("version: 0.2.0"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "-a", "-m", "The second")
	_, body := get(t, setup(t, dir)+"/units/add_go_core/history")
	first, second := strings.Index(body, "<td>0.2.0</td>"), strings.Index(body, "<td>0.1.0</td>")
	if first < 0 || second < first || !strings.Contains(body, "The &lt;first&gt;") {
		t.Errorf("versions:\n%s", body)
	}
}

// TestConnection: a shortest path along the edges, or against them.
func TestConnection(t *testing.T) {
	t.Parallel()
	g := &registry.Graph{Edges: []registry.Edge{{From: "a", To: "b"}, {From: "b", To: "c"}, {From: "c", To: "d"}, {From: "a", To: "c"}, {From: "d", To: "a"}, {From: "x", To: "a"}}}
	for pair, want := range map[[2]string]string{{"a", "d"}: "a c d", {"d", "x"}: "x a c d", {"a", "a"}: "a", {"a", "nobody"}: "", {"", "a"}: ""} {
		if got := strings.Join(connection(g, pair[0], pair[1]), " "); got != want {
			t.Errorf("%v: %q, want %q", pair, got, want)
		}
	}
}

// gated is a source whose state is given once the gate is open.
type gated struct {
	loaded
	gate    <-chan struct{}
	waiting atomic.Int64
}

func (s *gated) State() *registry.State {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	<-s.gate
	return s.loaded.State()
}

// Many requests for a page at once are worked on a few at a time, and all are
// answered: hundreds together made the garbage collector work instead.
func TestPages_Crowd(t *testing.T) {
	t.Parallel()
	reg, err := registry.Load(t.Context(), registry.Options{Roots: []string{sample(t)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reg.Close() })
	synctest.Test(t, func(t *testing.T) { crowd(t, loaded{reg}) })
}

func crowd(t *testing.T, known loaded) {
	gate := make(chan struct{})
	source := &gated{loaded: known, gate: gate}
	mux := http.NewServeMux()
	New(source).Mount(mux)
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			w := httptest.NewRecorder()
			if mux.ServeHTTP(w, httptest.NewRequest("GET", "/graph", nil)); w.Code != http.StatusOK {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	synctest.Wait()
	if n, want := source.waiting.Load(), int64(2*runtime.GOMAXPROCS(0)); n != want {
		t.Errorf("%d are worked on at once, want %d", n, want)
	}
	close(gate)
	all.Wait()
}
