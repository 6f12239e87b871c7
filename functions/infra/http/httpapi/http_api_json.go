package httpapi

import (
	"context"
	"net/http"
	"reflect"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// HTTPAPIJSON completes an endpoint that responds with JSON: answer gets what
// the request says, read and checked by In's tags (see [HTTPAPIEndpoint]), and
// returns what goes back, or an error, which fnhttp.HTTPProblem shows. With
// *struct{} for Out there is no body, and the status is 204.
//
// In is a pointer to a struct, which is never nil, or to a type that the body
// is read into. Out may be any type that JSON has; of pointers to structs,
// which may not be nil, Go compiles all of this once, else for each type.
//
// maxBody is the longest body in bytes; zero: 1 MiB.
//
// It panics where In's tags can't work, as http.ServeMux does for a bad
// pattern.
//
// More in http_api_json.md:
//   - It panics at once where the tags can't work, as http.ServeMux does for a
//     bad pattern.
//   - A nil slice is null in JSON, which the document does not allow: answer an
//     empty one.
func HTTPAPIJSON[In, Out any](e HTTPAPIEndpoint, maxBody int64, answer func(context.Context, In) (Out, error)) HTTPAPIEndpoint {
	m := e.makeJSON(reflect.TypeFor[In](), reflect.TypeFor[Out]())
	// Out is any for HTTPJSON, so that it is compiled for each In alone.
	m.handler = fnhttp.HTTPJSON(func(ctx context.Context, in In) (any, error) {
		if err := m.apply(in); err != nil {
			return nil, err
		}
		out, err := answer(ctx, in)
		return out, m.fail(err)
	}, e.json(maxBody))
	return e
}

func (e *HTTPAPIEndpoint) makeJSON(in, out reflect.Type) *made {
	e.Responses = nil
	if out != reflect.TypeFor[*struct{}]() {
		e.Responses = []HTTPAPIResponse{{Type: "application/json", Go: out}}
	}
	return e.make(in)
}

func (e *HTTPAPIEndpoint) json(maxBody int64) fnhttp.HTTPJSONConfig {
	cfg := fnhttp.HTTPJSONConfig{MaxBytes: maxBody}
	if e.Responses == nil {
		cfg.Status = http.StatusNoContent // without a body, whatever the code returned
	}
	return cfg
}
