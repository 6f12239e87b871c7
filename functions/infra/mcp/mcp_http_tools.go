package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

const httpToolsOp = "mcp_http_tools"

// MCPHTTPToolsConfig is an HTTP API, and which of its operations become tools.
type MCPHTTPToolsConfig struct {
	Document []byte              // the API's OpenAPI 3.1 document, as JSON; required
	Handler  http.Handler        // the API; required
	Tools    []MCPHTTPToolsEntry // required
	// MaxBytes bounds what a tool says: a longer response is an error that
	// says to ask for less. Default: 256 KiB.
	MaxBytes int
}

// MCPHTTPToolsEntry is an operation of the API as a tool.
type MCPHTTPToolsEntry struct {
	Operation   string // its operationId; a GET; required
	Name        string // the tool's; required
	Title       string // for people; empty: the name
	Description string // empty: the operation's summary and description
	// Set gives parameters a value that the agent can't change and is not told
	// of.
	Set map[string]string
	// Default gives parameters another value than the API's own when the agent
	// does not give one.
	Default map[string]string
	// Rename gives parameters other names for the agent.
	Rename map[string]string
}

// MCPHTTPTools makes tools for [MCPServe] of an HTTP API: each calls the API's
// handler in this process, with the arguments as the parameters of the request,
// and says what it responds. So an agent passes the same checks and limits as
// any other client, and the arguments' schema is the one of the document.
//
// A parameter of type object, in OpenAPI's style form with explode, stands for
// parameters of any name: it is an argument with an object. Where its name ends
// with _, that is the prefix of their names.
//
// An error response becomes a *core.Error with the code, detail, hint and
// candidates of its problem JSON (RFC 9457). The request has no token and no
// address: what asks for one stands outside the handler, or its context is the
// call's.
//
// Errors: CodeInvalid for a document that is none, and for an operation that it
// does not have or that is no GET.
//
// More in mcp_http_tools.md:
//   - A panic of the handler ends the program: wrap it in http_recover.
//   - Parameters whose schema is a reference ($ref) are passed on as they are,
//     and clients can't resolve them.
func MCPHTTPTools(cfg MCPHTTPToolsConfig) ([]MCPServeTool, error) {
	var document openAPI
	if err := json.Unmarshal(cfg.Document, &document); err != nil {
		return nil, invalidTool("the document is no OpenAPI document", err)
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 256 << 10
	}
	var tools []MCPServeTool
	for _, t := range cfg.Tools {
		path, o, ok := document.find(t.Operation)
		if !ok {
			return nil, invalidTool(fmt.Sprintf("the document has no operation %q that is a GET", t.Operation), nil)
		}
		tool, err := newHTTPTool(cfg, t, path, o)
		if err != nil {
			return nil, err
		}
		tools = append(tools, tool)
	}
	return tools, nil
}

func invalidTool(message string, cause error) error {
	return &core.Error{Code: core.CodeInvalid, Op: httpToolsOp, Message: message, Err: cause}
}

// openAPI is what is needed of a document.
type openAPI struct {
	Paths map[string]map[string]json.RawMessage `json:"paths"`
}

type operation struct {
	ID          string      `json:"operationId"`
	Summary     string      `json:"summary"`
	Description string      `json:"description"`
	Parameters  []parameter `json:"parameters"`
}

type parameter struct {
	Name        string         `json:"name"`
	In          string         `json:"in"`
	Description string         `json:"description"`
	Required    bool           `json:"required"`
	Schema      map[string]any `json:"schema"`

	argument string // what the agent calls it
}

// others reports whether the parameter stands for those of any name.
func (p *parameter) others() bool { return p.Schema["type"] == "object" }

func (d *openAPI) find(id string) (path string, o operation, ok bool) {
	for path, methods := range d.Paths {
		if json.Unmarshal(methods["get"], &o) == nil && o.ID == id {
			return path, o, true
		}
		o = operation{}
	}
	return "", o, false
}

// httpTool is an operation as a tool.
type httpTool struct {
	path       string // with {name} for parameters
	parameters []parameter
	fixed      map[string]string
	byDefault  map[string]string
	handler    http.Handler
	maxBytes   int
}

func newHTTPTool(cfg MCPHTTPToolsConfig, t MCPHTTPToolsEntry, path string, o operation) (MCPServeTool, error) {
	h := &httpTool{path: path, fixed: t.Set, byDefault: t.Default, handler: cfg.Handler, maxBytes: cfg.MaxBytes}
	known := map[string]bool{}
	properties, required := map[string]any{}, []string{}
	for _, p := range o.Parameters {
		known[p.Name] = true
		if _, ok := t.Set[p.Name]; ok {
			h.parameters = append(h.parameters, p)
			continue
		}
		p.argument = p.Name
		if name := t.Rename[p.Name]; name != "" {
			p.argument = name
		}
		properties[p.argument] = p.schema(t.Default)
		if p.Required || p.In == "path" {
			required = append(required, p.argument)
		}
		h.parameters = append(h.parameters, p)
	}
	for _, names := range []map[string]string{t.Set, t.Default, t.Rename} {
		for name := range names {
			if !known[name] {
				return MCPServeTool{}, invalidTool(fmt.Sprintf("%s has no parameter %q", t.Operation, name), nil)
			}
		}
	}
	schema, err := json.Marshal(map[string]any{
		"type": "object", "properties": properties, "required": required, "additionalProperties": false,
	})
	if err != nil {
		return MCPServeTool{}, err
	}
	if t.Description == "" {
		t.Description = strings.TrimSpace(o.Summary + ". " + o.Description)
	}
	return MCPServeTool{Name: t.Name, Title: t.Title, Description: t.Description, Schema: schema, Call: h.call}, nil
}

