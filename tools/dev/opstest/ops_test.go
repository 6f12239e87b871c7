// Package opstest checks that the Op of each unit's core.Error has one form:
// "unit verb key=value", as in "postgres_lock acquire name=jobs".
package opstest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/catalog"
)

const root = "../../.."

// The elements of an Op: the unit's name, words for what it does, and what it
// works on. A dynamic part is "\x00" here; it stands for a value, or for the
// beginning if it is in a variable of this kind.
var form = regexp.MustCompile(`^(\x00|[a-z][a-z0-9_]*)( [a-z]+)*( [a-z_]+=[^ ]*)*$`)

func TestOps(t *testing.T) {
	t.Parallel()
	units := map[string]bool{}
	c, _, err := catalog.Load(t.Context(), catalog.Options{Roots: []string{root}})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range c.Units {
		units[u.Spec.Name] = true
	}
	files := token.NewFileSet()
	var all []*ast.File
	err = filepath.WalkDir(filepath.Join(root, "functions"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		all = append(all, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ops := opsOf(all)
	if len(ops) < 200 {
		t.Errorf("%d places found: is this what the code looks like?", len(ops))
	}
	for _, e := range ops {
		text, ok := textOf(e)
		if unit, _, _ := strings.Cut(text, " "); !ok || !form.MatchString(text) || unit != "\x00" && !units[unit] {
			place := files.Position(e.Pos())
			path, _ := filepath.Rel(root, place.Filename)
			t.Errorf("%s:%d: the Op %q: want UNIT [VERB] [KEY=VALUE], and a unit of this repository", path, place.Line, strings.ReplaceAll(text, "\x00", "..."))
		}
	}
}

// TestOps_Form tests which Ops TestOps would report.
func TestOps_Form(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]bool{
		`"unit"`: true, `"unit stop"`: true, `"unit file=" + path`: true, `op + " verb"`: true, `op`: true, `op + " a=" + x + " b=" + y`: true,
		`fmt.Sprintf("unit row=%d", n)`: true, `fmt.Sprintf("%s at=%q", op, path)`: true, `"unit " + verb + " name=" + name`: true,
		`"unit " + path`: false, `"unit: path"`: false, `fmt.Sprintf("unit %s", path)`: false, `op + ": what"`: false,
		`op + path`: false, `"Unit"`: false, `"unit a=1 verb"`: false, `f(x)`: true,
	} {
		e, err := parser.ParseExpr(source)
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := textOf(e); (ok && form.MatchString(text)) != want {
			t.Errorf("%s: read as %q, want %t", source, text, want)
		}
	}
}

// opsOf finds the texts that are assigned to a field Op or to a variable, a
// constant or a parameter called op, queryOp and the like. Variables themselves
// are skipped, and so are empty Ops.
func opsOf(files []*ast.File) (ops []ast.Expr) {
	takes := map[string]int{} // functions with a parameter op, and its index
	key := func(f *ast.File, name string) string {
		if ast.IsExported(name) {
			return name
		}
		return f.Name.Name + "." + name
	}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				at := 0
				for _, field := range fn.Type.Params.List {
					for _, name := range field.Names {
						if isOp(name) {
							takes[key(f, fn.Name.Name)] = at
						}
						at++
					}
				}
			}
		}
	}
	add := func(name, value ast.Expr) {
		if !isOp(name) {
			return
		}
		switch value.(type) {
		case *ast.BasicLit, *ast.BinaryExpr, *ast.CallExpr:
			if text, _ := textOf(value); text == "" {
				return
			}
			ops = append(ops, value)
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				for _, field := range n.Elts {
					if pair, ok := field.(*ast.KeyValueExpr); ok && nameOf(n.Type) != "PathError" {
						add(pair.Key, pair.Value)
					}
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					switch {
					case n.Tok == token.ADD_ASSIGN:
						add(to, &ast.BinaryExpr{X: to, Op: token.ADD, Y: n.Rhs[i]})
					case len(n.Lhs) == len(n.Rhs):
						add(to, n.Rhs[i])
					}
				}
			case *ast.ValueSpec:
				for i, value := range n.Values {
					add(n.Names[i], value)
				}
			case *ast.CallExpr:
				if at, ok := takes[key(f, nameOf(n.Fun))]; ok && at < len(n.Args) {
					add(&ast.Ident{Name: "op"}, n.Args[at])
				}
			}
			return true
		})
	}
	return slices.CompactFunc(ops, func(a, b ast.Expr) bool { return a == b })
}

func isOp(e ast.Expr) bool {
	name := nameOf(e)
	return strings.EqualFold(name, "op") || strings.HasSuffix(name, "Op")
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// textOf returns an expression's text, with "\x00" for dynamic parts. A verb in
// a variable of that name is the word "verb".
func textOf(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := textOf(e.X)
		right, also := textOf(e.Y)
		return left + right, ok && also && e.Op == token.ADD
	case *ast.CallExpr:
		if nameOf(e.Fun) == "TrimSpace" {
			return textOf(e.Args[0])
		}
		if nameOf(e.Fun) == "Sprintf" && len(e.Args) > 0 {
			text, ok := textOf(e.Args[0])
			return regexp.MustCompile(`%[a-z]`).ReplaceAllString(text, "\x00"), ok
		}
	case *ast.Ident:
		if e.Name == "verb" {
			return e.Name, true
		}
	}
	return "\x00", true
}
