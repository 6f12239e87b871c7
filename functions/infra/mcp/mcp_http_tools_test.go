package mcp_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
	"fnregistry.dev/functions/infra/mcp"
	"fnregistry.dev/functions/internal/errtest"
)

type listIn struct {
	Table   string     `path:"table" json:"-" doc:"The table."`
	Limit   *int       `query:"limit" json:"-" doc:"Rows at most." min:"1" max:"100" default:"50"`
	Tags    []string   `query:"tag" json:"-" doc:"Tags."`
	Whole   bool       `query:"whole" json:"-" doc:"Whole values."`
	Format  string     `query:"format" json:"-" doc:"The form." enum:"json,csv"`
	Filters url.Values `query:"*" json:"-" doc:"Filters by column."`
}

type runIn struct {
	SQL    string     `query:"sql" json:"-" doc:"SQL." required:"true"`
	Values url.Values `query:"p_*" json:"-" doc:"Values of parameters."`
}

type listOut struct {
	In  map[string]any `json:"in"`
	Pad string         `json:"pad"`
}

// tools are those of an API that says what it got.
func tools(t *testing.T, cfg mcp.MCPHTTPToolsConfig) ([]mcp.MCPServeTool, error) {
	t.Helper()
	api := httpapi.HTTPAPI(httpapi.HTTPAPIConfig{Title: "test", Version: "1", Access: fnhttp.HTTPStackPublic, Endpoints: []httpapi.HTTPAPIEndpoint{
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{
			Method: http.MethodGet, Path: "/t/{table}", Name: "list", Summary: "Rows", Description: "All of them.", Tag: "rows",
		}, 0, func(_ context.Context, in *listIn) (*listOut, error) {
			switch in.Table {
			case "none":
				return nil, &core.Error{Code: core.CodeNotFound, Message: "no table", Hint: "look"}
			case "large":
				return &listOut{Pad: strings.Repeat("x", 10_000)}, nil
			}
			return &listOut{In: map[string]any{
				"table": in.Table, "limit": *in.Limit, "tag": in.Tags, "whole": in.Whole, "format": in.Format, "filters": in.Filters,
			}}, nil
		}),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{Method: http.MethodGet, Path: "/run", Name: "run", Summary: "Runs", Tag: "rows"}, 0,
			func(_ context.Context, in *runIn) (*listOut, error) {
				return &listOut{In: map[string]any{"sql": in.SQL, "values": in.Values}}, nil
			}),
		httpapi.HTTPAPIJSON(httpapi.HTTPAPIEndpoint{Method: http.MethodDelete, Path: "/t/{table}", Name: "drop", Summary: "Drops it", Tag: "rows"}, 0,
			func(context.Context, *struct {
				Table string `path:"table" json:"-" doc:"The table."`
			}) (*struct{}, error) {
				return nil, nil
			}),
	}})
	mux := http.NewServeMux()
	api.Mount(mux)
	cfg.Document, cfg.Handler, cfg.MaxBytes = api.Document(), mux, 1000
	return mcp.MCPHTTPTools(cfg)
}

var list = mcp.MCPHTTPToolsEntry{
	Operation: "list", Name: "rows", Set: map[string]string{"format": "json"}, Default: map[string]string{"limit": "20"},
}

var run = mcp.MCPHTTPToolsEntry{Operation: "run", Name: "run", Rename: map[string]string{"p_": "values"}}

