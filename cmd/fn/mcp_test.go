package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/tools/testenv/testkit/scripttest"
)

// repo unpacks the repository many into a folder for the test.
func repo(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "many")
	if err := unpack("many", dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// connect serves a repository over an in-memory transport to the SDK's own
// client.
func connect(t *testing.T, dir string) *mcp.ClientSession {
	t.Helper()
	r, err := registry.Load(t.Context(), registry.Options{Roots: []string{dir}, NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	return connectTo(t, r)
}

// connectTo serves a registry, and closes it with the test.
func connectTo(t *testing.T, r *registry.Registry) *mcp.ClientSession {
	t.Helper()
	return connectWith(t, r, 0)
}

// connectWith is connectTo with a server whose checks of the files stay valid
// for a while.
func connectWith(t *testing.T, r *registry.Registry, every time.Duration) *mcp.ClientSession {
	t.Helper()
	here, there := mcp.NewInMemoryTransports()
	server, err := newServer(r, "1", every).Connect(t.Context(), there, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), here, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Wait()
		r.Close()
	})
	return client
}

// call calls a tool and decodes its structured result into out, unless that is
// nil. It returns the text.
func call(t *testing.T, client *mcp.ClientSession, tool string, in map[string]any, out any) (text string, failed bool) {
	t.Helper()
	res, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: in})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	for _, c := range res.Content {
		if tc, ok := c.(*mcp.TextContent); ok {
			text += tc.Text
		}
	}
	if out != nil {
		if res.IsError {
			t.Fatalf("%s: %s", tool, text)
		}
		data, err := json.Marshal(res.StructuredContent)
		if err == nil {
			err = json.Unmarshal(data, out)
		}
		if err != nil {
			t.Fatalf("%s: %v", tool, err)
		}
	}
	return text, res.IsError
}

func TestMCP_Tools(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))
	init := client.InitializeResult()
	if init.ServerInfo.Name != "fn" || !strings.Contains(init.Instructions, "Look before you write") || !strings.Contains(init.Instructions, `"similar"`) {
		t.Errorf("initialize: %+v", init)
	}
	list, err := client.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		if len(tool.Description) < 40 || tool.OutputSchema == nil || tool.Annotations == nil || tool.Annotations.ReadOnlyHint == slices.Contains([]string{"new", "fix"}, tool.Name) {
			t.Errorf("%s: %+v", tool.Name, tool)
		}
		data, err := json.Marshal(tool.InputSchema)
		var schema struct {
			Properties map[string]struct{ Description string }
		}
		if err != nil || json.Unmarshal(data, &schema) != nil || len(schema.Properties) == 0 {
			t.Errorf("%s: input schema %s", tool.Name, data)
		}
		for name, p := range schema.Properties {
			if p.Description == "" {
				t.Errorf("%s: %s is not described", tool.Name, name)
			}
		}
	}
	slices.Sort(names)
	if want := []string{"find", "fix", "graph", "impact", "lint", "new", "show", "similar", "size", "uses"}; !slices.Equal(names, want) {
		t.Errorf("tools %v, want %v", names, want)
	}
}

