package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/internal/candidate"
)

// HTTPAPIConfig is an API: its endpoints, and what its document says of it.
type HTTPAPIConfig struct {
	Title       string // the document's; required
	Version     string // of the program; required
	Description string // Markdown
	Endpoints   []HTTPAPIEndpoint
	// Access is that of HTTPStackConfig, for the document. Stack holds both
	// to be equal.
	Access fnhttp.HTTPStackAccess
	// Wrap wraps the handler of each endpoint, inside the routes and outside
	// the ETag: it can set headers on all responses and values in a request's
	// context. nil: nothing.
	Wrap func(e HTTPAPIEndpoint, next http.Handler) http.Handler
	// Generation names the state that a request is answered from: another
	// one after each change. It is called with the request that Wrap
	// passes on. An empty one is unknown. Required for endpoints with
	// ByGeneration.
	Generation func(*http.Request) string
	// Schemas are JSON Schemas of types that say it themselves: named texts
	// with few values, types with a MarshalJSON.
	Schemas map[reflect.Type]map[string]any
}

// HTTPAPIHandle is an API, ready to be mounted.
type HTTPAPIHandle struct {
	cfg      HTTPAPIConfig
	document []byte
	boot     string // tells the ETags of this process from those of others, whose generations mean something else
}

// HTTPAPI makes an API of endpoints, and adds one to them: GET /openapi.json,
// the OpenAPI 3.1 document of all.
//
// Each endpoint refuses with 400 what it does not take: unknown parameters and
// fields (the problem has those that may have been meant), repeated ones, and
// values that its tags don't allow. The responses to GET have an ETag; those by
// generation are not computed again for a client that has them. Such a tag is
// worth nothing after a restart, since a generation may begin anew.
//
// Wrap the mux in fnhttp.HTTPMux for problem JSON on other paths and methods,
// and that in [HTTPAPIHandle.Stack].
//
// It panics where the endpoints can't work, as http.ServeMux does: names or
// routes that two of them have, a parameter that is not in the path, types
// without a schema.
//
// More in http_api.md:
//   - It panics for endpoints that can't work, as http.ServeMux does: a test
//     that makes the API finds it.
//   - ETags by generation belong to one process: after a restart every client
//     fetches once.
func HTTPAPI(cfg HTTPAPIConfig) *HTTPAPIHandle {
	a := &HTTPAPIHandle{cfg: cfg, boot: rand.Text()[:8]}
	a.cfg.Endpoints = append(slices.Clip(cfg.Endpoints), HTTPAPIRaw(HTTPAPIEndpoint{
		Method: http.MethodGet, Path: "/openapi.json", Name: "getOpenAPI", Tag: "server", Summary: "This description, as OpenAPI 3.1",
		Responses: []HTTPAPIResponse{{Type: "application/json", Go: reflect.TypeFor[map[string]any]()}},
	}, a.serveDocument))
	names, routes := map[string]bool{}, map[string]bool{}
	for _, e := range a.cfg.Endpoints {
		route := e.Method + " " + e.Path
		if problem := cfg.problem(&e); problem != "" || names[e.Name] || routes[route] {
			panic(fmt.Sprintf("endpoint %q, %s: %s", e.Name, route, orText(problem, "its name or route is given twice")))
		}
		names[e.Name], routes[route] = true, true
	}
	a.document = document(&a.cfg)
	return a
}

func orText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// problem says why an endpoint can't work; "": it can.
func (cfg *HTTPAPIConfig) problem(e *HTTPAPIEndpoint) string {
	switch {
	case e.made == nil:
		return "it is made by neither HTTPAPIJSON nor HTTPAPIRaw"
	case e.Name == "" || e.Summary == "" || e.Tag == "" || !strings.HasPrefix(e.Path, "/"):
		return "it lacks a name, a summary, a tag or a path"
	case !slices.Contains(methods, e.Method):
		return "its method is none of " + strings.Join(methods, ", ")
	case e.ByGeneration && (cfg.Generation == nil || e.Method != http.MethodGet):
		return "only a GET can be by generation, and only with a config's Generation"
	}
	var params []string
	for _, r := range e.made.rules {
		if r.in == "path" {
			params = append(params, r.name)
		}
	}
	if inPath := pathParams(e.Path); !slices.Equal(slices.Sorted(slices.Values(params)), slices.Sorted(slices.Values(inPath))) {
		return fmt.Sprintf("its path has the parameters %q, its In %q", inPath, params)
	}
	return ""
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// Endpoints lists the endpoints in the order of the document.
func (a *HTTPAPIHandle) Endpoints() []HTTPAPIEndpoint { return slices.Clone(a.cfg.Endpoints) }

// Document is the OpenAPI 3.1 document, as JSON. The caller may not change it.
func (a *HTTPAPIHandle) Document() []byte { return a.document }

// Stack puts fnhttp.HTTPStack around next, the routes that the API is mounted
// in. Its endpoints that are Public need no token; cfg.Public lists what else
// needs none. cfg.Access must be the API's: the document says so.
func (a *HTTPAPIHandle) Stack(next http.Handler, cfg fnhttp.HTTPStackConfig) (http.Handler, error) {
	if cfg.Access != a.cfg.Access {
		return nil, &core.Error{Code: core.CodeInvalid, Op: "http_api stack",
			Message: fmt.Sprintf("access is %q, and %q in the API's document", cfg.Access, a.cfg.Access)}
	}
	cfg.Public = slices.Clone(cfg.Public)
	for _, e := range a.cfg.Endpoints {
		if e.Public {
			cfg.Public = append(cfg.Public, e.Method+" "+e.Path)
		}
	}
	return fnhttp.HTTPStack(next, cfg)
}

// Mount adds the endpoints to mux.
func (a *HTTPAPIHandle) Mount(mux *http.ServeMux) {
	for _, e := range a.cfg.Endpoints {
		handler := e.made.handler
		if !e.streams() {
			conditional := fnhttp.HTTPConditionalConfig{}
			if e.ByGeneration {
				conditional.ETag = a.tag
			}
			handler = fnhttp.HTTPConditional(handler, conditional)
		}
		if a.cfg.Wrap != nil {
			handler = a.cfg.Wrap(e, handler)
		}
		mux.Handle(e.Method+" "+e.Path, handler)
	}
}

// tag is the ETag of a request's response: the same for the same URL and
// generation.
func (a *HTTPAPIHandle) tag(r *http.Request) string {
	generation := a.cfg.Generation(r)
	if generation == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(generation + "\x00" + r.URL.EscapedPath() + "?" + r.URL.RawQuery))
	return `"` + a.boot + "-" + hex.EncodeToString(sum[:12]) + `"`
}

// NotFound answers a request for an unknown path, with the API's paths as
// candidates: those that are near in spelling, else the first twenty.
func (a *HTTPAPIHandle) NotFound(w http.ResponseWriter, r *http.Request) {
	paths := []string{}
	for _, e := range a.cfg.Endpoints {
		if !slices.Contains(paths, e.Path) {
			paths = append(paths, e.Path)
		}
	}
	paths, _ = candidate.Names(r.URL.Path, paths)
	fnhttp.HTTPProblem(w, r, &fnhttp.HTTPProblemError{
		Err:     &core.Error{Code: core.CodeNotFound, Message: "there is nothing at this path", Hint: "GET /openapi.json describes what there is"},
		Members: map[string]any{"candidates": paths},
	})
}

func (a *HTTPAPIHandle) serveDocument(w http.ResponseWriter, _ *http.Request, _ *struct{}) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	w.Write(a.document) // an error means that the client is gone
	return nil
}
