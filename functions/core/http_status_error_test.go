package core_test

import (
	"testing"

	"fnregistry.dev/functions/core"
)

func TestHTTPStatusError_Codes(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]core.Code{
		100: "", 200: "", 204: "", 299: "",
		302: core.CodeUnavailable, 304: core.CodeUnavailable,
		400: core.CodeInvalid, 418: core.CodeInvalid, 422: core.CodeInvalid,
		401: core.CodeUnauthenticated, 407: core.CodeUnauthenticated, 403: core.CodeForbidden, 451: core.CodeForbidden,
		404: core.CodeNotFound, 410: core.CodeNotFound, 405: core.CodeUnsupported, 415: core.CodeUnsupported,
		408: core.CodeTimeout, 409: core.CodeConflict, 412: core.CodeConflict, 428: core.CodeConflict,
		413: core.CodeTooLarge, 414: core.CodeTooLarge, 431: core.CodeTooLarge, 425: core.CodeUnavailable, 429: core.CodeLimited,
		500: core.CodeUnavailable, 502: core.CodeUnavailable, 503: core.CodeUnavailable, 504: core.CodeUnavailable,
		501: core.CodeUnsupported, 505: core.CodeUnsupported, 599: core.CodeUnavailable,
	} {
		err := core.HTTPStatusError("get host=example.org", status)
		if got := core.ErrorCode(err); got != want {
			t.Errorf("%d: %q, want %q", status, got, want)
		}
	}
	if got, want := core.HTTPStatusError("get host=example.org", 404).Error(), "get host=example.org: the server answered with status 404"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A status that error_http_status assigns to a code maps back to that code,
// except where one status stands for several codes.
func TestHTTPStatusError_ThereAndBack(t *testing.T) {
	t.Parallel()
	others := map[core.Code]core.Code{
		core.CodeInternal: core.CodeUnavailable, // 500: the server's bug may be transient
		core.CodeTimeout:  core.CodeUnavailable, // 504: between two servers
		core.CodeCanceled: core.CodeInvalid,     // 499 appears in logs only, never in a response
	}
	for _, code := range declaredCodes(t) {
		want := code
		if other, ok := others[code]; ok {
			want = other
		}
		if got := core.ErrorCode(core.HTTPStatusError("", core.ErrorHTTPStatus(&core.Error{Code: code}))); got != want {
			t.Errorf("%s comes back as %s", code, got)
		}
	}
}