func TestMCP_Answers(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))

	var found findOut
	text, _ := call(t, client, "find", map[string]any{"query": "retry backoff"}, &found)
	if found.Total != 1 || found.Units[0].ID != "backoff_delay_go_base" || !strings.Contains(text, "func BackoffDelay(") {
		t.Errorf("find: %+v\n%s", found, text)
	}
	call(t, client, "find", map[string]any{"kind": []string{"app"}}, &found)
	if found.Total != 1 || found.Units[0].ID != "fetch_go_web" {
		t.Errorf("find apps: %+v", found)
	}
	if text, _ = call(t, client, "find", map[string]any{"query": "zebra"}, &found); found.Total != 0 || !strings.Contains(text, "nothing found") {
		t.Errorf("find nothing: %+v %s", found, text)
	}

	var shown showOut
	text, _ = call(t, client, "show", map[string]any{"id": "base.BackoffDelay"}, &shown)
	if shown.ID != "backoff_delay_go_base" || shown.ImportPath != "acme.example/lib/base" || shown.Symbol != "BackoffDelay" || len(shown.Params) != 2 ||
		!slices.Equal(shown.UsedBy, []string{"page_fetch_go_web"}) || !slices.Equal(shown.Apps, []string{"fetch_go_web"}) || !strings.Contains(text, "There is no jitter.") {
		t.Errorf("show: %+v\n%s", shown, text)
	}

	var alike similarOut
	call(t, client, "similar", map[string]any{"description": "wait before the next try, doubled with each failed attempt", "signature": "func(n int, m time.Duration) time.Duration"}, &alike)
	if alike.Advice != "use" || !slices.Equal(alike.Use, []string{"backoff_delay_go_base"}) {
		t.Errorf("similar: %+v", alike)
	}

	var reached reachOut
	text, _ = call(t, client, "impact", map[string]any{"id": "failure"}, &reached)
	if reached.Total != 2 || reached.Units[1] != (reachedOut{"fetch_go_web", "app", 2, "page_fetch_go_web"}) || !strings.Contains(text, "1 program among them") {
		t.Errorf("impact: %+v\n%s", reached, text)
	}
	call(t, client, "uses", map[string]any{"id": "fetch_go_web"}, &reached)
	if reached.Total != 3 {
		t.Errorf("uses: %+v", reached)
	}

	var graph graphOut
	call(t, client, "graph", map[string]any{"id": "failure", "depth": 1}, &graph)
	if graph.Nodes != 2 || graph.Edges != 1 || !strings.HasPrefix(graph.Graph, "flowchart LR\n") {
		t.Errorf("graph: %+v", graph)
	}
}

func TestMCP_WrongInput(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))
	for name, c := range map[string]struct {
		tool string
		in   map[string]any
		want string
	}{
		"unknown unit":      {"show", map[string]any{"id": "backof_delay"}, "did you mean backoff_delay_go_base?"},
		"unknown in impact": {"impact", map[string]any{"id": "nosuch"}, "no unit"},
		"unknown in uses":   {"uses", map[string]any{"id": "nosuch"}, "no unit"},
		"unknown in graph":  {"graph", map[string]any{"id": "nosuch"}, "no unit"},
		"format":            {"graph", map[string]any{"format": "svg"}, "is not one of json, dot, mermaid"},
		"missing":           {"show", map[string]any{}, "id"},
		"extra":             {"show", map[string]any{"id": "failure", "ID2": 1}, "ID2"},
		"type":              {"find", map[string]any{"query": 1}, "query"},
		"null":              {"find", map[string]any{"tag": []any{nil}}, `null has type "null", want "string"`},
		"null for required": {"show", map[string]any{"id": nil}, `missing properties: ["id"]`},
		"limit":             {"find", map[string]any{"query": "x", "limit": 1000}, "not between 1 and 200"},
		"purity":            {"find", map[string]any{"query": "x", "purity": "clean"}, "not one of pure, impure"},
		"empty draft":       {"similar", map[string]any{}, "draft: it is empty"},
		"name":              {"new", map[string]any{"name": "SlugMake", "domain": "base"}, "did you mean slug_make?"},
		"domain":            {"new", map[string]any{"name": "slug_make"}, "hint: the domains here are base, web"},
		"taken":             {"new", map[string]any{"name": "backoff_delay", "domain": "base", "write": true}, "has that name"},
	} {
		t.Run(name, func(t *testing.T) {
			text, failed := call(t, client, c.tool, c.in, nil)
			if !failed || !strings.Contains(text, c.want) {
				t.Errorf("failed %v: %s", failed, text)
			}
		})
	}
	if _, err := client.CallTool(t.Context(), &mcp.CallToolParams{Name: "weight"}); err == nil {
		t.Error("an unknown tool is called")
	}
}

