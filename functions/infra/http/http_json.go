package http

import (
	"context"
	"net/http"
	"reflect"

	fnjson "fnregistry.dev/functions/infra/json"
)

// HTTPJSONConfig bounds the bodies that [HTTPJSON] reads and says what success
// is. The zero value is usable.
type HTTPJSONConfig struct {
	Status   int   // of a response without error; zero: 200, or 204 where Out is struct{}
	MaxBytes int64 // longest body; zero: 1 MiB
	MaxDepth int   // deepest nesting of the body; zero: 64
}

// HTTPJSON makes a handler of a function: In comes from the request, Out goes
// back as JSON, an error as problem JSON.
//
// Fields of In tagged query:"..." or path:"..." come from the URL, strictly, as
// [HTTPQueryRead] says. They need the tag json:"-" besides, so that a body
// can't set them. If In has other exported fields, or is no struct, the body of
// any method but GET, HEAD, DELETE and OPTIONS is read into it, strictly, as
// [HTTPJSONRead] says; else bodies are not read.
//
// In may be a pointer to such a struct, and is then never nil. A program with
// many handlers is smaller that way: of all pointers, Go compiles this once.
//
// The context is the request's: it ends when the client leaves. HTTPJSON panics
// if In has tags that can't work, as http.ServeMux does for a bad pattern.
//
// More in http_json.md:
//   - Bodies of GET, HEAD, DELETE and OPTIONS are not read: fields without
//     query or path tag stay zero there.
//   - If all fields of In come from the URL, no body is read at all, and no
//     Content-Type asked for.
func HTTPJSON[In, Out any](fn func(context.Context, In) (Out, error), cfg HTTPJSONConfig) http.Handler {
	h := newJSONHandler(reflect.TypeFor[In](), reflect.TypeFor[Out](), cfg)
	h.decode = func(body []byte) (any, error) {
		if body == nil {
			return new(In), nil
		}
		in, err := fnjson.JSONDecode[In](body, h.decoding)
		return &in, err
	}
	h.call = func(ctx context.Context, in any) (any, error) { return fn(ctx, *in.(*In)) }
	return h
}

// jsonHandler is what HTTPJSON does for any type. It is compiled once: only
// decode and call are compiled for each type.
type jsonHandler struct {
	plan     *urlPlan
	status   int
	empty    bool // Out is struct{}
	maxBytes int64
	decoding fnjson.JSONDecodeConfig
	decode   func(body []byte) (in any, err error) // nil: there is no body
	call     func(ctx context.Context, in any) (any, error)
}

func newJSONHandler(in, out reflect.Type, cfg HTTPJSONConfig) *jsonHandler {
	if in.Kind() == reflect.Pointer {
		in = in.Elem()
	}
	plan, err := urlPlanOf(in)
	if err != nil {
		panic(err)
	}
	h := &jsonHandler{
		plan: plan, empty: out == reflect.TypeFor[struct{}](), status: cfg.Status,
		maxBytes: cfg.MaxBytes, decoding: jsonBodyDecoding(cfg.MaxDepth),
	}
	switch {
	case h.status != 0:
	case h.empty:
		h.status = http.StatusNoContent
	default:
		h.status = http.StatusOK
	}
	return h
}

// ServeHTTP reads the request, calls the function and writes what it returns.
func (h *jsonHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := h.answer(w, r)
	if h.empty {
		out = nil
	}
	if err == nil {
		err = HTTPJSONWrite(w, h.status, out)
	}
	if err != nil {
		HTTPProblem(w, r, err)
	}
}

func (h *jsonHandler) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	var body []byte
	if h.plan.untagged && mayHaveBody(r.Method) {
		var err error
		if body, err = readJSONBody(w, r, h.maxBytes); err != nil {
			return nil, err
		}
	}
	in, err := h.decode(body)
	if err != nil {
		return nil, explainField(err)
	}
	value := reflect.ValueOf(in).Elem()
	if value.Kind() == reflect.Pointer {
		if value.IsNil() { // there is no body, or it is null
			value.Set(reflect.New(value.Type().Elem()))
		}
		value = value.Elem()
	}
	if err := h.plan.fill(r, value); err != nil {
		return nil, err
	}
	return h.call(r.Context(), in)
}

// mayHaveBody leaves out the methods for which RFC 9110 gives a body no
// meaning.
func mayHaveBody(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodDelete, http.MethodOptions:
		return false
	}
	return true
}
