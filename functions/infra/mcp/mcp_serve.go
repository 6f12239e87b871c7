package mcp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/stream"
)

// MCPServeConfig is a server: what it is called, and its tools.
type MCPServeConfig struct {
	Name    string // for programs; required
	Title   string // for people; empty: the name
	Version string // of the program; required
	// Instructions tell an agent what the server is for, and how to use its
	// tools. Clients show them to it before its first call.
	Instructions string
	Tools        []MCPServeTool // in the order in which they are listed
	// MaxCalls is how many calls run at once; others wait. Default: 4.
	MaxCalls int
}

// MCPServeTool is a function that an agent may call.
type MCPServeTool struct {
	Name        string // required
	Title       string // for people; empty: the name
	Description string // what it does, for the agent; required
	// Schema is the JSON Schema of the arguments, of type object. nil: there
	// are none. It is for the client: Call checks its arguments itself.
	Schema json.RawMessage
	Writes bool // it changes something
	// Call returns what the tool says. arguments is a JSON object. An error is
	// shown to the agent, with its hint (core.ErrorHint). It is called from
	// several goroutines at once, and ctx ends when the client cancels the
	// call. Required.
	Call func(ctx context.Context, arguments json.RawMessage) (string, error)
}

// versions of the protocol that the server can speak, newest first. A client of
// a later one, which has no handshake, falls back to the newest.
var versions = []string{"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}

// Error codes of JSON-RPC 2.0 (https://www.jsonrpc.org/specification).
const (
	parseError     = -32700
	invalidRequest = -32600
	methodNotFound = -32601
	invalidParams  = -32602
	tooManyCalls   = -32000
)

const (
	maxLine    = 1 << 20 // bytes of a message
	maxPending = 64      // calls that run or wait
)

// MCPServe reads requests from in, one JSON-RPC message a line, and writes the
// responses to out, until in ends; then it waits for the calls that run. That
// is the protocol's stdio transport: nothing else may be written to out.
//
// It returns nil at the end of in, ctx's cause when that ends, which also
// cancels the calls, and the error of in or out. Where ctx ends, a Read of in
// may still wait: close in, or end the program. A line that is no request gets
// an error as its response, and serving goes on.
//
// Errors: CodeInvalid for a config without what is required.
//
// More in mcp_serve.md:
//   - A tool's text goes into an agent's context, which is small and costs
//     money: bound it.
//   - Logs belong on stderr; a single line of them on out ends most clients'
//     sessions.
func MCPServe(ctx context.Context, in io.Reader, out io.Writer, cfg MCPServeConfig) error {
	list, err := cfg.list()
	if err != nil {
		return err
	}
	if cfg.MaxCalls <= 0 {
		cfg.MaxCalls = 4
	}
	lines, err := stream.LineRead(in, stream.LineReadConfig{MaxBytes: maxLine})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &server{
		cfg: cfg, list: list, out: out, fail: cancel,
		pending: map[string]context.CancelFunc{}, slots: make(chan struct{}, cfg.MaxCalls),
	}
	read := make(chan error, 1)
	go func() { read <- s.read(ctx, lines) }()
	select {
	case err = <-read:
	case <-ctx.Done(): // the reader may wait for a line
	}
	s.close()
	return errors.Join(err, context.Cause(ctx))
}

// list is the result of tools/list, made once.
func (cfg *MCPServeConfig) list() (json.RawMessage, error) {
	invalid := func(message string) error {
		return &core.Error{Code: core.CodeInvalid, Op: "mcp_serve", Message: message}
	}
	if cfg.Name == "" || cfg.Version == "" {
		return nil, invalid("the server has no name or no version")
	}
	type annotations struct {
		ReadOnly bool `json:"readOnlyHint"`
	}
	type tool struct {
		Name        string          `json:"name"`
		Title       string          `json:"title,omitempty"`
		Description string          `json:"description"`
		Schema      json.RawMessage `json:"inputSchema"`
		Annotations annotations     `json:"annotations"`
	}
	tools := []tool{}
	for _, t := range cfg.Tools {
		if t.Name == "" || t.Description == "" || t.Call == nil {
			return nil, invalid(fmt.Sprintf("tool %q lacks a name, a description or a function", t.Name))
		}
		if slices.ContainsFunc(tools, func(other tool) bool { return other.Name == t.Name }) {
			return nil, invalid(fmt.Sprintf("two tools are called %q", t.Name))
		}
		if t.Schema == nil {
			t.Schema = json.RawMessage(`{"type":"object"}`)
		}
		tools = append(tools, tool{t.Name, t.Title, t.Description, t.Schema, annotations{!t.Writes}})
	}
	list, err := json.Marshal(map[string]any{"tools": tools})
	if err != nil {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "mcp_serve", Message: "a tool's schema is no JSON", Err: err}
	}
	return list, nil
}

