package core_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strconv"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestError_Text(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	for _, c := range []struct {
		err  core.Error
		want string
	}{
		{core.Error{}, "internal"},
		{core.Error{Code: core.CodeNotFound}, "not_found"},
		{core.Error{Op: "open a.db"}, "open a.db: internal"},
		{core.Error{Op: "open a.db", Code: core.CodeTimeout}, "open a.db: timeout"},
		{core.Error{Code: core.CodeTimeout, Message: "too slow"}, "too slow"},
		{core.Error{Op: "open a.db", Err: cause}, "open a.db: connection refused"},
		{core.Error{Op: "open a.db", Message: "no answer", Err: cause, Hint: "start it"}, "open a.db: no answer: connection refused"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%#v: got %q, want %q", c.err, got, c.want)
		}
	}
}

func TestError_Unwrap(t *testing.T) {
	t.Parallel()
	var err error = &core.Error{Op: "read", Err: &fs.PathError{Op: "open", Path: "/x", Err: fs.ErrNotExist}}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("errors.Is does not find the cause")
	}
	if path, ok := errors.AsType[*fs.PathError](err); !ok || path.Path != "/x" {
		t.Errorf("errors.AsType gives %v, %v", path, ok)
	}
	if (&core.Error{}).Unwrap() != nil {
		t.Error("an error without a cause unwraps to non-nil")
	}
}

// declaredCodes reads the codes from the source, so that a new code that lacks
// a mapping fails the mappings' tests.
func declaredCodes(t *testing.T) []core.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []core.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, core.Code(text))
		return false
	})
	if len(codes) < 12 {
		t.Fatalf("error.go declares %d codes, want at least 12", len(codes))
	}
	return codes
}
