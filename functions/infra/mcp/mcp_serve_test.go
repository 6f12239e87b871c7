package mcp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/mcp"
	"fnregistry.dev/functions/internal/errtest"
)

func config(tools ...mcp.MCPServeTool) mcp.MCPServeConfig {
	return mcp.MCPServeConfig{Name: "test", Version: "1", Instructions: "Use echo.", Tools: tools}
}

var echo = mcp.MCPServeTool{Name: "echo", Description: "Says its arguments", Call: func(_ context.Context, arguments json.RawMessage) (string, error) {
	return string(arguments), nil
}}

// exchange serves lines to their end, and returns what comes back by ID.
func exchange(t *testing.T, cfg mcp.MCPServeConfig, lines ...string) map[string]string {
	t.Helper()
	var out bytes.Buffer
	if err := mcp.MCPServe(t.Context(), strings.NewReader(strings.Join(lines, "\n")), &out, cfg); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(out.String()) {
		var m struct {
			Version string `json:"jsonrpc"`
			ID      json.RawMessage
			Result  json.RawMessage
			Error   json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Version != "2.0" || (m.Result == nil) == (m.Error == nil) {
			t.Errorf("%q: %v", line, err)
		}
		got[string(m.ID)] += string(m.Result) + string(m.Error)
	}
	return got
}

func TestMCPServe_Session(t *testing.T) {
	t.Parallel()
	failing := mcp.MCPServeTool{Name: "fail", Title: "Fails", Description: "Fails", Writes: true, Schema: json.RawMessage(`{"type":"object","properties":{}}`),
		Call: func(context.Context, json.RawMessage) (string, error) {
			return "", fmt.Errorf("outside: %w", &core.Error{Code: core.CodeNotFound, Message: "no such thing", Hint: "look"})
		}}
	got := exchange(t, config(echo, failing),
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`,
		`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		``,
		`{"jsonrpc":"2.0","id":"two","method":"initialize","params":{"protocolVersion":"2099-01-01"}}`+"\r",
		`{"jsonrpc":"2.0","id":3,"method":"ping"}`,
		`{"jsonrpc":"2.0","id":4,"method":"tools/list"}`,
		`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo","arguments":{"a":"<b>"}}}`,
		`{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"echo"}}`,
		`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"fail","arguments":null}}`,
		`{"jsonrpc":"2.0","id":12345678901234567890,"method":"ping"}`,
	)
	info := `"capabilities":{"tools":{}},"serverInfo":{"name":"test","version":"1"},"instructions":"Use echo."}`
	for id, want := range map[string]string{
		`1`:     `{"protocolVersion":"2025-06-18",` + info,
		`"two"`: `{"protocolVersion":"2025-11-25",` + info,
		`3`:     `{}`,
		`4`: `{"tools":[{"name":"echo","description":"Says its arguments","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},` +
			`{"name":"fail","title":"Fails","description":"Fails","inputSchema":{"type":"object","properties":{}},"annotations":{"readOnlyHint":false}}]}`,
		`5`:                    `{"content":[{"type":"text","text":"{\"a\":\"\u003cb\u003e\"}"}]}`,
		`6`:                    `{"content":[{"type":"text","text":"{}"}]}`,
		`7`:                    `{"content":[{"type":"text","text":"outside: no such thing\nhint: look"}],"isError":true}`,
		`12345678901234567890`: `{}`,
	} {
		if got[id] != want {
			t.Errorf("%s: %s\nwant %s", id, got[id], want)
		}
		delete(got, id)
	}
	if len(got) > 0 {
		t.Errorf("besides: %v", got)
	}
}

func TestMCPServe_BadLines(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, id, want string }{
		{`{"jsonrpc":`, "null", "-32700"},
		{`hello`, "null", "-32700"},
		{`{"jsonrpc":"2.0","id":1,"method":"ping","x":"` + strings.Repeat("x", 1<<20) + `"}`, "null", "-32700"},
		{`[{"jsonrpc":"2.0","id":1,"method":"ping"}]`, "null", "-32600"},
		{`{"jsonrpc":"1.0","id":1,"method":"ping"}`, "null", "-32600"},
		{`{"id":1,"method":"ping"}`, "null", "-32600"},
		{`"ping"`, "null", "-32600"},
		{`{"jsonrpc":"2.0","id":1,"method":7}`, "null", "-32600"},
		{`{"jsonrpc":"2.0","id":null,"method":"ping"}`, "null", "-32600"},
		{`{"jsonrpc":"2.0","id":{},"method":"ping"}`, "null", "-32600"},
		{`{"jsonrpc":"2.0","id":1,"method":"resources/list"}`, "1", "-32601"},
		{`{"jsonrpc":"2.0","id":1,"method":"server/discover"}`, "1", "-32601"},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, "1", "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`, "1", "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ecco"}}`, "1", "-32602"},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":[]}}`, "1", "-32602"},
		{`{"jsonrpc":"2.0","method":"notifications/cancelled","params":7}`, "", ""},
		{`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":99}}`, "", ""},
		{`{"jsonrpc":"2.0","method":"notifications/unknown"}`, "", ""},
		{`{"jsonrpc":"2.0","id":1,"result":{}}`, "", ""},
	} {
		got := exchange(t, config(echo), c.line, `{"jsonrpc":"2.0","id":"after","method":"ping"}`)
		if got[`"after"`] != "{}" {
			t.Errorf("%.80s: the session ended", c.line)
		}
		delete(got, `"after"`)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[c.id], `{"code":`+c.want)) {
			t.Errorf("%.80s: %v, want %s %s", c.line, got, c.id, c.want)
		}
	}
}

