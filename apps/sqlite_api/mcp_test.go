package main

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/functions/infra/program"
)

// agent connects the protocol's own SDK to the command mcp.
func agent(t *testing.T, files ...string) *mcp.ClientSession {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	cfg := newProgram()
	cfg.Args, cfg.Stdin, cfg.Stdout, cfg.Stderr = append([]string{"mcp"}, files...), in, out, t.Output()
	cfg.LookupEnv = func(string) (string, bool) { return "", false }
	status := make(chan int, 1)
	go func() {
		status <- program.ProgramRun(context.WithoutCancel(t.Context()), cfg)
		out.Close()
	}()
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.IOTransport{Reader: fromServer, Writer: toServer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		toServer.Close()
		if got := <-status; got != 0 {
			t.Errorf("exit status %d", got)
		}
		_ = session.Close() // the pipe is closed
	})
	return session
}

// use calls a tool, and returns its text.
func use(t *testing.T, session *mcp.ClientSession, tool, arguments string) (text string, failed bool) {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	for _, c := range result.Content {
		text += c.(*mcp.TextContent).Text
	}
	return text, result.IsError
}

func TestMCP_Tools(t *testing.T) {
	t.Parallel()
	session := agent(t, shopFile(t))
	hello := session.InitializeResult()
	if hello.ServerInfo.Name != "sqlite_api" || !strings.Contains(hello.Instructions, `Call "tables" first`) {
		t.Errorf("%+v", hello)
	}
	list, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range list.Tools {
		names = append(names, tool.Name)
		schema, err := json.Marshal(tool.InputSchema)
		if err != nil || !tool.Annotations.ReadOnlyHint || strings.Contains(string(schema), `"db"`) || strings.Contains(string(schema), `"format"`) {
			t.Errorf("%s: %s, %v", tool.Name, schema, err)
		}
	}
	if want := []string{"tables", "table", "rows", "row", "facets", "query", "explain"}; !slices.Equal(names, want) {
		t.Errorf("the tools are %v, want %v", names, want)
	}
	for _, c := range []struct{ tool, arguments, want string }{
		{"tables", `{}`, `"name":"album"`},
		{"table", `{"table":"a/b"}`, `"name":"x y"`},
		{"rows", `{"table":"album","select":"id,title","filters":{"price":"lt.9","or":"(id.eq.2,id.eq.3)"},"count":"exact"}`, `"rows":[{"_key":"2","id":2,"title":"High'way"}]`},
		{"rows", `{"table":"album","select":"stock","filters":{"id":["gte.1","lt.2"]}}`, `"stock":"9007199254740993"`},
		{"row", `{"table":"odd","key":"a~2Cb~2F~25,~b00112233445566778899aabbccddeeff"}`, `"code":"a,b/%"`},
		{"facets", `{"table":"album","column":"artist_id"}`, `{"value":1,"rows":2}`},
		{"query", `{"sql":"SELECT title FROM album WHERE price < :most","values":{"most":9}}`, `"rows":[{"title":"High'way"}]`},
		{"explain", `{"sql":"SELECT * FROM album WHERE stock = 1"}`, `SCAN album`},
	} {
		if got, failed := use(t, session, c.tool, c.arguments); failed || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s\nwant %s", c.tool, c.arguments, got, c.want)
		}
	}
	for _, c := range []struct{ tool, arguments, want string }{
		{"table", `{"table":"albun"}`, "did you mean album"},
		{"rows", `{"table":"album","filters":{"nothing":"eq.1"}}`, "no column"},
		{"rows", `{"table":"album","limit":5000}`, "1000 rows at most"},
		{"query", `{"sql":"DELETE FROM album"}`, "not a read-only statement"},
		{"query", `{"sql":"ATTACH '/etc/passwd' AS x"}`, "not a read-only statement"},
		{"query", `{"sql":"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT printf('%.*c', 1000, 'x') FROM n LIMIT 100000","limit":9000}`, "at most 262144 are shown"},
		{"row", `{"table":"album"}`, "key is missing"},
	} {
		if got, failed := use(t, session, c.tool, c.arguments); !failed || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %.300s\nwant an error with %s", c.tool, c.arguments, got, c.want)
		}
	}
	if got, _ := use(t, session, "query", `{"sql":"SELECT count(*) AS n FROM album"}`); !strings.Contains(got, `{"n":3}`) {
		t.Errorf("after a DELETE: %s", got)
	}
}

func TestMCP_SeveralFiles(t *testing.T) {
	t.Parallel()
	session := agent(t, shopFile(t), shopFile(t))
	got, failed := use(t, session, "databases", `{}`)
	if failed || strings.Count(got, `"name":`) != 2 {
		t.Error(got)
	}
	if got, failed := use(t, session, "query", `{"db":"shop","sql":"SELECT 7 AS n"}`); failed || !strings.Contains(got, `{"n":7}`) {
		t.Error(got)
	}
	if got, failed := use(t, session, "query", `{"sql":"SELECT 7 AS n"}`); !failed || !strings.Contains(got, "db is missing") {
		t.Error(got)
	}
}