// Agents send null for omitted arguments.
func TestMCP_NullIsNotGiven(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))
	var with, without findOut
	if text, failed := call(t, client, "find", map[string]any{"query": "backoff", "limit": nil, "tag": nil, "purity": nil}, &with); failed {
		t.Fatal(text)
	}
	call(t, client, "find", map[string]any{"query": "backoff"}, &without)
	if with.Total == 0 || !reflect.DeepEqual(with, without) {
		t.Errorf("with nulls %+v, without %+v", with, without)
	}
}

// Errors in a call are reported in the tools' terms, with what to do, and
// before the units that the rest of a query finds.
func TestMCP_SaysWhatToDo(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))
	for _, c := range []struct {
		tool string
		in   map[string]any
		want string
	}{
		{"find", map[string]any{"q": "retry"}, "hint: find takes query, kind (a list), domain (a list), tag (a list), purity, limit"},
		{"find", map[string]any{"kind": "type"}, "hint: find takes query, kind (a list)"},
		{"show", map[string]any{}, "hint: show takes id"},
		{"fix", map[string]any{"ids": "x"}, "hint: fix takes id, rule"},
		{"new", map[string]any{"names": "x"}, "hint: new takes name, domain, "},
		{"show", map[string]any{"id": "nope"}, "hint: find looks for units by words"},
		{"new", map[string]any{"name": "delay_backoff", "domain": "base"}, "hint: show describes backoff_delay_go_base; "},
		{"graph", map[string]any{"depth": 2}, "depth: it counts from a unit"},
	} {
		text, failed := call(t, client, c.tool, c.in, nil)
		if !failed || !strings.Contains(text, c.want) || strings.Contains(text, "fn show") || strings.Contains(text, "fn find") {
			t.Errorf("%s %v: %s", c.tool, c.in, text)
		}
	}
	for query, want := range map[string]string{
		"bogus:x":       "bogus:x: unknown field bogus; there are ",
		"bakcoff":       "bakcoff was taken for backoff\n",
		"retry quantum": "no unit has \"quantum\"\nno unit has all of these words; ",
	} {
		if text, _ := call(t, client, "find", map[string]any{"query": query}, nil); !strings.HasPrefix(text, want) {
			t.Errorf("%s: %s", query, text)
		}
	}
}

