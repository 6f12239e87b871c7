package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/infra/program"
)

func TestRun_Units(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	for query, want := range map[string]string{
		"":                                   "drain_go_f round_go_f tool_go_apps wait_go_f",
		"?q=messages":                        "drain_go_f",
		"?q=mesages":                         "drain_go_f",
		"?q=kind:app":                        "tool_go_apps",
		"?kind=app&kind=function&limit=1":    "drain_go_f",
		"?domain=f&tag=number&tag=wait":      "wait_go_f",
		"?purity=pure&tested=true&tag=round": "round_go_f",
		"?uses=round_go_f":                   "wait_go_f",
		"?used_by=tool_go_apps":              "drain_go_f",
		"?imports=example.org/m":             "tool_go_apps",
		"?lang=go&signature=" + url.QueryEscape("func(int) _") + "&sort=id": "drain_go_f round_go_f wait_go_f",
		"?sort=use&limit=2": "round_go_f wait_go_f",
		"?tested=false":     "tool_go_apps",
	} {
		got := s.get("/api/v1/units"+query, nil)
		if p := as[page](got); got.status != 200 || p.ids() != want {
			t.Errorf("%s: %d %s, want %s", query, got.status, p.ids(), want)
		}
	}
	first := as[page](s.get("/api/v1/units?limit=3", nil))
	if first.Total != 4 || first.NextCursor == nil {
		t.Fatalf("%+v", first)
	}
	if next := as[page](s.get("/api/v1/units?limit=3&cursor="+*first.NextCursor, nil)); next.ids() != "wait_go_f" || next.NextCursor != nil {
		t.Errorf("%+v", next)
	}
	item := as[struct{ Items []map[string]any }](s.get("/api/v1/units?q=messages", nil)).Items[0]
	for _, field := range strings.Fields("id name kind lang domain version purity signature description tags file_path score") {
		if item[field] == nil {
			t.Errorf("an item lacks %s: %v", field, item)
		}
	}
}

