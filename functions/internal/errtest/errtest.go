// Package errtest checks the errors of units in their tests.
package errtest

import (
	"errors"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

// Want checks that err is a *core.Error with a code, that its text has want,
// that its Op says what was being done, and that none of the secrets is in the
// text or the hint.
func Want(t testing.TB, err error, code core.Code, want string, secrets ...string) {
	t.Helper()
	if err == nil || core.ErrorCode(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v (%s), want code %s and %q in the text", err, core.ErrorCode(err), code, want)
		return
	}
	coded, ok := errors.AsType[*core.Error](err)
	if !ok || coded.Op == "" {
		t.Errorf("%v: no *core.Error with an Op", err)
	}
	for _, secret := range secrets {
		if strings.Contains(err.Error()+core.ErrorHint(err), secret) {
			t.Errorf("%q is in the error: %v, hint %s", secret, err, core.ErrorHint(err))
		}
	}
}
