package opstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestCauses checks that an error that is made of another keeps it: a message
// with the other's text, and without the other, is lost on errors.Is and
// errors.As.
func TestCauses(t *testing.T) {
	t.Parallel()
	// A protocol's message and a finding are a text alone, and what mask has
	// taken a secret out of must not keep the cause, which has it.
	ends := map[string]bool{"jsonrpc.Error": true, "l.refuse": true, "Fault": true, "Problem": true, "mask": true}
	files := token.NewFileSet()
	checked := 0
	for _, folder := range []string{"functions", "fn_registry", "cmd", "apps", "tools"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "testdata" {
				return fs.SkipDir
			}
			if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			checked++
			for _, place := range lostCauses(f, ends) {
				at := files.Position(place)
				name, _ := filepath.Rel(root, at.Filename)
				t.Errorf("%s:%d: the message has an error's text, and the error itself is lost: keep it as Err, or by %%w", name, at.Line)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if checked < 500 {
		t.Errorf("%d files found", checked)
	}
}

// TestCauses_Form shows what TestCauses would find.
func TestCauses_Form(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]int{
		`return &core.Error{Message: err.Error()}`:                        1,
		`return &core.Error{Message: "bad: " + err.Error()}`:              1,
		`return &core.Error{Message: strings.TrimPrefix(err.Error(), x)}`: 1,
		`return &core.Error{Message: fmt.Sprintf("bad: %v", err)}`:        1,
		`return &core.Error{Message: fmt.Sprint(err)}`:                    1,
		`return nil, invalid("bad: "+err.Error(), "hint")`:                1,
		`return errors.New(err.Error() + "hint")`:                         1,
		`return fmt.Errorf("bad: %v", err)`:                               1,
		`return fmt.Errorf("bad: %s", err.Error())`:                       1,
		`return &core.Error{Message: "bad", Err: err}`:                    0,
		`return &core.Error{Message: err.Error(), Err: err}`:              0,
		`return fmt.Errorf("bad: %w", err)`:                               0,
		`return fmt.Errorf("bad %v: %w", err, other)`:                     0,
		`return invalid("bad", err)`:                                      0,
		`return &end{Message: err.Error()}`:                               0,
		`log.Print(err.Error())`:                                          0,
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "x.go", "package p\nfunc f() error {\n"+source+"\n}\n", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := lostCauses(f, map[string]bool{"end": true}); len(got) != want {
			t.Errorf("%s: %d found, want %d", source, len(got), want)
		}
	}
}

// lostCauses finds, in functions that return an error, texts of errors in what
// is returned and in the fields Message of composite literals, where the error
// itself is not there. A composite literal and a call whose type or function is
// among ends may have them.
func lostCauses(f *ast.File, ends map[string]bool) (places []token.Pos) {
	found := func(n ast.Node) {
		if n != nil && !keepsCause(n, ends) {
			places = append(places, n.Pos())
		}
	}
	var inspect func(fn *ast.FuncType, body ast.Node)
	inspect = func(fn *ast.FuncType, body ast.Node) {
		fails := returnsError(fn)
		ast.Inspect(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				inspect(n.Type, n.Body)
				return false
			case *ast.ReturnStmt:
				if !fails {
					return true
				}
				for _, result := range n.Results {
					found(result)
				}
				return false
			case *ast.CompositeLit:
				found(n)
				return false
			}
			return true
		})
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			inspect(fn.Type, fn.Body)
		}
	}
	return places
}

func returnsError(fn *ast.FuncType) bool {
	if fn.Results == nil {
		return false
	}
	for _, result := range fn.Results.List {
		if id, ok := result.Type.(*ast.Ident); ok && id.Name == "error" {
			return true
		}
	}
	return false
}

// keepsCause reports whether an expression that makes an error has no text of
// another, or has that other, too.
func keepsCause(n ast.Node, ends map[string]bool) bool {
	keeps := true
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CompositeLit:
			if ends[typeText(n.Type)] || hasField(n, "Err") || hasField(n, "err") {
				return false
			}
			if message := fieldOf(n, "Message", "message"); message != nil && hasErrorText(message, ends) {
				keeps = false
			}
			return false
		case *ast.CallExpr:
			name := typeText(n.Fun)
			switch {
			case ends[name]:
				return false
			case name == "fmt.Errorf":
				if !hasVerbW(n.Args[0]) && hasErrorIn(n.Args[1:], ends) {
					keeps = false
				}
				return false
			case name == "errors.New" || isIdent(n.Fun):
				for _, arg := range n.Args {
					if hasErrorText(arg, ends) {
						keeps = false
					}
				}
			}
		}
		return true
	})
	return keeps
}

func isIdent(e ast.Expr) bool {
	_, ok := e.(*ast.Ident)
	return ok
}

// typeText is a type or a function as it is written, without a star.
func typeText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeText(e.X) + "." + e.Sel.Name
	}
	return ""
}

func hasField(lit *ast.CompositeLit, name string) bool { return fieldOf(lit, name) != nil }

func fieldOf(lit *ast.CompositeLit, names ...string) ast.Expr {
	for _, field := range lit.Elts {
		if pair, ok := field.(*ast.KeyValueExpr); ok {
			for _, name := range names {
				if nameOf(pair.Key) == name {
					return pair.Value
				}
			}
		}
	}
	return nil
}

func hasVerbW(format ast.Expr) bool {
	text, _ := textOf(format)
	return strings.Contains(text, "%w")
}

// hasErrorText reports whether an expression has err.Error(), or formats an
// error.
func hasErrorText(e ast.Expr, ends map[string]bool) bool {
	has := false
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if ends[typeText(call.Fun)] {
			return false
		}
		switch selector, _ := call.Fun.(*ast.SelectorExpr); {
		case selector != nil && selector.Sel.Name == "Error" && len(call.Args) == 0:
			has = true
		case strings.HasPrefix(typeText(call.Fun), "fmt.Sprint") && hasErrorIn(call.Args, ends):
			has = true
		}
		return !has
	})
	return has
}

// hasErrorIn reports whether one of the arguments is an error, or its text.
func hasErrorIn(args []ast.Expr, ends map[string]bool) bool {
	for _, arg := range args {
		if id, ok := arg.(*ast.Ident); ok && (id.Name == "err" || strings.HasSuffix(id.Name, "Err")) || hasErrorText(arg, ends) {
			return true
		}
	}
	return false
}
