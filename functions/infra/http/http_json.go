package http

import (
	"context"
	"net/http"
	"reflect"
)

// HTTPJSONConfig bounds the bodies that [HTTPJSON] reads and says what success is. The zero value is usable.
type HTTPJSONConfig struct {
	Status   int   // of an answer without error; zero: 200, or 204 where Out is struct{}
	MaxBytes int64 // longest body; zero: 1 MiB
	MaxDepth int   // deepest nesting of the body; zero: 64
}

// HTTPJSON makes a handler of a function: In comes from the request, Out goes back as JSON, an error as problem JSON.
//
// Fields of In tagged query:"..." or path:"..." come from the URL, strictly, as [HTTPQueryRead] says. They need the tag
// json:"-" besides, so that a body can't set them. If In has other exported fields, or is no struct, the body of any
// method but GET, HEAD, DELETE and OPTIONS is read into it, strictly, as [HTTPJSONRead] says; else bodies are not read.
//
// The context is the request's: it ends when the client leaves. HTTPJSON panics if In has tags that can't work, as
// http.ServeMux does for a bad pattern.
//
// More in http_json.md:
//   - Bodies of GET, HEAD, DELETE and OPTIONS are not read: fields without
//     query or path tag stay zero there.
//   - If all fields of In come from the URL, no body is read at all, and no
//     Content-Type asked for.
func HTTPJSON[In, Out any](fn func(context.Context, In) (Out, error), cfg HTTPJSONConfig) http.Handler {
	plan, err := urlPlanOf(reflect.TypeFor[In]())
	if err != nil {
		panic(err)
	}
	status := cfg.Status
	empty := reflect.TypeFor[Out]() == reflect.TypeFor[struct{}]()
	if status == 0 {
		status = http.StatusOK
		if empty {
			status = http.StatusNoContent
		}
	}
	answer := func(w http.ResponseWriter, r *http.Request) error {
		var in In
		var err error
		if plan.untagged && mayHaveBody(r.Method) {
			in, err = HTTPJSONRead[In](w, r, HTTPJSONReadConfig{MaxBytes: cfg.MaxBytes, MaxDepth: cfg.MaxDepth})
			if err != nil {
				return err
			}
		}
		if err := plan.fill(r, reflect.ValueOf(&in).Elem()); err != nil {
			return err
		}
		out, err := fn(r.Context(), in)
		if err != nil {
			return err
		}
		if empty {
			return HTTPJSONWrite(w, status, nil)
		}
		return HTTPJSONWrite(w, status, out)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := answer(w, r); err != nil {
			HTTPProblem(w, r, err)
		}
	})
}

// mayHaveBody leaves out the methods for which RFC 9110 gives a body no meaning.
func mayHaveBody(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		return false
	}
	return true
}
