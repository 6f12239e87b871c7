package api

import (
	"context"
	"net/http"
	"reflect"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

type healthOut struct {
	Status string `json:"status"` // ok
}

type readyOut struct {
	Status    string    `json:"status"` // ready
	Freshness Freshness `json:"freshness"`
}

func (a *API) serverEndpoints() []Endpoint {
	ready := jsonEndpoint(Endpoint{
		Method: http.MethodGet, Path: "/readyz", Name: "getReadiness", Tag: "server", always: true, Fails: []int{http.StatusServiceUnavailable},
		Summary: "Whether the repositories are loaded, so that questions can be answered",
	}, func(ctx context.Context, _ noIn) (readyOut, error) {
		if StateFrom(ctx) == nil {
			return readyOut{}, &core.Error{Code: core.CodeUnavailable, Message: "the repositories are still being read"}
		}
		return readyOut{Status: "ready", Freshness: a.Source.Freshness()}, nil
	})
	health := jsonEndpoint(Endpoint{
		Method: http.MethodGet, Path: "/healthz", Name: "getHealth", Tag: "server", always: true, Summary: "Whether the server runs",
	}, func(context.Context, noIn) (healthOut, error) { return healthOut{Status: "ok"}, nil })
	metrics := Endpoint{
		Method: http.MethodGet, Path: "/metrics", Name: "getMetrics", Tag: "server", always: true,
		Summary: "Metrics in Prometheus' text format", In: reflect.TypeFor[noIn](), Answers: []Answer{{Type: "text/plain"}}, handler: noQuery(a.Metrics),
	}
	document := Endpoint{
		Method: http.MethodGet, Path: "/openapi.json", Name: "getOpenAPI", Tag: "server", always: true,
		Summary: "This description, as OpenAPI 3.1", In: reflect.TypeFor[noIn](),
		Answers: []Answer{{Type: "application/json", Go: reflect.TypeFor[map[string]any]()}},
		handler: noQuery(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-cache")
			w.Write(a.document) // a client that went away is nobody to tell
		})),
	}
	return []Endpoint{health, ready, metrics, document}
}

// noQuery refuses parameters, as HTTPJSON does for the others.
func noQuery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := fnhttp.HTTPQueryRead[noIn](r); err != nil {
			fnhttp.HTTPProblem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
