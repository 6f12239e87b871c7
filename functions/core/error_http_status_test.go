package core_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestErrorHTTPStatus_EveryCode(t *testing.T) {
	t.Parallel()
	want := map[core.Code]int{
		core.CodeInvalid:         http.StatusBadRequest,
		core.CodeUnauthenticated: http.StatusUnauthorized,
		core.CodeForbidden:       http.StatusForbidden,
		core.CodeNotFound:        http.StatusNotFound,
		core.CodeConflict:        http.StatusConflict,
		core.CodeTooLarge:        http.StatusRequestEntityTooLarge,
		core.CodeLimited:         http.StatusTooManyRequests,
		core.CodeTimeout:         http.StatusGatewayTimeout,
		core.CodeCanceled:        499,
		core.CodeUnavailable:     http.StatusServiceUnavailable,
		core.CodeUnsupported:     http.StatusNotImplemented,
		core.CodeInternal:        http.StatusInternalServerError,
	}
	for _, code := range declaredCodes(t) {
		if got := core.ErrorHTTPStatus(&core.Error{Code: code}); got != want[code] {
			t.Errorf("%s: got %d, want %d", code, got, want[code])
		}
	}
}

func TestErrorHTTPStatus_OtherErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, http.StatusOK},
		{fmt.Errorf("x: %w", fs.ErrNotExist), http.StatusNotFound},
		{fmt.Errorf("x"), http.StatusInternalServerError},
		{&core.Error{Code: "teapot"}, http.StatusInternalServerError},
	} {
		if got := core.ErrorHTTPStatus(c.err); got != c.want {
			t.Errorf("%v: got %d, want %d", c.err, got, c.want)
		}
	}
}
