package httpapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// patience is how long a response may take.
const patience = 30 * time.Second

// checking is one run of the tests.
type checking struct {
	ctx      context.Context
	cfg      HTTPAPIConformanceConfig
	client   *http.Client
	all      []*operation
	strict   *jsonschema.Compiler // has the document, closed, as documentURL
	problems []string
}

// check returns what is wrong with an API.
func check(ctx context.Context, cfg HTTPAPIConformanceConfig) []string {
	c := &checking{ctx: ctx, cfg: cfg, client: &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	defer c.client.CloseIdleConnections()
	if !c.readDocument() {
		return c.problems
	}
	tried := map[*operation]bool{}
	for _, r := range cfg.Requests {
		op := c.good(r)
		if op == nil || tried[op] || r.Status >= 400 {
			continue
		}
		tried[op] = true
		c.hostile(op, r)
		if cfg.Token != "" {
			c.withoutToken(op, r)
		}
	}
	for _, op := range c.all {
		if !tried[op] {
			c.report("%s %s: no good request in the test", op.method, op.path)
		}
	}
	got := c.do("GET", "/there/is/nothing/here", "", nil)
	c.wantProblem("an unknown path", got, 404)
	return c.problems
}

func (c *checking) report(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checking) readDocument() bool {
	got := c.do("GET", "/openapi.json", "", nil)
	if got.status != 200 {
		c.report("GET /openapi.json: status %d %s", got.status, got.body)
		return false
	}
	c.validateDocument(got.body)
	all, err := operations(got.body)
	if err == nil {
		c.all = all
		err = c.readSchemas(got.body)
	}
	if err != nil {
		c.report("the document: %v", err)
	}
	return len(c.problems) == 0
}

// validateDocument holds the document against OpenAPI's own schema.
func (c *checking) validateDocument(text []byte) {
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		c.report("the document: %v", err)
		return
	}
	v, errs := validator.NewValidator(doc)
	for _, err := range errs {
		c.report("the document: %v", err)
	}
	if len(errs) > 0 {
		return
	}
	_, problems := v.ValidateDocument()
	for _, p := range problems {
		c.report("the document: %s: %s", p.Message, p.Reason)
		for _, e := range p.SchemaValidationErrors {
			c.report("the document: %s: %s", e.Location, e.Reason)
		}
	}
}

// documentURL is what the compiler of schemas knows the document by.
const documentURL = "openapi.json"

func (c *checking) readSchemas(text []byte) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	closeObjects(doc)
	c.strict = jsonschema.NewCompiler()
	c.strict.AssertFormat()
	return c.strict.AddResource(documentURL, doc)
}

// response is what came back, read whole but for a stream.
type response struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request. A status of 0 is a request that got no response.
func (c *checking) do(method, path, body string, header map[string]string) response {
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL, strings.NewReader(body))
	if err != nil {
		c.report("%s %s: %v", method, path, err)
		return response{}
	}
	req.URL.Opaque = path // as it is, however wrong it may be
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Token)
	}
	for name, value := range header {
		switch {
		case name == "Host":
			req.Host = value
		case value == "":
			req.Header.Del(name)
		default:
			req.Header.Set(name, value)
		}
	}
	res, err := c.client.Do(req)
	if err != nil {
		c.report("%s %.100s: %v", method, path, err)
		return response{}
	}
	defer res.Body.Close()
	got := response{status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return got // it may have no end
	}
	if got.body, err = io.ReadAll(res.Body); err != nil {
		c.report("%s %.100s: the response was cut short: %v", method, path, err)
	}
	return got
}

// good sends a good request and holds the response against the document. It
// returns the operation, or nil.
func (c *checking) good(r HTTPAPIConformanceRequest) *operation {
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	what := fmt.Sprintf("%s %.100s", method, r.Path)
	op := find(c.all, method, r.Path)
	if op == nil {
		c.report("%s: the document has no such operation", what)
		return nil
	}
	got := c.do(method, r.Path, r.Body, nil)
	wanted := got.status == r.Status || r.Status == 0 && (got.status == 200 || got.status == 204)
	if !wanted {
		c.report("%s: status %d %.300s", what, got.status, got.body)
		return nil
	}
	c.hold(what, op, got)
	return op
}

// hold holds a response of an operation against the document.
func (c *checking) hold(what string, op *operation, got response) {
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	status := strconv.Itoa(got.status)
	documented, ok := op.Responses[status]
	if !ok {
		c.report("%s: the document has no status %s for it: %.300s", what, status, got.body)
		return
	}
	if len(documented.Content) == 0 {
		if len(got.body) > 0 {
			c.report("%s: status %s has a body, which the document does not know", what, status)
		}
		return
	}
	if _, ok := documented.Content[kind]; !ok {
		c.report("%s, status %s: the document has no response of type %q", what, status, kind)
		return
	}
	if kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return
	}
	at := []string{"paths", op.path, strings.ToLower(op.method), "responses", status, "content", kind, "schema"}
	for i, part := range at {
		at[i] = strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D", "+", "%2B").Replace(part)
	}
	schema, err := c.strict.Compile(documentURL + "#/" + strings.Join(at, "/"))
	if err != nil {
		c.report("%s: the schema of its response: %v", what, err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(got.body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		c.report("%s, status %s: %v", what, status, err)
	}
}

// wantProblem wants a refusal as problem JSON; for 404, a page will do.
func (c *checking) wantProblem(what string, got response, status int) {
	kind := got.header.Get("Content-Type")
	if status == 404 && got.status == 404 && strings.HasPrefix(kind, "text/html") {
		return
	}
	var problem struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	err := json.Unmarshal(got.body, &problem)
	switch {
	case got.status != status:
		c.report("%s: status %d, want %d: %.300s", what, got.status, status, got.body)
	case kind != "application/problem+json" || err != nil || problem.Status != status || problem.Type == "" || problem.Title == "" || problem.Code == "" || problem.Detail == "":
		c.report("%s: no problem JSON, or not all of it: %s %.300s", what, kind, got.body)
	case len(got.body) > 16<<10:
		c.report("%s: the refusal has %d bytes", what, len(got.body))
	}
}

// refused sends what an operation must refuse.
func (c *checking) refused(what string, op *operation, path, body string, header map[string]string, status int) {
	got := c.do(op.method, path, body, header)
	what = fmt.Sprintf("%s %.100s: %s", op.method, path, what)
	c.wantProblem(what, got, status)
	if got.status == status {
		c.hold(what, op, got)
	}
}

// allows holds the methods that an operation's path does not have.
func (c *checking) allows(op *operation, path string) {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"} {
		if has(c.all, op.path, method) {
			continue
		}
		got := c.do(method, path, "", nil)
		what := method + " " + path
		if method != "HEAD" {
			c.wantProblem(what, got, http.StatusMethodNotAllowed)
		}
		if allow := strings.Split(got.header.Get("Allow"), ", "); !slices.Contains(allow, op.method) || slices.Contains(allow, method) {
			c.report("%s: status %d, Allow is %q", what, got.status, got.header.Get("Allow"))
		}
	}
	got := c.do("OPTIONS", path, "", map[string]string{"Origin": "https://evil.example", "Access-Control-Request-Method": op.method})
	if got.status != 204 || !strings.Contains(got.header.Get("Allow"), op.method) || got.header.Get("Access-Control-Allow-Origin") != "" {
		c.report("OPTIONS %s: status %d, %v", path, got.status, got.header)
	}
}
