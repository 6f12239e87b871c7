// Package api is the HTTP API of a registry.
package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"fnregistry.dev/fn_registry/check"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
)

// Source is where the API's answers come from.
type Source interface {
	State() *registry.State // nil until it is loaded
	Freshness() Freshness
}

// Freshness says how current the answers are.
type Freshness struct {
	Generation uint64     `json:"generation"` // of the registry's state: raised by each change found; 0: nothing is loaded yet
	ChangedAt  *time.Time `json:"changed_at"` // when this generation began
	SweptAt    *time.Time `json:"swept_at"`   // when all files were last checked; null while only the cache was read
	Watching   bool       `json:"watching"`   // file changes are noticed as they happen, between the sweeps
	Problem    string     `json:"problem"`    // why the last check of the files failed; empty: it succeeded
}

// Config is what the API needs.
type Config struct {
	Source  Source
	Metrics http.Handler // answers GET /metrics in Prometheus' text format
	Version string       // of this program, for the document
}

// API is the endpoints, ready to be mounted.
type API struct {
	*httpapi.HTTPAPIHandle
	source Source
}

// serverTag groups the endpoints about the server itself: they answer before
// the registry is loaded.
const serverTag = "server"

// New makes the endpoints and their document.
func New(cfg Config) *API {
	a := &API{source: cfg.Source}
	health, err := fnhttp.HTTPHealth(fnhttp.HTTPHealthConfig{
		Metrics: cfg.Metrics, Checks: []fnhttp.HTTPHealthCheck{{Name: "repositories", Check: a.loaded}},
	})
	if err != nil {
		panic(err) // the config has a name
	}
	a.HTTPAPIHandle = httpapi.HTTPAPI(httpapi.HTTPAPIConfig{
		Title: "fn_registry", Version: cfg.Version, Access: fnhttp.HTTPStackPublic,
		Description: "The units of one or more repositories: find, show, who uses whom, what is like a draft, what the linter finds. " +
			"Unknown parameters are refused. Every answer from the registry says how current it is in the headers " +
			"Registry-Generation, Registry-Swept-At and Registry-Watching; GET answers have an ETag.",
		Endpoints:  slices.Concat(unitEndpoints(), graphEndpoints(), a.registryEndpoints(), httpapi.HTTPAPIHealth(health)),
		Wrap:       a.around,
		Generation: func(r *http.Request) string { return strconv.FormatUint(StateFrom(r.Context()).Generation, 10) },
		Schemas: map[reflect.Type]map[string]any{
			reflect.TypeFor[check.Severity]():   textOf(check.Error, check.Warning),
			reflect.TypeFor[registry.Advice]():  textOf(registry.AdviceUse, registry.AdviceLook, registry.AdviceWrite),
			reflect.TypeFor[spec.SectionKind](): textOf(spec.SectionExample, spec.SectionWhenToUse, spec.SectionGotchas, spec.SectionOther),
		},
	})
	return a
}

// textOf is the schema of a string with a fixed set of values.
func textOf(values ...any) map[string]any { return map[string]any{"type": "string", "enum": values} }

func (a *API) loaded(context.Context) error {
	if a.source.State() == nil {
		return errLoading
	}
	return nil
}

var errLoading = &core.Error{Code: core.CodeUnavailable, Message: "the repositories are still being read",
	Hint: "GET /readyz says when that is done", RetryAfter: time.Second}

// around gives requests their state, and responses the headers about it.
func (a *API) around(e httpapi.HTTPAPIEndpoint, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		freshness := a.source.Freshness() // before the state, so that the state is at least that fresh
		state := a.source.State()
		setFreshness(w.Header(), freshness, state)
		if state == nil && e.Tag != serverTag {
			fnhttp.HTTPProblem(w, r, errLoading)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), stateKey{}, state)))
	})
}

// setFreshness sets headers that say how current a response from this state is.
func setFreshness(h http.Header, f Freshness, s *registry.State) {
	h.Set("Registry-Watching", strconv.FormatBool(f.Watching))
	if s != nil {
		h.Set("Registry-Generation", strconv.FormatUint(s.Generation, 10))
	}
	if f.SweptAt != nil {
		h.Set("Registry-Swept-At", f.SweptAt.Format(time.RFC3339))
	}
}