// server is one session.
type server struct {
	cfg   MCPServeConfig
	list  json.RawMessage
	slots chan struct{} // holds a value for each call that runs
	calls sync.WaitGroup
	fail  context.CancelCauseFunc // ends the session

	writing sync.Mutex // held while a message is written
	out     io.Writer

	mu      sync.Mutex
	pending map[string]context.CancelFunc // calls by their ID; one that was canceled has nil
	closed  bool                          // no more calls start
}

// close waits for the calls that run.
func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
}

// request is a message of the client: a request, a notification, which has no
// ID, or a response, which has no method and is ignored, since the server asks
// nothing.
type request struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
}

type rpcError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// read handles each line until there are no more.
func (s *server) read(ctx context.Context, lines *stream.LineReadHandle) error {
	for ctx.Err() == nil {
		line, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case line.Dropped > 0:
			s.refuse(nil, parseError, fmt.Sprintf("the line is longer than %d bytes", maxLine))
		case len(bytes.TrimSpace(line.Text)) > 0:
			s.handle(ctx, bytes.TrimSpace(line.Text))
		}
	}
	return nil
}

func (s *server) handle(ctx context.Context, line []byte) {
	var r request
	switch err := json.Unmarshal(line, &r); {
	case !json.Valid(line):
		s.refuse(nil, parseError, "the line is not JSON")
		return
	case line[0] == '[':
		s.refuse(nil, invalidRequest, "there are no batches: send one message a line")
		return
	case err != nil || r.Version != "2.0":
		s.refuse(nil, invalidRequest, "the line is not a JSON-RPC 2.0 message")
		return
	case len(r.ID) > 0 && r.ID[0] != '"' && r.ID[0] != '-' && (r.ID[0] < '0' || r.ID[0] > '9'):
		s.refuse(nil, invalidRequest, "an ID is a string or a number")
		return
	case r.Method == "": // a response
		return
	}
	if len(r.ID) == 0 {
		if r.Method == "notifications/cancelled" {
			s.cancel(r.Params)
		}
		return
	}
	switch r.Method {
	case "initialize":
		s.answer(r.ID, s.hello(r.Params))
	case "ping":
		s.answer(r.ID, struct{}{})
	case "tools/list":
		s.answer(r.ID, s.list)
	case "tools/call":
		s.call(ctx, r)
	default:
		s.refuse(r.ID, methodNotFound, "there is no method "+r.Method)
	}
}

func (s *server) hello(params json.RawMessage) any {
	var asked struct {
		Version string `json:"protocolVersion"`
	}
	_ = json.Unmarshal(params, &asked) // without a version it gets the newest
	if !slices.Contains(versions, asked.Version) {
		asked.Version = versions[0]
	}
	type info struct {
		Name    string `json:"name"`
		Title   string `json:"title,omitempty"`
		Version string `json:"version"`
	}
	return struct {
		Version      string         `json:"protocolVersion"`
		Capabilities map[string]any `json:"capabilities"`
		Info         info           `json:"serverInfo"`
		Instructions string         `json:"instructions,omitempty"`
	}{asked.Version, map[string]any{"tools": struct{}{}}, info{s.cfg.Name, s.cfg.Title, s.cfg.Version}, s.cfg.Instructions}
}

