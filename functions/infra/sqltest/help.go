package sqltest

import (
	"errors"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

// wantError checks an error's code, that its text contains want, and that it
// has an operation.
func wantError(t *testing.T, err error, code core.Code, want string) {
	t.Helper()
	if err == nil || core.ErrorCode(err) != code || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v (%s), want code %s and %q in the text", err, core.ErrorCode(err), code, want)
	}
	if coded, ok := errors.AsType[*core.Error](err); err != nil && (!ok || coded.Op == "") {
		t.Errorf("%v: no *core.Error with an Op", err)
	}
}

// hostile are texts that break careless quoting.
var hostile = []string{
	`'; DROP TABLE t; --`, `"; DROP TABLE t; --`, `a'b`, `a"b`, "a`b", `\`, `\'`, "new\nline", "tab\t",
	"$1 $a ? @a :a {a:String}", "%s %00", "/* x", "--", "é😀\u2028", " ", "",
}