// session is one that a test talks to while it runs.
type session struct {
	in   *io.PipeWriter
	out  *bufio.Scanner
	done chan error
}

func start(ctx context.Context, t *testing.T, cfg mcp.MCPServeConfig) *session {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	s := &session{in: toServer, out: bufio.NewScanner(fromServer), done: make(chan error, 1)}
	go func() {
		s.done <- mcp.MCPServe(ctx, in, out, cfg)
		out.Close()
	}()
	t.Cleanup(func() { toServer.Close() })
	return s
}

func (s *session) send(t *testing.T, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(s.in, format+"\n", args...); err != nil {
		t.Fatal(err)
	}
}

func (s *session) next(t *testing.T) string {
	t.Helper()
	if !s.out.Scan() {
		t.Fatal("no more responses")
	}
	return s.out.Text()
}

// waits is a tool that says when it starts, and runs until it is let go or
// canceled.
func waits() (tool mcp.MCPServeTool, started chan string, letGo chan struct{}) {
	started, letGo = make(chan string, 100), make(chan struct{})
	return mcp.MCPServeTool{Name: "wait", Description: "Waits", Call: func(ctx context.Context, arguments json.RawMessage) (string, error) {
		started <- string(arguments)
		select {
		case <-letGo:
			return "done", nil
		case <-ctx.Done():
			started <- "canceled"
			return "", ctx.Err()
		}
	}}, started, letGo
}

func TestMCPServe_Cancel(t *testing.T) {
	t.Parallel()
	tool, started, letGo := waits()
	s := start(t.Context(), t, config(tool))
	s.send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait","arguments":{}}}`)
	<-started
	s.send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}`) // the same ID
	if got := s.next(t); !strings.Contains(got, "-32600") {
		t.Error(got)
	}
	s.send(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	if got := <-started; got != "canceled" {
		t.Error(got)
	}
	s.send(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wait"}}`)
	<-started
	close(letGo)
	if got := s.next(t); !strings.Contains(got, `"id":2`) || !strings.Contains(got, "done") {
		t.Errorf("%s: the canceled call was answered?", got)
	}
	s.in.Close()
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

// Calls beyond MaxCalls wait, those beyond 64 are refused, and all are answered
// when the input has ended.
func TestMCPServe_Many(t *testing.T) {
	t.Parallel()
	tool, started, letGo := waits()
	cfg := config(tool)
	cfg.MaxCalls = 3
	s := start(t.Context(), t, cfg)
	for id := range 65 {
		s.send(t, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"wait"}}`, id)
	}
	if got := s.next(t); !strings.Contains(got, `"id":64`) || !strings.Contains(got, "-32000") {
		t.Error(got)
	}
	s.send(t, `{"jsonrpc":"2.0","id":"p","method":"ping"}`)
	if got := s.next(t); !strings.Contains(got, `"id":"p"`) {
		t.Error(got)
	}
	for range 3 {
		<-started
	}
	if len(started) > 0 {
		t.Error("more than MaxCalls run")
	}
	s.in.Close()
	close(letGo)
	n := 0
	for s.out.Scan() {
		n++
	}
	if err := <-s.done; err != nil || n != 64 {
		t.Errorf("%d answers, %v", n, err)
	}
}

func TestMCPServe_Stop(t *testing.T) {
	t.Parallel()
	tool, started, _ := waits()
	ctx, cancel := context.WithCancelCause(t.Context())
	s := start(ctx, t, config(tool))
	s.send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}`)
	<-started
	stop := errors.New("stop")
	cancel(stop)
	go func() { // what the canceled call says
		for s.out.Scan() {
		}
	}()
	if err := <-s.done; !errors.Is(err, stop) {
		t.Error(err)
	}
	if got := <-started; got != "canceled" {
		t.Error("it returned while a call ran")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestMCPServe_NobodyListens(t *testing.T) {
	t.Parallel()
	in, toServer := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- mcp.MCPServe(t.Context(), in, brokenWriter{}, config(echo)) }()
	if _, err := io.WriteString(toServer, `{"jsonrpc":"2.0","id":1,"method":"ping"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, io.ErrClosedPipe) {
		t.Error(err)
	}
	toServer.Close()
}

func TestMCPServe_BadConfig(t *testing.T) {
	t.Parallel()
	for _, cfg := range []mcp.MCPServeConfig{
		{Version: "1"}, {Name: "x"}, config(echo, echo), config(mcp.MCPServeTool{Name: "x", Description: "x"}),
		config(mcp.MCPServeTool{Name: "x", Description: "x", Call: echo.Call, Schema: json.RawMessage("{")}),
	} {
		errtest.Want(t, mcp.MCPServe(t.Context(), strings.NewReader(""), io.Discard, cfg), core.CodeInvalid, "mcp_serve: ")
	}
}

func FuzzMCPServe(f *testing.F) {
	f.Add("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"echo\",\"arguments\":{}}}\n")
	f.Add("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n[]\n\"")
	f.Add("{\"jsonrpc\":\"2.0\",\"id\":-1e5,\"method\":\"initialize\",\"params\":null}\r\n\r\n{}")
	f.Fuzz(func(t *testing.T, in string) {
		var out bytes.Buffer
		if err := mcp.MCPServe(t.Context(), strings.NewReader(in), &out, config(echo)); err != nil {
			t.Fatal(err)
		}
		answers := slices.Collect(strings.Lines(out.String()))
		for _, line := range answers {
			if !json.Valid([]byte(line)) {
				t.Errorf("%q", line)
			}
		}
		if lines := strings.Count(in, "\n") + 1; len(answers) > lines {
			t.Errorf("%d answers to %d lines", len(answers), lines)
		}
	})
}