// schema is that of the parameter's argument.
func (p *parameter) schema(byDefault map[string]string) map[string]any {
	schema := maps.Clone(p.Schema)
	if p.others() {
		text := map[string]any{"type": "string"}
		schema["additionalProperties"] = map[string]any{"anyOf": []any{text, map[string]any{"type": "array", "items": text}}}
	}
	if p.Description != "" {
		schema["description"] = p.Description
	}
	if value, ok := byDefault[p.Name]; ok {
		schema["default"] = value
		if json.Valid([]byte(value)) && p.Schema["type"] != "string" {
			schema["default"] = json.RawMessage(value)
		}
	}
	return schema
}

// call sends the request for a tool's call.
func (h *httpTool) call(ctx context.Context, arguments json.RawMessage) (string, error) {
	path, query, err := h.request(arguments)
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("Accept", "application/json")
	w := &response{header: http.Header{}, status: http.StatusOK, max: h.maxBytes}
	h.handler.ServeHTTP(w, r)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case w.status >= http.StatusMultipleChoices:
		return "", w.problem()
	case w.bytes > h.maxBytes:
		return "", &core.Error{
			Code:    core.CodeTooLarge,
			Message: fmt.Sprintf("the response has %d bytes, and at most %d are shown", w.bytes, h.maxBytes),
			Hint:    "ask for fewer rows or columns, or for a shorter part of long values",
		}
	}
	return string(w.body), nil
}

// request is the path and query of the request for a call.
func (h *httpTool) request(arguments json.RawMessage) (path string, query url.Values, err error) {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(arguments, &given); err != nil {
		return "", nil, &core.Error{Code: core.CodeInvalid, Message: "the arguments are no object"}
	}
	path, query = h.path, url.Values{}
	var names []string
	for i := range h.parameters {
		p := &h.parameters[i]
		values := url.Values{}
		if p.argument != "" {
			names = append(names, p.argument)
			if values, err = p.values(given[p.argument]); err != nil {
				return "", nil, err
			}
			delete(given, p.argument)
		}
		if value, ok := h.fixed[p.Name]; ok {
			values.Set(p.Name, value)
		} else if value, ok := h.byDefault[p.Name]; ok && len(values) == 0 {
			values.Set(p.Name, value)
		}
		if p.In != "path" {
			for name, list := range values {
				query[name] = append(query[name], list...)
			}
			continue
		}
		value := values.Get(p.Name)
		if value == "" {
			return "", nil, &core.Error{Code: core.CodeInvalid, Message: p.argument + " is missing"}
		}
		path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
	}
	for name := range given {
		return "", nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: fmt.Sprintf("there is no argument %q", name),
			Hint:    "the arguments are " + strings.Join(names, ", "),
		}
	}
	return path, query, nil
}

// values are the parameters of the request that an argument gives.
func (p *parameter) values(argument json.RawMessage) (url.Values, error) {
	values := url.Values{}
	if p.others() {
		var members map[string]json.RawMessage
		if argument != nil && json.Unmarshal(argument, &members) != nil {
			return nil, &core.Error{Code: core.CodeInvalid, Message: p.argument + " is no object with texts"}
		}
		for name, value := range members {
			texts, err := p.texts(value, true)
			if err != nil {
				return nil, err
			}
			if strings.HasSuffix(p.Name, "_") && !strings.HasPrefix(name, p.Name) {
				name = p.Name + name
			}
			values[name] = texts
		}
		return values, nil
	}
	texts, err := p.texts(argument, p.Schema["type"] == "array")
	if len(texts) > 0 {
		values[p.Name] = texts
	}
	return values, err
}

// texts are an argument as a URL has it: a text, a number or a boolean, or, if
// many, a list of them. null is none.
func (p *parameter) texts(argument json.RawMessage, many bool) ([]string, error) {
	invalid := &core.Error{Code: core.CodeInvalid, Message: p.argument + " is neither text, number nor boolean"}
	switch {
	case len(argument) == 0 || string(argument) == "null":
		return nil, nil
	case argument[0] == '"':
		var text string
		err := json.Unmarshal(argument, &text)
		return []string{text}, err
	case argument[0] == '[' && many:
		var list []json.RawMessage
		if err := json.Unmarshal(argument, &list); err != nil {
			return nil, err
		}
		var texts []string
		for _, item := range list {
			text, err := p.texts(item, false)
			if err != nil {
				return nil, err
			}
			texts = append(texts, text...)
		}
		return texts, nil
	case slices.Contains([]byte("{["), argument[0]):
		return nil, invalid
	}
	return []string{string(argument)}, nil // as it is written, whole
}

// response holds the beginning of a response.
type response struct {
	header http.Header
	status int
	body   []byte
	bytes  int
	max    int
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) { w.status = status }

func (w *response) Write(p []byte) (int, error) {
	w.bytes += len(p)
	w.body = append(w.body, p[:min(len(p), max(0, w.max-len(w.body)))]...)
	return len(p), nil
}

// problem is an error response.
func (w *response) problem() error {
	var problem struct {
		Title, Detail, Hint string
		Code                core.Code
		Candidates          []string
	}
	if json.Unmarshal(w.body, &problem) != nil || problem.Code == "" {
		return &core.Error{Code: core.CodeInternal, Message: fmt.Sprintf("the request failed with status %d", w.status)}
	}
	err := &core.Error{Code: problem.Code, Message: problem.Detail, Hint: problem.Hint}
	if err.Message == "" {
		err.Message = problem.Title
	}
	if len(problem.Candidates) > 0 {
		err.Hint = strings.TrimSpace(err.Hint + " candidates: " + strings.Join(problem.Candidates, ", "))
	}
	return err
}
