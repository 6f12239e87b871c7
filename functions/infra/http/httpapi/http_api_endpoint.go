package httpapi

import (
	"net/http"
	"reflect"
)

// HTTPAPIEndpoint is one route of an API: what it is for, what it takes, what
// it answers, and the code that does so. [HTTPAPIJSON] and [HTTPAPIRaw]
// complete one.
//
// The tags of the fields of its In say what it takes, to the server, which
// holds requests to them, and to the document:
//
//   - query:"limit" or path:"id", with json:"-" besides: a parameter, as
//     HTTPQueryRead reads it; other fields are those of a JSON body
//   - query:"*", of type url.Values: all other parameters, whatever they are
//     called; query:"p_*": those that begin with p_
//   - doc: what it means
//   - required:"true": it may not be missing or empty
//   - enum:"a,b": what a text may be
//   - min and max: bounds of a whole number
//   - default: what a text or a pointer is set to when it is absent
//
// In a body they count for its own fields; in the structs of those fields, and
// in responses, doc, enum, min and max describe and are not checked. A text in
// a parameter is at most 4096 bytes of UTF-8 without NUL.
//
// More in http_api_endpoint.md:
//   - Every parameter needs a doc tag, and the tag json:"-", or a body could
//     set it.
//   - default works on texts and pointers alone: of an int, 0 and absent look
//     the same.
type HTTPAPIEndpoint struct {
	Method      string // GET, POST, PUT, PATCH or DELETE; required
	Path        string // a path of http.ServeMux, such as /units/{id}; required
	Name        string // unique; OpenAPI's operationId; required
	Summary     string // one line; required
	Description string // Markdown; empty: Summary says it all
	Tag         string // the group that it is listed under; required

	Responses []HTTPAPIResponse // forms of the response; HTTPAPIJSON sets it; none: 204
	Status    int               // that a raw endpoint writes with one of Responses; zero: 200
	Body      reflect.Type      // JSON that a raw endpoint reads as its body, for the document; nil: none
	Headers   []HTTPAPIHeader   // of its responses, besides ETag
	Errors    map[int]string    // further error statuses, with what they mean here
	Public    bool              // needs no token, where HTTPAPIHandle.Stack is around it
	// ByGeneration says that the response depends on nothing but the request's
	// URL and the config's Generation: not on a header, nor on who asks. Its
	// ETag is then known, and a 304 sent, without running the endpoint.
	// Else a GET's ETag is computed from its response.
	ByGeneration bool

	// Problem turns errors of its code into ones that fnhttp.HTTPProblem can
	// show; nil: they are shown as they are.
	Problem func(error) error

	made *made
}

// made is what HTTPAPIJSON and HTTPAPIRaw add to an endpoint.
type made struct {
	in      reflect.Type
	rules   []rule
	body    bool // in has fields of a body, or is one
	problem func(error) error
	handler http.Handler
}

// fail shows an error of the endpoint's code to HTTPProblem.
func (m *made) fail(err error) error {
	if err == nil || m.problem == nil {
		return err
	}
	return m.problem(err)
}

// HTTPAPIResponse is a form of an endpoint's response.
type HTTPAPIResponse struct {
	Type string       // media type
	Go   reflect.Type // of the JSON; nil: text, or a stream
}

// HTTPAPIHeader is a header of an endpoint's responses.
type HTTPAPIHeader struct {
	Name, Doc string
}

// streams reports whether the endpoint responds with an event stream, which has
// no ETag.
func (e *HTTPAPIEndpoint) streams() bool {
	for _, a := range e.Responses {
		if a.Type == "text/event-stream" {
			return true
		}
	}
	return false
}