func TestMCP_New(t *testing.T) {
	t.Parallel()
	dir := repo(t)
	client := connect(t, dir)
	draft := map[string]any{
		"name":        "slug_make",
		"domain":      "base",
		"pure":        true,
		"signature":   "func(title string) string",
		"description": "Makes a slug.",
	}
	file := filepath.Join(dir, "lib/base/slug_make.go")

	var got newOut
	call(t, client, "new", draft, &got)
	if _, err := os.Stat(file); !os.IsNotExist(err) || got.Written || len(got.Files) != 3 || !strings.Contains(got.Files[0].Text, "func SlugMake(title string) string {") {
		t.Errorf("shown: %v %+v", err, got)
	}
	draft["write"] = true
	text, _ := call(t, client, "new", draft, &got)
	if _, err := os.Stat(file); err != nil || !got.Written || len(got.Findings) != 0 || !strings.Contains(text, "wrote lib/base/slug_make.go") {
		t.Errorf("written: %v %+v\n%s", err, got, text)
	}
	var shown showOut
	if call(t, client, "show", map[string]any{"id": "slug_make"}, &shown); len(shown.Findings) != 0 {
		t.Errorf("findings: %v", shown.Findings)
	}

	twin := map[string]any{"name": "delay_backoff", "domain": "base", "write": true, "signature": "func(attempt int, most time.Duration) time.Duration",
		"description": "Gives the wait before the next try, doubled with each failed attempt up to a limit."}
	text, failed := call(t, client, "new", twin, nil)
	if !failed || !strings.Contains(text, "backoff_delay_go_base does nearly the same") {
		t.Errorf("a twin: %s", text)
	}
	twin["force"] = true
	if call(t, client, "new", twin, &got); !got.Written || !slices.Contains(got.Alike, "backoff_delay_go_base") {
		t.Errorf("a twin by force: %+v", got)
	}

	if call(t, client, "new", map[string]any{"name": "pinger", "kind": "app", "uses": []string{"slug_make_go_base"}, "write": true}, &got); !got.Written || len(got.Findings) != 0 {
		t.Errorf("app: %+v", got)
	}
	// A program that is not written yet does not count as a user.
	var found findOut
	if call(t, client, "find", map[string]any{"query": "slug_make"}, &found); found.Units[0].ID != "slug_make_go_base" || found.Units[0].Users != 0 {
		t.Errorf("users: %+v", found.Units[0])
	}
	cmd := exec.Command("go", "test", "work")
	cmd.Dir = dir
	for name, value := range scripttest.GoEnv() {
		cmd.Env = append(cmd.Environ(), name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go test work: %v\n%s", err, out)
	}
}

// Answers reflect the current files.
func TestMCP_FollowsFiles(t *testing.T) {
	t.Parallel()
	dir := repo(t)
	client := connect(t, dir)
	file := filepath.Join(dir, "lib/base/backoff_delay.md")
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var shown showOut
	for _, want := range []string{"First", "Other", "Again"} { // of the same length, so sizes don't differ
		changed := strings.Replace(string(src), "description: Gives", "description: "+want, 1)
		if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		call(t, client, "show", map[string]any{"id": "backoff_delay"}, &shown)
		if !strings.HasPrefix(shown.Description, want) {
			t.Errorf("after a change to %s: %s", want, shown.Description)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if text, failed := call(t, client, "show", map[string]any{"id": "backoff_delay"}, nil); !failed {
		t.Errorf("after its end: %s", text)
	}
}

// TestMCP_Process talks to the real program over its pipes.
func TestMCP_Process(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "fn")
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	serve := func(t *testing.T, dir string) *exec.Cmd {
		cmd := exec.Command(file, "mcp")
		cmd.Dir = filepath.Join(dir, "lib") // the repository is found in a parent folder
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+t.TempDir())
		return cmd
	}
	for name, test := range map[string]func(*testing.T, string, *exec.Cmd){
		"Client": testClient, "StdoutIsProtocol": testStdoutIsProtocol, "EndsOnSignal": testEndsOnSignal, "GoesOnAfterBadLines": testGoesOnAfterBadLines,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := repo(t)
			test(t, dir, serve(t, dir))
		})
	}
}

// testClient is the SDK's own client.
func testClient(t *testing.T, dir string, cmd *exec.Cmd) {
	client, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(client.InitializeResult().Instructions, "Look before you write") {
		t.Error("no instructions")
	}
	said, err := exec.Command(cmd.Path, "--version").Output()
	if got := client.InitializeResult().ServerInfo.Version; err != nil || "fn version "+got != strings.TrimSpace(string(said)) {
		t.Errorf("the server's version is %q, --version says %q (%v)", got, said, err)
	}
	var wait sync.WaitGroup
	for range 8 { // concurrent calls
		wait.Go(func() {
			res, err := client.CallTool(
				t.Context(),
				&mcp.CallToolParams{Name: "find", Arguments: map[string]any{"query": "backoff"}},
			)
			if err != nil || res.IsError {
				t.Errorf("find: %+v, %v", res, err)
			}
		})
	}
	wait.Wait()
	var got newOut
	call(t, client, "new", map[string]any{"name": "slug_make", "domain": "base", "write": true}, &got)
	if _, err := os.Stat(filepath.Join(dir, "lib/base/slug_make.md")); err != nil || !got.Written {
		t.Errorf("new: %v %+v", err, got)
	}
	if err := client.Close(); err != nil { // waits for the process: any exit code but 0 is an error
		t.Errorf("close: %v", err)
	}
}

// pipes starts a command with its ends of stdin and stdout.
func pipes(t *testing.T, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return in, out
}

