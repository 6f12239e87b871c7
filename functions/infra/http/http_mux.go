package http

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/internal/candidate"
)

// HTTPMuxConfig changes [HTTPMux]. The zero value is usable.
type HTTPMuxConfig struct {
	// NotFound handles requests for a path without a route, such as a page
	// for people. Default: problem JSON.
	NotFound http.Handler
}

// HTTPMux serves mux, and responds to what mux itself refuses with problem
// JSON: a path without a route with status 404, and a method that a path does
// not have with 405, the header Allow and the code unsupported. OPTIONS gets
// 204 and Allow where the path has no route for it.
//
// It does not apply where a route such as "/" takes all paths and methods.
//
// A wildcard also matches the segment %2F, which http.ServeMux takes for the
// slash at a path's end.
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
		asked := withoutSlashes(r)
		answer, pattern := mux.Handler(asked)
		if pattern != "" && asked != r && setPathValues(r, pattern) {
			answer.ServeHTTP(w, r)
			return
		}
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

// withoutSlashes is a request for mux to match, with another text in place of
// each segment %2F; r itself where there is none, or where mux redirects to the
// clean path.
func withoutSlashes(r *http.Request) *http.Request {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	isSlash := func(segment string) bool { return strings.EqualFold(segment, "%2F") }
	if !slices.ContainsFunc(segments, isSlash) || !isClean(segments) {
		return r
	}
	for i, segment := range segments {
		if isSlash(segment) {
			segments[i] = "%2F%2F"
		}
	}
	path := strings.Join(segments, "/")
	plain, err := url.PathUnescape(path)
	if err != nil {
		return r
	}
	asked := *r
	asked.URL = &url.URL{Path: plain, RawPath: path, RawQuery: r.URL.RawQuery}
	return &asked
}

// setPathValues gives the wildcards of a pattern that r matches their values,
// as mux does. It reports false for a pattern that r only matches with a slash
// at its end.
func setPathValues(r *http.Request, pattern string) bool {
	_, route, _ := strings.Cut(pattern, "/")
	wildcards, segments := strings.Split("/"+route, "/"), strings.Split(r.URL.EscapedPath(), "/")
	if len(wildcards) > len(segments) {
		return false
	}
	r.Pattern = pattern
	for i, wildcard := range wildcards {
		name, isWildcard := strings.CutPrefix(wildcard, "{")
		name = strings.TrimSuffix(name, "}")
		if !isWildcard || name == "$" {
			continue
		}
		value := segments[i]
		if all, ok := strings.CutSuffix(name, "..."); ok {
			name, value = all, strings.Join(segments[i:], "/")
		}
		value, _ = url.PathUnescape(value) // it is a part of what EscapedPath has escaped
		r.SetPathValue(name, value)
	}
	return true
}

// isClean reports whether a path has neither empty segments nor . and ..
func isClean(segments []string) bool {
	for i, segment := range segments {
		if segment == "." || segment == ".." || segment == "" && i > 0 && i < len(segments)-1 {
			return false
		}
	}
	return true
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
