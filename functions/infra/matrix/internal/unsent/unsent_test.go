package unsent_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/unsent"
)

func TestIs(t *testing.T) {
	t.Parallel()
	cause := errors.New("why")
	for _, err := range []error{&unsent.Error{Err: cause}, &unsent.Unchecked{Err: cause}} {
		if wrapped := fmt.Errorf("a request: %w", err); !unsent.Is(wrapped) || !errors.Is(wrapped, cause) || err.Error() != "why" {
			t.Errorf("%v", wrapped)
		}
	}
	if unsent.Is(cause) || unsent.Is(nil) {
		t.Error("another error says that nothing was sent")
	}
}

func TestServerAway(t *testing.T) {
	t.Parallel()
	answered := func(status int) error { return mautrix.HTTPError{Response: &http.Response{StatusCode: status}} }
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"no connection":        {&core.Error{Code: core.CodeUnavailable, Err: mautrix.HTTPError{Message: "request error"}}, true},
		"502":                  {&core.Error{Code: core.CodeUnavailable, Err: answered(502)}, true},
		"429":                  {&core.Error{Code: core.CodeLimited, Err: answered(429)}, true},
		"no answer":            {&core.Error{Code: core.CodeTimeout}, true},
		"not checked":          {&core.Error{Code: core.CodeUnavailable, Err: &unsent.Unchecked{Err: errors.New("x")}}, true},
		"discovery":            {&core.Error{Code: core.CodeUnavailable, Err: &url.Error{Err: errors.New("x")}}, true},
		"a redirect":           {&core.Error{Code: core.CodeUnavailable, Err: answered(302)}, false},
		"a locked database":    {&core.Error{Code: core.CodeUnavailable}, false},
		"401":                  {&core.Error{Code: core.CodeUnauthenticated, Err: answered(401)}, false},
		"another's token":      {&core.Error{Code: core.CodeConflict, Err: &unsent.Unchecked{Err: errors.New("x")}}, false},
		"a wrong certificate":  {&core.Error{Code: core.CodeInvalid, Err: &url.Error{Err: errors.New("x")}}, false},
		"the caller's context": {&core.Error{Code: core.CodeCanceled}, false},
	} {
		if got := unsent.ServerAway(c.err); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