// testStdoutIsProtocol: nothing else is written to stdout, whatever the input,
// and the end of stdin ends the program.
func testStdoutIsProtocol(t *testing.T, _ string, cmd *exec.Cmd) {
	in, out := pipes(t, cmd)
	ask := []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"find","arguments":{"query":"zebra nosuch:x"}}}`,
		`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"new","arguments":{"name":"slug_make","domain":"base","write":true}}}`,
		`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"graph","arguments":{}}}`,
		`{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"lint","arguments":{}}}`, // an ID that is in use
	}
	if _, err := io.WriteString(in, strings.Join(ask, "\n")+"\n"); err != nil {
		t.Fatal(err)
	}
	_ = in.Close() // like a shell's pipe: each call is still answered
	answered := map[float64]bool{}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m map[string]any
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil || m["jsonrpc"] != "2.0" {
			t.Errorf("not the protocol: %s", lines.Text())
		}
		if id, ok := m["id"].(float64); ok && m["error"] == nil {
			answered[id] = true
		}
	}
	if err := cmd.Wait(); err != nil || len(answered) != 4 {
		t.Errorf("answered %v, %v", answered, err)
	}
}

func testEndsOnSignal(t *testing.T, _ string, cmd *exec.Cmd) {
	in, out := pipes(t, cmd)
	if _, err := io.WriteString(in, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil { // it is serving by now
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// TestMCP_Size builds: it queries the size of units, and show reports it
// afterwards.
func TestMCP_Size(t *testing.T) {
	t.Parallel()
	dir := repo(t)
	r, err := registry.Load(t.Context(), registry.Options{Roots: []string{dir}, Cache: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	client := connectTo(t, r)
	var shown showOut
	if call(t, client, "show", map[string]any{"id": "failure"}, &shown); shown.Bytes != nil {
		t.Errorf("not measured, and weighs %d", *shown.Bytes)
	}
	var out weights
	text, _ := call(t, client, "size", map[string]any{"ids": []string{"failure", "base.BackoffDelay"}}, &out)
	if len(out.Units) != 2 || out.Units[0].Bytes == nil || out.Together == nil || *out.Together.Whole < out.BaseBytes || out.BaseBytes < 4e6 || !strings.Contains(text, "together") {
		t.Errorf("%s\n%+v", text, out)
	}
	if call(t, client, "show", map[string]any{"id": "failure"}, &shown); shown.Bytes == nil || *shown.Bytes != *out.Units[0].Bytes {
		t.Errorf("show gives %v", shown.Bytes)
	}
	for _, tc := range []struct {
		in   map[string]any
		want string
	}{
		{map[string]any{"ids": []string{"failur"}}, "did you mean failure_go_base"},
		{map[string]any{"ids": []string{}}, "no unit is named"},
		{map[string]any{"ids": []string{"failure"}, "base": "failure"}, "is no program"},
	} {
		if text, failed := call(t, client, "size", tc.in, nil); !failed || !strings.Contains(text, tc.want) {
			t.Errorf("%v: %s", tc.in, text)
		}
	}
}

// TestMCP_LooksOnce: consecutive questions share a check of the files while it
// is recent, and what the server itself wrote is seen at once.
func TestMCP_LooksOnce(t *testing.T) {
	t.Parallel()
	for every, shared := range map[time.Duration]bool{time.Hour: true, 0: false} {
		r, err := registry.Load(t.Context(), registry.Options{Roots: []string{repo(t)}, NoCache: true})
		if err != nil {
			t.Fatal(err)
		}
		client := connectWith(t, r, every)
		look := func() time.Time {
			call(t, client, "find", map[string]any{"query": "backoff"}, nil)
			return *r.Freshness().SweptAt
		}
		if first, second := look(), look(); first.Equal(second) != shared {
			t.Errorf("checks valid for %v: at %v and %v", every, first, second)
		}
		var made newOut
		if text, failed := call(t, client, "new", map[string]any{"name": "slug_make", "domain": "base", "write": true}, &made); failed || !made.Written {
			t.Fatal(text)
		}
		var found findOut
		if call(t, client, "find", map[string]any{"query": "slug_make"}, &found); found.Total == 0 {
			t.Errorf("checks valid for %v: the written unit is not found", every)
		}
	}
}

// TestLines: any line that is not a message gets an error response, and the
// lines around it reach the server.
func TestLines(t *testing.T) {
	t.Parallel()
	ping := func(id int) string { return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"ping"}`, id) }
	for bad, code := range map[string]float64{
		"{": -32700, "nonsense": -32700, "\xff\x00": -32700, `{"jsonrpc":"2.0","id":1,"method":"ping"} x`: -32700, ping(1) + ping(2): -32700,
		strings.Repeat("x", 20<<20): -32700, `{"a":"` + strings.Repeat("x", 20<<20) + `"}`: -32700, `"` + strings.Repeat("[", 70<<10): -32700,
		"{}": -32600, "5": -32600, "null": -32600, "[]": -32600, "[" + ping(1) + "]": -32600, `{"jsonrpc":"1.0","id":1,"method":"ping"}`: -32600,
		`{"jsonrpc":"2.0","id":{},"method":"ping"}`: -32600, `{"jsonrpc":"2.0","id":1,"method":5}`: -32600, `{"jsonrpc":"2.0"}`: -32600,
		`{"jsonrpc":"2.0","id":1.5,"method":"ping"}`: -32600, `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`: -32600, ping(1): -32600,
	} {
		var out strings.Builder
		l := newLines(io.NopCloser(strings.NewReader(ping(1)+"\n"+bad+"\r\n\n"+ping(2)+"\r\n"+ping(3))), &out)
		passed, err := io.ReadAll(l)
		if want := ping(1) + "\n" + ping(2) + "\n" + ping(3) + "\n"; err != nil || string(passed) != want {
			t.Errorf("%.60q: passed %.200q, %v", bad, passed, err)
		}
		var answer struct {
			Version string           `json:"jsonrpc"`
			ID      *json.RawMessage `json:"id"`
			Error   struct {
				Code    float64
				Message string
			}
		}
		if err := json.Unmarshal([]byte(out.String()), &answer); err != nil || answer.Version != "2.0" || answer.ID != nil || answer.Error.Code != code || answer.Error.Message == "" {
			t.Errorf("%.60q: answered %q, %v, want %v", bad, out.String(), err, code)
		}
	}
}

