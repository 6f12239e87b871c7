package httpapitest

import "testing"

// HTTPAPIConformanceConfig says which API is tested, and with what.
type HTTPAPIConformanceConfig struct {
	// URL is where the whole program answers, such as http://127.0.0.1:8787:
	// with its stack, not the bare mux. Required.
	URL string
	// Requests are good ones: at least one for each endpoint, or the test
	// fails. Required.
	Requests []HTTPAPIConformanceRequest
	// Token is sent with each request; what needs it is then tested without
	// it, too. Empty: the API has none.
	Token string
}

// HTTPAPIConformanceRequest is a request, and the response that is expected.
type HTTPAPIConformanceRequest struct {
	Method string // empty: GET
	Path   string // with its query
	Body   string // JSON; empty: none
	Status int    // zero: 200 or 204
}

// HTTPAPIConformance tests a running API against its own OpenAPI document,
// which it gets from /openapi.json, and with what attackers send:
//
//   - The document is valid OpenAPI 3.1.
//   - Each response to Requests is as the document says, and has no member, of
//     any of its objects, that the document does not name.
//   - Each endpoint refuses what its document does not allow: unknown and
//     repeated parameters, other types, values out of bounds, texts that are
//     too long or not UTF-8, bodies that are no JSON, of another type, or with
//     unknown or repeated fields. The problems are as the document says.
//   - Each endpoint answers HEAD as GET without the body, OPTIONS and other
//     methods with Allow, and If-None-Match with 304.
//   - Each endpoint refuses foreign hosts, and what foreign pages send.
//   - Where the API has a token, each endpoint refuses requests from another
//     machine without it, with 401, unless the document says that it needs
//     none.
//   - Unknown paths get a 404 as problem JSON, or a page.
//
// Each refusal is expected as problem JSON (RFC 9457) and each failure of the
// server (5xx) is one of the test. The API is not changed but by Requests and
// by what bodies, without a required field, it wrongly accepts.
//
// More in http_api_conformance.md:
//   - Good requests are repeated, up to five times for a GET.
//   - It needs a server that refuses foreign hosts: one behind
//     httptest.NewServer with the bare mux fails.
func HTTPAPIConformance(t *testing.T, cfg HTTPAPIConformanceConfig) {
	t.Helper()
	for _, problem := range check(t.Context(), cfg) {
		t.Error(problem)
	}
}
