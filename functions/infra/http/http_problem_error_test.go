package http_test

import (
	"errors"
	"testing"

	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

func TestHTTPProblemError_Members(t *testing.T) {
	t.Parallel()
	response, members := problem(t, &fnhttp.HTTPProblemError{
		Status: 415, Type: "https://example.org/no-such-color", Title: "No such color",
		Err:     &core.Error{Code: core.CodeInvalid, Message: "no color bleu"},
		Members: map[string]any{"candidates": []string{"blue"}, "status": 7, "code": "mine", "hint": "mine", "retry_after_ms": 1, "detail": "mine"},
	})
	if response.StatusCode != 415 {
		t.Errorf("got %d", response.StatusCode)
	}
	wantMembers(t, members, map[string]any{"type": "https://example.org/no-such-color", "title": "No such color", "status": 415,
		"code": "invalid", "detail": "no color bleu", "instance": "/units/a%20b", "candidates": []string{"blue"}})
}

func TestHTTPProblemError_UnusableMembers(t *testing.T) {
	t.Parallel()
	response, members := problem(t, &fnhttp.HTTPProblemError{
		Status: 200, // no status of a problem: the code's is taken
		Err:    &core.Error{Code: core.CodeConflict}, Members: map[string]any{"f": func() {}},
	})
	if response.StatusCode != 409 {
		t.Errorf("got %d", response.StatusCode)
	}
	wantMembers(t, members, map[string]any{"type": "about:blank", "title": "Conflict", "status": 409})
}

func TestHTTPProblemError_Wraps(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	err := &fnhttp.HTTPProblemError{Err: cause}
	if !errors.Is(err, cause) || err.Error() != "cause" {
		t.Errorf("got %q", err)
	}
	if (&fnhttp.HTTPProblemError{}).Error() == "" {
		t.Error("no text without an Err")
	}
}
