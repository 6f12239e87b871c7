package api

import (
	"context"
	"errors"
	"net/http"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/http/httpapi"
)

// stateKey is the context key of the state that answers a request.
type stateKey struct{}

// StateFrom returns the state that a request is answered from: the one that was
// current when it came.
func StateFrom(ctx context.Context) *registry.State {
	s, _ := ctx.Value(stateKey{}).(*registry.State)
	return s
}

// ofRegistry adds what all responses from the registry have in common.
func ofRegistry(e httpapi.HTTPAPIEndpoint) httpapi.HTTPAPIEndpoint {
	e.Headers = []httpapi.HTTPAPIHeader{
		{Name: "Registry-Generation", Doc: "The state that the answer is from: a number that each change raises."},
		{Name: "Registry-Swept-At", Doc: "When all files were last looked at (RFC 3339). Absent while only the cache was read."},
		{Name: "Registry-Watching", Doc: "Whether changes of files are noticed as they happen: true or false."},
	}
	fails := map[int]string{http.StatusServiceUnavailable: "The repositories are still being read."}
	if e.Errors != nil {
		fails[http.StatusNotFound] = e.Errors[http.StatusNotFound]
	}
	e.Errors, e.Problem = fails, Problem
	return e
}

// noUnit is for endpoints that look up a unit by its ID.
var noUnit = map[int]string{http.StatusNotFound: "There is no unit of this ID; candidates lists those that may have been meant."}

// MaxBody is the longest body of a request: a draft with a page of description
// has a hundredth of it.
const MaxBody = 256 << 10

// Problem says to HTTP what the registry's errors mean. It returns others as
// they are.
func Problem(err error) error {
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
