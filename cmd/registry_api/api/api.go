package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// Source is where the API's answers come from.
type Source interface {
	State() *registry.State // nil until it is loaded
	Freshness() Freshness
}

// Freshness says how current the answers are.
type Freshness struct {
	Generation uint64     `json:"generation"` // of what is known: raised by each change that was found; 0: nothing is loaded yet
	ChangedAt  *time.Time `json:"changed_at"` // when this generation began
	SweptAt    *time.Time `json:"swept_at"`   // when all files were last looked at; null while only the cache was read
	Watching   bool       `json:"watching"`   // changes of files are noticed as they happen, between the sweeps
	Problem    string     `json:"problem"`    // why the last look at the files failed; empty: it did not
}

// Config is what the API needs.
type Config struct {
	Source  Source
	Metrics http.Handler // answers GET /metrics in Prometheus' text format
	Version string       // of this program, for the document
}

// API is the endpoints, ready to be mounted.
type API struct {
	Config
	endpoints []Endpoint
	document  []byte
	boot      string // tells the ETags of this process from those of others, whose generations mean something else
}

// New makes the endpoints and their document.
func New(cfg Config) *API {
	a := &API{Config: cfg, boot: rand.Text()[:8]}
	a.endpoints = slices.Concat(a.unitEndpoints(), a.graphEndpoints(), a.registryEndpoints(), a.serverEndpoints())
	a.document = document(a.endpoints, cfg.Version)
	return a
}

// Endpoints lists the endpoints in the order of the document.
func (a *API) Endpoints() []Endpoint { return a.endpoints }

// Document is the OpenAPI 3.1 document, as JSON.
func (a *API) Document() []byte { return a.document }

// Mount adds the endpoints to a mux, and problems as the answer to other methods on their paths and to other paths
// under /api/.
func (a *API) Mount(mux *http.ServeMux) {
	methods := map[string][]string{}
	for _, e := range a.endpoints {
		mux.Handle(e.Method+" "+e.Path, a.wrap(e))
		methods[e.Path] = append(methods[e.Path], e.Method)
	}
	for path, allowed := range methods {
		mux.Handle(path, methodNotAllowed(allowed))
	}
	mux.HandleFunc("/api/", a.NotFound)
}

// wrap gives requests their state, and the answers the headers about it and
// their ETag.
func (a *API) wrap(e Endpoint) http.Handler {
	conditional := fnhttp.HTTPConditional(e.handler, fnhttp.HTTPConditionalConfig{ETag: func(r *http.Request) string {
		if !e.tagged {
			return ""
		}
		return a.tag(r)
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		freshness := a.Source.Freshness() // before the state, which is then no older than it says
		state := a.Source.State()
		SetFreshness(w.Header(), freshness, state)
		if state == nil && !e.always {
			NotReady(w, r)
			return
		}
		conditional.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), stateKey{}, state)))
	})
}

// tag is the ETag of a request's answer: the same for the same URL and state.
func (a *API) tag(r *http.Request) string {
	sum := sha256.Sum256([]byte(r.URL.Path + "?" + r.URL.RawQuery))
	return fmt.Sprintf(`"%s-%d-%s"`, a.boot, StateFrom(r.Context()).Generation, hex.EncodeToString(sum[:8]))
}

// SetFreshness tells in headers how current an answer from this state is.
func SetFreshness(h http.Header, f Freshness, s *registry.State) {
	h.Set("Registry-Watching", strconv.FormatBool(f.Watching))
	if s != nil {
		h.Set("Registry-Generation", strconv.FormatUint(s.Generation, 10))
	}
	if f.SweptAt != nil {
		h.Set("Registry-Swept-At", f.SweptAt.Format(time.RFC3339))
	}
}

// NotReady answers a request that came before the registry was loaded.
func NotReady(w http.ResponseWriter, r *http.Request) {
	fnhttp.HTTPProblem(w, r, &core.Error{Code: core.CodeUnavailable, Message: "the repositories are still being read",
		Hint: "GET /readyz says when that is done", RetryAfter: time.Second})
}

// NotFound answers a request for a path that there is not, with those that may have been meant.
func (a *API) NotFound(w http.ResponseWriter, r *http.Request) {
	paths := []string{}
	for _, e := range a.endpoints {
		if !slices.Contains(paths, e.Path) {
			paths = append(paths, e.Path)
		}
	}
	fnhttp.HTTPProblem(w, r, &fnhttp.HTTPProblemError{
		Err:     &core.Error{Code: core.CodeNotFound, Message: "there is nothing at this path", Hint: "GET /openapi.json describes what there is"},
		Members: map[string]any{"candidates": paths},
	})
}

func methodNotAllowed(allowed []string) http.Handler {
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allow)
		fnhttp.HTTPProblem(w, r, &fnhttp.HTTPProblemError{Status: http.StatusMethodNotAllowed,
			Err: &core.Error{Code: core.CodeInvalid, Message: "the method " + strconv.QuoteToASCII(r.Method) + " is not for this path", Hint: "use " + allow}})
	})
}
