// Package api is the HTTP API over a registry. Each endpoint stands with its own route, parameters and description in
// one value; the mux and the OpenAPI document are both made of these.
package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// Endpoint is one route: what it is for, what it takes, what it answers, and the code that does so.
type Endpoint struct {
	Method      string
	Path        string // a pattern of http.ServeMux, without the method
	Name        string // unique; OpenAPI's operationId
	Summary     string // one line
	Description string // Markdown
	Tag         string // the group that it is listed under

	In      reflect.Type // a struct; its fields' tags name the parameters: path, query, doc, enum, min, max, default
	Body    reflect.Type // of the request's JSON; nil: it has none
	Answers []Answer     // of status 200
	Fails   []int        // statuses of problems that are its own: 404

	handler http.Handler
	always  bool // it answers before the registry is loaded
	tagged  bool // equal requests to one state have equal answers, so their ETag needs no look at the answer
}

// Answer is a form in which an endpoint answers.
type Answer struct {
	Type string       // media type
	Go   reflect.Type // for JSON; nil: text
}

// stateKey is the context's key of the state that a request is answered from.
type stateKey struct{}

// StateFrom returns the state that a request is answered from: the one that was current when it came.
func StateFrom(ctx context.Context) *registry.State {
	s, _ := ctx.Value(stateKey{}).(*registry.State)
	return s
}

// jsonEndpoint completes an endpoint that answers JSON.
func jsonEndpoint[In, Out any](e Endpoint, answer func(context.Context, In) (Out, error)) Endpoint {
	e.In = reflect.TypeFor[In]()
	e.Answers = []Answer{{Type: "application/json", Go: reflect.TypeFor[Out]()}}
	checker := newChecker(e.In)
	e.handler = fnhttp.HTTPJSON(func(ctx context.Context, in In) (any, error) {
		if err := checker.check(reflect.ValueOf(&in).Elem()); err != nil {
			return nil, err
		}
		out, err := answer(ctx, in)
		if err != nil {
			return nil, problem(err)
		}
		return out, nil
	}, fnhttp.HTTPJSONConfig{MaxBytes: maxBody})
	return e
}

// maxBody is the longest body of a request: a draft with a page of description has a hundredth of it.
const maxBody = 256 << 10

// problem says to HTTP what the registry's errors mean.
func problem(err error) error {
	shown := &fnhttp.HTTPProblemError{Members: map[string]any{}}
	if missing, ok := errors.AsType[*registry.NotFoundError](err); ok {
		shown.Err = &core.Error{Code: core.CodeNotFound, Message: missing.Error(), Hint: "GET /api/v1/units?q= finds units by words", Err: err}
		shown.Members["candidates"] = nonNil(missing.Candidates)
		return shown
	}
	if bad, ok := errors.AsType[*registry.QueryError](err); ok {
		shown.Err = &core.Error{Code: core.CodeInvalid, Message: bad.Error(), Err: err}
		shown.Members["parameter"] = bad.Param
		if len(bad.Candidates) > 0 {
			shown.Members["candidates"] = bad.Candidates
		}
		return shown
	}
	return err
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