// call starts a tool's call.
func (s *server) call(ctx context.Context, r request) {
	var params struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	if err := json.Unmarshal(r.Params, &params); err != nil {
		s.refuse(r.ID, invalidParams, "tools/call takes a name and arguments")
		return
	}
	i := slices.IndexFunc(s.cfg.Tools, func(t MCPServeTool) bool { return t.Name == params.Name })
	if i < 0 {
		s.refuse(r.ID, invalidParams, fmt.Sprintf("there is no tool %q", params.Name))
		return
	}
	if len(params.Arguments) == 0 || string(params.Arguments) == "null" {
		params.Arguments = json.RawMessage("{}")
	}
	if params.Arguments[0] != '{' {
		s.refuse(r.ID, invalidParams, "the arguments are not an object")
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	if code, message := s.expect(r.ID, cancel); message != "" {
		cancel()
		s.refuse(r.ID, code, message)
		return
	}
	go func() {
		defer s.calls.Done()
		defer cancel()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		case <-ctx.Done():
		}
		text, err := "", ctx.Err()
		if err == nil {
			text, err = s.cfg.Tools[i].Call(ctx, params.Arguments)
		}
		if canceled := s.done(r.ID); !canceled { // whoever canceled a call expects no response
			s.answer(r.ID, toolResult(text, err))
		}
	}()
}

// expect notes a call that starts. With a message it can't be.
func (s *server) expect(id json.RawMessage, cancel context.CancelFunc) (code int, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return tooManyCalls, "the server stops"
	}
	if _, ok := s.pending[string(id)]; ok {
		return invalidRequest, "the ID is that of a call that is not answered yet"
	}
	if len(s.pending) == maxPending {
		return tooManyCalls, fmt.Sprintf("%d calls run or wait: repeat it when one of them is answered", maxPending)
	}
	s.pending[string(id)] = cancel
	s.calls.Add(1)
	return 0, ""
}

// done forgets a call, and reports whether it was canceled.
func (s *server) done(id json.RawMessage) (canceled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	canceled = s.pending[string(id)] == nil
	delete(s.pending, string(id))
	return canceled
}

// cancel ends a call that runs or waits. An unknown one may have been answered
// meanwhile, and is ignored.
func (s *server) cancel(params json.RawMessage) {
	var notice struct {
		ID json.RawMessage `json:"requestId"`
	}
	if json.Unmarshal(params, &notice) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.pending[string(notice.ID)]; cancel != nil {
		s.pending[string(notice.ID)] = nil
		cancel()
	}
}

type content struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type result struct {
	Content []content `json:"content"`
	IsError bool      `json:"isError,omitempty"`
}

// toolResult is what a call returned, as the agent gets it.
func toolResult(text string, err error) result {
	if err == nil {
		return result{Content: []content{{"text", text}}}
	}
	text = err.Error()
	if hint := core.ErrorHint(err); hint != "" {
		text += "\nhint: " + hint
	}
	return result{Content: []content{{"text", text}}, IsError: true}
}

func (s *server) answer(id json.RawMessage, value any) {
	s.write(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Result  any             `json:"result"`
	}{"2.0", id, value})
}

// refuse responds with an error; id is nil if it isn't known.
func (s *server) refuse(id json.RawMessage, code int, message string) {
	s.write(struct {
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   rpcError        `json:"error"`
	}{"2.0", id, rpcError{code, message}})
}

// write writes a message. Where it can't, nobody listens, and the session ends.
func (s *server) write(message any) {
	line, err := json.Marshal(message)
	if err == nil {
		s.writing.Lock()
		defer s.writing.Unlock()
		_, err = s.out.Write(append(line, '\n'))
	}
	if err != nil {
		s.fail(fmt.Errorf("mcp_serve: write: %w", err))
	}
}