func TestMCPHTTPTools_Schema(t *testing.T) {
	t.Parallel()
	got, err := tools(t, mcp.MCPHTTPToolsConfig{Tools: []mcp.MCPHTTPToolsEntry{list}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"additionalProperties":false,"properties":{` +
		`"filters":{"additionalProperties":{"anyOf":[{"type":"string"},{"items":{"type":"string"},"type":"array"}]},"description":"Filters by column.","type":"object"},` +
		`"limit":{"default":20,"description":"Rows at most.","maximum":100,"minimum":1,"type":"integer"},` +
		`"table":{"description":"The table.","maxLength":4096,"type":"string"},` +
		`"tag":{"description":"Tags.","items":{"maxLength":4096,"type":"string"},"type":"array"},` +
		`"whole":{"description":"Whole values.","type":"boolean"}},"required":["table"],"type":"object"}`
	if string(got[0].Schema) != want || got[0].Name != "rows" || got[0].Description != "Rows. All of them." || got[0].Writes {
		t.Errorf("%s\nwant %s", got[0].Schema, want)
	}
}

func TestMCPHTTPTools_Call(t *testing.T) {
	t.Parallel()
	tool, err := tools(t, mcp.MCPHTTPToolsConfig{Tools: []mcp.MCPHTTPToolsEntry{list}})
	if err != nil {
		t.Fatal(err)
	}
	for arguments, want := range map[string]string{
		`{"table":"a/b %2F?#é"}`: `{"filters":{},"format":"json","limit":20,"table":"a/b %2F?#é","tag":null,"whole":false}`,
		`{"table":"t","limit":3,"tag":["x","y&z"],"whole":true,"filters":{"age":["gte.18","lt.65"],"n":5}}`: `{"filters":` +
			`{"age":["gte.18","lt.65"],"n":["5"]},"format":"json","limit":3,"table":"t","tag":["x","y&z"],"whole":true}`,
		`{"table":"t","limit":null,"filters":null}`: `{"filters":{},"format":"json","limit":20,"table":"t","tag":null,"whole":false}`,
	} {
		got, err := tool[0].Call(t.Context(), json.RawMessage(arguments))
		if want := `{"in":` + want + `,"pad":""}`; err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, %v\nwant %s", arguments, got, err, want)
		}
	}
	ran, err := tools(t, mcp.MCPHTTPToolsConfig{Tools: []mcp.MCPHTTPToolsEntry{run}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"in":{"sql":"SELECT 1","values":{"p_a":["2.50"],"p_most":["1 0"]}},"pad":""}`
	if got, err := ran[0].Call(t.Context(), json.RawMessage(`{"sql":"SELECT 1","values":{"most":"1 0","p_a":2.50,"x":null}}`)); err != nil || strings.TrimSpace(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	for _, c := range []struct {
		arguments, want string
		code            core.Code
	}{
		{`{}`, "table is missing", core.CodeInvalid},
		{`{"table":""}`, "table is missing", core.CodeInvalid},
		{`{"table":"t","format":"csv"}`, `there is no argument "format"`, core.CodeInvalid},
		{`{"table":"t","limit":"many"}`, `"many"`, core.CodeInvalid},
		{`{"table":"t","limit":101}`, "100", core.CodeInvalid},
		{`{"table":"t","limit":[1,2]}`, "limit is neither text, number nor boolean", core.CodeInvalid},
		{`{"table":"t","filters":"x"}`, "filters is no object", core.CodeInvalid},
		{`{"table":"t","filters":{"a":{}}}`, "neither text, number nor boolean", core.CodeInvalid},
		{`{"table":"none"}`, "no table", core.CodeNotFound},
		{`{"table":"large"}`, "at most 1000 are shown", core.CodeTooLarge},
		{`{"table":".."}`, "status 3", core.CodeInternal}, // http.ServeMux resolves it
		{`[]`, "no object", core.CodeInvalid},
	} {
		_, err := tool[0].Call(t.Context(), json.RawMessage(c.arguments))
		if core.ErrorCode(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%s), want %s", c.arguments, err, core.ErrorCode(err), c.want)
		}
		if c.code == core.CodeNotFound && core.ErrorHint(err) != "look" {
			t.Errorf("the hint is %q", core.ErrorHint(err))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tool[0].Call(ctx, json.RawMessage(`{"table":"t"}`)); core.ErrorCode(err) != core.CodeCanceled {
		t.Error(err)
	}
}

func TestMCPHTTPTools_Bad(t *testing.T) {
	t.Parallel()
	for _, entry := range []mcp.MCPHTTPToolsEntry{
		{Operation: "nothing", Name: "x"}, {Operation: "drop", Name: "x"}, {Operation: "list", Name: "x", Set: map[string]string{"x": "y"}},
	} {
		_, err := tools(t, mcp.MCPHTTPToolsConfig{Tools: []mcp.MCPHTTPToolsEntry{entry}})
		errtest.Want(t, err, core.CodeInvalid, "mcp_http_tools: ")
	}
	_, err := mcp.MCPHTTPTools(mcp.MCPHTTPToolsConfig{Document: []byte("{")})
	errtest.Want(t, err, core.CodeInvalid, "mcp_http_tools: the document is no OpenAPI document")
}