func TestRun_Unit(t *testing.T) {
	t.Parallel()
	s, dir := setup(t)
	got := s.get("/api/v1/units/wait_go_f", nil)
	u := as[struct {
		Spec struct {
			Params []struct{ Name, Desc string }
		}
		Derived struct {
			UsesFunctions []string `json:"uses_functions"`
		}
		Body struct {
			HTML     string
			Sections []struct{ Kind, HTML string }
		}
		Findings []struct{ Rule, File string }
		Apps     []string
	}](got)
	if len(u.Spec.Params) != 1 || u.Derived.UsesFunctions[0] != "round_go_f" || u.Apps[0] != "tool_go_apps" || len(u.Body.Sections) != 3 {
		t.Errorf("%+v", u)
	}
	if !strings.Contains(u.Body.HTML, "<em>number</em>") || strings.Contains(u.Body.HTML, "<script") || strings.Contains(u.Body.HTML, "javascript:") {
		t.Errorf("body %s", u.Body.HTML)
	}
	if len(u.Findings) != 1 || u.Findings[0].Rule != "uses-functions" || u.Findings[0].File != "f/wait.md" {
		t.Errorf("findings %+v", u.Findings)
	}
	if bytes.Contains(got.body, []byte(dir)) {
		t.Error("the response reveals the repository's location on this machine")
	}
	if p := as[page](s.get("/api/v1/units/tool_go_apps/dependencies", nil)); p.ids() != "drain_go_f wait_go_f round_go_f" || p.Items[2].Via != "wait_go_f" || p.Items[2].Depth != 3 {
		t.Errorf("dependencies %+v", p)
	}
	if p := as[page](s.get("/api/v1/units/round_go_f/dependents", nil)); p.ids() != "wait_go_f drain_go_f tool_go_apps" {
		t.Errorf("dependents %+v", p)
	}
	for _, path := range []string{"/api/v1/units/wiat_go_f", "/api/v1/units/wait", "/api/v1/units/wait/dependents", "/api/v1/graph?id=wait"} {
		got := s.get(path, nil)
		p := as[problem](got)
		if got.status != 404 || got.header.Get("Content-Type") != "application/problem+json" || !slices.Contains(p.Candidates, "wait_go_f") || p.Code != "not_found" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestRun_Similar(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	post := func(body string) answer {
		return s.do("POST", "/api/v1/similar", body, map[string]string{"Content-Type": "application/json"})
	}
	got := as[struct {
		Advice string
		Use    []string
		Items  []struct {
			ID    string
			Score float64
		}
	}](post(`{"name": "wait", "signature": "func(int) int", "description": "waits longer between tries", "limit": 2}`))
	if got.Advice != "use" || len(got.Use) == 0 || got.Use[0] != "wait_go_f" || len(got.Items) > 2 {
		t.Errorf("%+v", got)
	}
	for body, status := range map[string]int{
		`{}`: 400, `{"limit": 3}`: 400, `{"descripton": "x"}`: 400, `{"signature": "nonsense"}`: 400, `{"name": 3}`: 400, `[`: 400, ``: 400,
		`{"name":"x","limit":0}`: 400, `{"name":"x","limit":51}`: 400, `{"name":"a\u0000b"}`: 400, "{\"name\":\"\xff\"}": 400,
		`{"name":"` + strings.Repeat("x", 10<<20) + `"}`: 413, `{"name":"` + strings.Repeat("x", 100<<10) + `"}`: 400,
	} {
		if got := post(body); got.status != status || as[problem](got).Status != status {
			t.Errorf("%.40s: %d %s", body, got.status, got.body)
		}
	}
	if p := as[problem](post(`{"descripton": "x"}`)); !slices.Contains(p.Candidates, "description") {
		t.Errorf("%+v", p)
	}
	if got := s.do("POST", "/api/v1/similar", `{"name":"x"}`, map[string]string{"Content-Type": "text/plain"}); got.status != 415 {
		t.Errorf("text/plain: %d", got.status)
	}
}

func TestRun_Graph(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	g := as[struct {
		Nodes []struct{ ID string }
		Edges []struct{ From, To string }
	}](s.get("/api/v1/graph", nil))
	if len(g.Nodes) != 4 || len(g.Edges) != 3 {
		t.Errorf("%+v", g)
	}
	for query, want := range map[string]string{
		"?format=dot&id=round_go_f&depth=1":                     `"wait_go_f" -> "round_go_f"`,
		"?format=mermaid&id=wait_go_f&direction=uses":           "n1 --> n0",
		"?format=json&id=drain_go_f&direction=used_by&domain=f": `"edges":[]`,
	} {
		if got := s.get("/api/v1/graph"+query, nil); got.status != 200 || !strings.Contains(string(got.body), want) {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestRun_Lists(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	if p := as[page](s.get("/api/v1/apps", nil)); p.ids() != "tool_go_apps" || p.Total != 1 {
		t.Errorf("apps %+v", p)
	}
	all := as[page](s.get("/api/v1/findings", nil))
	if all.Total != len(all.Items) || all.Total < 2 {
		t.Fatalf("findings %+v", all)
	}
	var rules []string
	for path := "/api/v1/findings?limit=1"; ; {
		p := as[page](s.get(path, nil))
		rules = append(rules, p.Items[0].Rule)
		if p.NextCursor == nil {
			break
		}
		path = "/api/v1/findings?limit=1&cursor=" + *p.NextCursor
	}
	if len(rules) != all.Total {
		t.Errorf("pages of one: %v", rules)
	}
	if p := as[page](s.get("/api/v1/findings?rule=uses-functions&severity=error&domain=f&unit=wait_go_f&file=f", nil)); p.Total != 1 {
		t.Errorf("%+v", p)
	}
	stats := as[struct {
		Units, Findings int
		Freshness       struct {
			Generation int
			Watching   bool
			SweptAt    *time.Time `json:"swept_at"`
		}
	}](s.get("/api/v1/stats", nil))
	if stats.Units != 4 || stats.Findings != all.Total || stats.Freshness.Generation == 0 || stats.Freshness.SweptAt == nil {
		t.Errorf("%+v", stats)
	}
	if got := s.get("/healthz", nil); got.status != 200 {
		t.Errorf("healthz %d", got.status)
	}
}

func TestRun_Refuses(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	for _, c := range []struct {
		path      string
		status    int
		candidate string
	}{
		{"/api/v1/units?lmit=3", 400, "limit"},
		{"/api/v1/units?Q=x", 400, "q"},
		{"/api/v1/units?limit=-1", 400, ""},
		{"/api/v1/units?limit=0", 400, ""},
		{"/api/v1/units?limit=201", 400, ""},
		{"/api/v1/units?limit=x", 400, ""},
		{"/api/v1/units?limit=1&limit=2", 400, ""},
		{"/api/v1/units?limit=99999999999999999999", 400, ""},
		{"/api/v1/units?kind=functoin", 400, "function"},
		{"/api/v1/units?purity=prue", 400, "pure"},
		{"/api/v1/units?tested=maybe", 400, ""},
		{"/api/v1/units?uses=wait", 400, "wait_go_f"},
		{"/api/v1/units?sort=size", 400, ""},
		{"/api/v1/units?signature=nonsense", 400, ""},
		{"/api/v1/units?cursor=nonsense", 400, ""},
		{"/api/v1/units?q=a%00b", 400, ""},
		{"/api/v1/units?q=%ff", 400, ""},
		{"/api/v1/units?tag=%ff", 400, ""},
		{"/api/v1/units?q=%zz", 400, ""},
		{"/api/v1/units?q=a;b", 400, ""},
		{"/api/v1/units?q=" + strings.Repeat("x", 5000), 400, ""},
		{"/api/v1/units/wait_go_f?q=x", 400, ""},
		{"/api/v1/units/%00", 400, ""},
		{"/api/v1/units/" + strings.Repeat("x", 5000), 400, ""},
		{"/api/v1/graph?format=svg", 400, ""},
		{"/api/v1/graph?depth=0", 400, ""},
		{"/api/v1/findings?rule=uses-funtions", 400, "uses-functions"},
		{"/api/v1/findings?unit=wayt_go_f", 400, "wait_go_f"},
		{"/api/v1/findings?domain=ff", 400, "f"},
		{"/api/v1/graph?domain=ff", 400, "f"},
		{"/api/v1/graph?depth=2", 400, ""},
		{"/api/v1/findings?cursor=x", 400, ""},
		{"/api/v1/apps?q=x", 400, ""},
		{"/healthz?q=x", 400, ""},
		{"/metrics?q=x", 400, ""},
		{"/openapi.json?q=x", 400, ""},
		{"/api/v1/unit", 404, "/api/v1/units"},
		{"/api/", 404, ""},
	} {
		got := s.get(c.path, nil)
		p := as[problem](got)
		if got.status != c.status || p.Status != c.status || p.Type == "" || p.Title == "" || p.Detail == "" ||
			got.header.Get("Content-Type") != "application/problem+json" || c.candidate != "" && !slices.Contains(p.Candidates, c.candidate) {
			t.Errorf("%.80s: %d %.300s", c.path, got.status, got.body)
		}
	}
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/api/v1/units", "GET, HEAD"}, {"DELETE", "/api/v1/units/wait_go_f", "GET, HEAD"}, {"GET", "/api/v1/similar", "POST"},
		{"POST", "/", "GET, HEAD"}, {"PUT", "/units/wait_go_f", "GET, HEAD"}, {"DELETE", "/openapi.json", "GET, HEAD"},
	} {
		if got := s.do(c.method, c.path, "", nil); got.status != 405 || got.header.Get("Allow") != c.allow || as[problem](got).Code != "unsupported" {
			t.Errorf("%s %s: %d %s %s", c.method, c.path, got.status, got.header, got.body)
		}
	}
	if got := s.get("/api/v1/units?q="+strings.Repeat("x", 100<<10), nil); got.status != 431 {
		t.Errorf("100 KiB of q: %d", got.status)
	}
	if got := s.get("/api/v1/units?q=%3Cscript%3E:x", nil); bytes.Contains(got.body, []byte("html")) || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		t.Errorf("%s %s", got.header, got.body)
	}
}

// TestRun_UnknownParameter: whatever the name, the error lists the valid ones.
func TestRun_UnknownParameter(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	units := "q kind lang domain tag purity tested imports uses used_by signature sort limit cursor"
	for path, want := range map[string]string{
		"/api/v1/units?bogus=1":                             units,
		"/api/v1/units?" + strings.Repeat("x", 3000) + "=1": units,
		"/api/v1/units?=1":                                  "q",
		"/api/v1/units?lmit=1":                              "limit",
		"/api/v1/units?Q=x":                                 "q",
		"/api/v1/units?used-by=x":                           "used_by",
		"/api/v1/graph?bogus=1":                             "format id depth direction domain",
		"/api/v1/graph?fromat=dot":                          "format",
		"/api/v1/findings?bogus=1":                          "rule severity unit domain file limit cursor",
		"/api/v1/findings?sevrity=error":                    "severity",
		"/api/v1/apps?bogus=1":                              "",
		"/api/v1/stats?bogus=1":                             "",
		"/api/v1/units/wait_go_f?id=1":                      "",
		"/api/v1/units/wait_go_f/dependents?depth=1":        "",
		"/metrics?bogus=1":                                  "",
		"/openapi.json?bogus=1":                             "",
		"/readyz?bogus=1":                                   "",
	} {
		got := s.get(path, map[string]string{"If-None-Match": "*"})
		p := as[problem](got)
		if got.status != 400 || p.Code != "invalid" || p.Candidates == nil || strings.Join(p.Candidates, " ") != want || len(p.Detail) > 200 {
			t.Errorf("%.80s: %d %.300s", path, got.status, got.body)
		}
	}
	post := s.do("POST", "/api/v1/similar?limit=3", `{"name":"x"}`, map[string]string{"Content-Type": "application/json"})
	if p := as[problem](post); post.status != 400 || p.Parameter != "limit" || p.Candidates == nil {
		t.Errorf("similar: %d %s", post.status, post.body)
	}
}

func TestRun_Browsers(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	for _, c := range []struct {
		header map[string]string
		status int
	}{
		{map[string]string{"Origin": "https://evil.example"}, 403},
		{map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{map[string]string{"Host": "evil.example"}, 403},
		{map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		{nil, 200},
	} {
		header := map[string]string{"Content-Type": "application/json"}
		maps.Copy(header, c.header)
		if got := s.do("POST", "/api/v1/similar", `{"name": "x"}`, header); got.status != c.status {
			t.Errorf("%v: %d %s", c.header, got.status, got.body)
		}
	}
	got := s.get("/api/v1/units", map[string]string{"Origin": "https://evil.example"})
	if got.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("a foreign page may read answers")
	}
	csp := got.header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'self'") || strings.Contains(csp, "unsafe") || got.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", got.header)
	}
}

func TestRun_Conditional(t *testing.T) {
	t.Parallel()
	s, dir := setup(t)
	paths := []string{
		"/api/v1/units?q=number", "/api/v1/units", "/api/v1/units/wait_go_f", "/api/v1/units/wait_go_f/dependents", "/api/v1/graph",
		"/api/v1/graph?format=dot", "/api/v1/apps", "/api/v1/findings", "/openapi.json",
	}
	tags := map[string]string{}
	for _, path := range paths {
		got := s.get(path, nil)
		tags[path] = got.header.Get("Etag")
		if tags[path] == "" {
			t.Errorf("%s has no ETag", path)
		}
		again := s.get(path, map[string]string{"If-None-Match": tags[path]})
		if again.status != 304 || len(again.body) != 0 || again.header.Get("Registry-Watching") == "" {
			t.Errorf("%s: %d %v", path, again.status, again.header)
		}
		zipped := s.get(path, map[string]string{"Accept-Encoding": "gzip"})
		plain := zipped.body
		if zipped.header.Get("Content-Encoding") == "gzip" {
			r, err := gzip.NewReader(bytes.NewReader(zipped.body))
			if err != nil {
				t.Fatal(err)
			}
			if plain, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		} else if len(got.body) > 2000 {
			t.Errorf("%s: %d bytes were not compressed", path, len(got.body))
		}
		if !bytes.Equal(plain, got.body) {
			t.Errorf("%s differs when compressed", path)
		}
		again = s.get(path, map[string]string{"Accept-Encoding": "gzip", "If-None-Match": zipped.header.Get("Etag")})
		if again.status != 304 {
			t.Errorf("%s compressed: %d", path, again.status)
		}
		if head := s.do("HEAD", path, "", nil); head.status != 200 || head.header.Get("Etag") != tags[path] || len(head.body) != 0 {
			t.Errorf("HEAD %s: %d %v", path, head.status, head.header)
		}
	}
	if tags[paths[0]] == tags[paths[1]] {
		t.Error("two answers have one ETag")
	}
	if got := s.get("/api/v1/units/nope", map[string]string{"If-None-Match": tags[paths[2]]}); got.status != 404 || got.header.Get("Etag") != "" {
		t.Errorf("404: %d %v", got.status, got.header)
	}
	write(t, dir, unitFiles("round", "Rounds a number down.", ""))
	s.until("the change is seen", func() bool {
		return strings.Contains(string(s.get("/api/v1/units?q=down", nil).body), "Rounds a number down.")
	})
	if got := s.get(paths[0], map[string]string{"If-None-Match": tags[paths[0]]}); got.status != 200 || got.header.Get("Etag") == tags[paths[0]] {
		t.Errorf("after a change: %d", got.status)
	}
}

func TestRun_FollowsFiles(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-sweep", "1h"}, {"-watch=false", "-sweep", "1s"}} {
		s, dir := setup(t, args...)
		ids := func() string { return as[page](s.get("/api/v1/units", nil)).ids() }
		write(t, dir, unitFiles("wait", "Waits for the bus.", "Round(1)"))
		s.until("an edit is seen", func() bool { return as[page](s.get("/api/v1/units?q=bus", nil)).ids() == "wait_go_f" })
		write(t, dir, unitFiles("pump", "Pumps water.", "Wait(1)"))
		s.until("a new unit is seen", func() bool { return strings.Contains(ids(), "pump_go_f") })
		s.until("its use is seen", func() bool {
			return strings.Contains(as[page](s.get("/api/v1/units/wait_go_f/dependents", nil)).ids(), "pump_go_f")
		})
		for file := range unitFiles("pump", "", "") {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
		s.until("a removal is seen", func() bool { return !strings.Contains(ids(), "pump_go_f") })
		write(t, dir, map[string]string{"other/deep/stop.md": unitFiles("stop", "Stops.", "")["f/stop.md"]})
		s.until("a new folder is seen", func() bool { return strings.Contains(ids(), "stop_go_f") })
		if err := os.RemoveAll(filepath.Join(dir, "other")); err != nil {
			t.Fatal(err)
		}
		s.until("a removed folder is seen", func() bool { return !strings.Contains(ids(), "stop_go_f") })
		s.stop()
	}
}

func TestRun_Restart(t *testing.T) {
	t.Parallel()
	dir, cache := t.TempDir(), t.TempDir()
	write(t, dir, sample())
	args := []string{"-root", dir, "-cache", cache, "-sweep", "1h"}
	s := start(t, args...)
	before := s.get("/api/v1/units?q=number", nil)
	s.stop()
	files, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("cache: %v, %v", files, err)
	}
	write(t, dir, unitFiles("pump", "Pumps a number.", ""))
	if err := os.Remove(filepath.Join(dir, "f/drain.md")); err != nil {
		t.Fatal(err)
	}
	again := start(t, args...)
	want := "pump_go_f round_go_f tool_go_apps wait_go_f"
	again.until("what changed meanwhile is seen", func() bool { return as[page](again.get("/api/v1/units", nil)).ids() == want })
	if strings.Contains(again.log(), "added=5") {
		t.Error("everything was read again")
	}
	after := again.get("/api/v1/units?q=number", map[string]string{"If-None-Match": before.header.Get("Etag")})
	if after.status != 200 {
		t.Errorf("an ETag of another process: %d", after.status)
	}
}

func TestRun_LosesItsRoot(t *testing.T) {
	t.Parallel()
	s, dir := setup(t, "-sweep", "1s")
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	s.until("the loss is told", func() bool {
		return as[struct{ Freshness struct{ Problem string } }](s.get("/api/v1/stats", nil)).Freshness.Problem != ""
	})
	if p := as[page](s.get("/api/v1/units", nil)); p.Total != 4 {
		t.Errorf("the known state is lost: %+v", p)
	}
	if err := os.Rename(dir+".away", dir); err != nil {
		t.Fatal(err)
	}
	s.until("it is well again", func() bool {
		return as[struct{ Freshness struct{ Problem string } }](s.get("/api/v1/stats", nil)).Freshness.Problem == ""
	})
}

func TestRun_Metrics(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	s.get("/api/v1/units?lmit=1", nil)
	s.get("/api/v1/findings", nil)
	var text string
	s.until("the first look at all files, which comes behind the first answers, is counted", func() bool {
		text = string(s.get("/metrics", nil).body)
		return strings.Contains(text, "registry_refreshes_total{")
	})
	for _, want := range []string{
		`registry_units 4`, `registry_ready 1`, `registry_generation `, `registry_swept_timestamp_seconds `,
		`http_requests_total{method="GET",route="/api/v1/units",status="400"} 1`,
		`http_request_duration_seconds_count{method="GET",route="/api/v1/units"} 1`, `registry_refreshes_total{result="ok"}`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestRun_GracefulStop(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	// A request whose body is still arriving when the server is stopped is
	// answered.
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, "POST /api/v1/similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15\r\nExpect: 100-continue\r\n\r\n")
	buf := make([]byte, 25)
	if _, err := io.ReadFull(conn, buf); err != nil || !strings.Contains(string(buf), "100 Continue") {
		t.Fatalf("%q, %v", buf, err)
	}
	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	s.until("no new connection is taken", func() bool {
		c, err := net.Dial("tcp", conn.RemoteAddr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	io.WriteString(conn, `{"name":"wait"}`)
	text, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(text), "HTTP/1.1 200 OK") {
		t.Errorf("got %.200s", text)
	}
	<-stopped
}

func TestRun_Arguments(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args   []string
		status int
		text   string
	}{
		{[]string{"-version"}, 0, "registry_api version "},
		{[]string{"-help"}, 0, "--root LIST"},
		{[]string{"config", "-root", "a", "-root", "b"}, 0, "flag --root"},
		{[]string{"-nonsense"}, 64, "unknown flag: --nonsense"},
		{[]string{"folder"}, 64, `unexpected argument "folder"`},
		{[]string{"-sweep", "1ms"}, 64, "1ms is less than 1s"},
		{[]string{"-root", ""}, 64, "--root is empty"},
		{[]string{"-log-level", "loud"}, 64, "debug, info, warn, error"},
		{[]string{"-addr", "nonsense"}, 64, "nonsense"},
		{[]string{"-addr", taken.Addr().String()}, 73, "address already in use"},
		{[]string{"-addr", "127.0.0.1:0", "-root", filepath.Join(t.TempDir(), "nowhere"), "-cache", t.TempDir()}, 66, "nowhere"},
	} {
		var stdout, stderr bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		status := runProgram(ctx, c.args, &stdout, &stderr)
		if status != c.status || ctx.Err() != nil || !strings.Contains(stdout.String()+stderr.String(), c.text) {
			t.Errorf("%v: %d, %s%s", c.args, status, &stdout, &stderr)
		}
		cancel()
	}
}

var update = flag.Bool("update", false, "write docs/registry_api.schema.json")

// The page and the schema for editors match the program's settings.
func TestRun_Page(t *testing.T) {
	t.Parallel()
	about, err := program.ProgramDescribe("registry_api", defaults)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/registry_api.md")
	if err != nil || !strings.Contains(string(page), about.Markdown()) {
		t.Errorf("docs/registry_api.md lacks this table: %v\n%s", err, about.Markdown())
	}
	const file = "../../docs/registry_api.schema.json"
	if *update {
		if err := os.WriteFile(file, about.JSONSchema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(schema, about.JSONSchema()) {
		t.Errorf("%s is out of date: go test ./cmd/registry_api -run Page -update writes it: %v", file, err)
	}
}

// FuzzQuery: whatever the query of a list, the response is JSON and not a
// server failure.
func FuzzQuery(f *testing.F) {
	s, _ := setup(f)
	for _, seed := range []string{
		"q=drain&limit=3", "q=%00", "q=func(int)%20int&signature=x", "lmit=1", "tag=a&tag=b", "cursor=eyJxIjoiIn0", "limit=-1", "q=%ff;x", "&&==&q",
		"uses=wait_go_f&sort=use&tested=1", "q=%22a%20b&kind=app", "signature=(_,_)%20-%3E%20error",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if len(query) > 30_000 || strings.ContainsFunc(query, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' || r == 0xfffd }) {
			return // no client can send it
		}
		u, err := url.Parse(s.url + "/api/v1/units")
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = query
		res, err := client.Get(u.String())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 200 && res.StatusCode != 400 || !json.Valid(body) {
			t.Errorf("%q: %d %s", query, res.StatusCode, body)
		}
	})
}
