package http

import (
	"cmp"
	"net/http"
	"strconv"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/candidate"
)

// HTTPMuxConfig changes [HTTPMux]. The zero value is usable.
type HTTPMuxConfig struct {
	// NotFound answers requests for a path without a route, such as a page
	// for people. Default: problem JSON.
	NotFound http.Handler
}

// HTTPMux serves mux, and answers what mux itself refuses as problem JSON: a
// path without a route with status 404, and a method that a path does not have
// with 405, the header Allow and the code unsupported. OPTIONS is answered with
// 204 and Allow where the path has no route for it.
//
// It does not apply where a route such as "/" takes all paths and methods.
//
// More in http_mux.md:
//   - A route for "/" takes all paths and methods, so neither 404 nor 405
//     arises.
//   - The code of a 405 is unsupported, which is what http_status_error makes
//     of the status.
func HTTPMux(mux *http.ServeMux, cfg HTTPMuxConfig) http.Handler {
	notFound := cmp.Or(cfg.NotFound, http.Handler(http.HandlerFunc(problemNotFound)))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "*" {
			HTTPProblem(w, r, &core.Error{Code: core.CodeInvalid, Message: "only OPTIONS can be for the whole server"})
			return
		}
		answer, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := probeResponse{header: http.Header{}}
		answer.ServeHTTP(&probe, r)
		switch probe.status {
		case http.StatusNotFound:
			notFound.ServeHTTP(w, r)
		case http.StatusMethodNotAllowed:
			methodNotAllowed(w, r, probe.header.Get("Allow"))
		default: // a redirect to the path's clean form
			mux.ServeHTTP(w, r)
		}
	})
}

func problemNotFound(w http.ResponseWriter, r *http.Request) {
	HTTPProblem(w, r, &core.Error{Code: core.CodeNotFound, Message: "there is nothing at this path"})
}

func methodNotAllowed(w http.ResponseWriter, r *http.Request, allow string) {
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allow+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Allow", allow)
	HTTPProblem(w, r, &HTTPProblemError{Status: http.StatusMethodNotAllowed, Err: &core.Error{Code: core.CodeUnsupported,
		Message: "this path does not have the method " + strconv.QuoteToASCII(candidate.Clip(r.Method)), Hint: "use " + allow}})
}