// testGoesOnAfterBadLines: fn mcp continues after lines that it can't read.
func testGoesOnAfterBadLines(t *testing.T, _ string, cmd *exec.Cmd) {
	in, out := pipes(t, cmd)
	ask := []string{
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}`,
		"{", `{"jsonrpc":"2.0","method":"notifications/initialized"}`, strings.Repeat("x", 20<<20), "[]",
		`{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"find","arguments":{"query":"backoff"}}}`,
	}
	go func() { // the pipe holds less than that
		_, _ = io.WriteString(in, strings.Join(ask, "\n")+"\n")
	}()
	answers := bufio.NewScanner(out)
	answers.Buffer(nil, 1<<20)
	refused := 0
	for answers.Scan() {
		var m struct {
			ID    *int
			Error *struct{ Code int }
		}
		if err := json.Unmarshal(answers.Bytes(), &m); err != nil {
			t.Fatalf("%v: %s", err, answers.Text())
		}
		if m.ID == nil && m.Error != nil {
			refused++
		}
		if m.ID != nil && *m.ID == 2 {
			_ = in.Close()
		}
	}
	if err := cmd.Wait(); err != nil || refused != 3 {
		t.Errorf("refused %d lines, %v", refused, err)
	}
}

// TestMCP_NamesItsOwnParameters: errors use the tool's own parameter names.
func TestMCP_NamesItsOwnParameters(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))
	text, failed := call(t, client, "find", map[string]any{"query": strings.Repeat("x", 5000)}, nil)
	if !failed || !strings.HasPrefix(text, "query: longer than") {
		t.Errorf("%v: %s", failed, text)
	}
}
