package httpapi

import (
	"net/http"
	"reflect"

	fnhttp "fnregistry.dev/functions/infra/http"
)

// HTTPAPIRaw completes an endpoint that writes its response itself: a text, a
// page, a file, an event stream. serve gets the request's parameters, read and
// checked by the tags of In, which is a pointer to a struct (see
// [HTTPAPIEndpoint]); the body it reads itself. An error that it returns,
// before it has written anything, is shown by fnhttp.HTTPProblem. e.Responses
// says what it writes.
//
// It panics where In's tags can't work, or has fields for a body.
//
// More in http_api_raw.md:
//   - A response of type text/event-stream has no ETag and is passed on as it
//     is written; others are held in memory for their ETag up to 4 MiB.
//   - The body is left to serve: HTTPJSONRead, or r.Body, which http_stack
//     limits.
func HTTPAPIRaw[In any](e HTTPAPIEndpoint, serve func(http.ResponseWriter, *http.Request, In) error) HTTPAPIEndpoint {
	m := e.make(reflect.TypeFor[In]())
	if m.body {
		panic(e.Name + ": its In has fields for a body, which a raw endpoint reads itself")
	}
	m.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := fnhttp.HTTPQueryRead[In](r)
		if err == nil {
			err = m.apply(in)
		}
		if err == nil {
			err = m.fail(serve(w, r, in))
		}
		if err != nil {
			fnhttp.HTTPProblem(w, r, err)
		}
	})
	return e
}
