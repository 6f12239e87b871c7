package source

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// readTests lists the file's test functions with the names of their subtests.
func (r *reader) readTests() {
	for _, d := range r.tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Body == nil || !isTestName(fn.Name.Name) || !takesTesting(fn) {
			continue
		}
		test := Test{Name: fn.Name.Name, Pos: r.pos(fn.Name.Pos())}
		test.Skips = beginsWithSkip(fn.Body)
		if strings.HasPrefix(test.Name, "Test") {
			test.Subtests = r.subtests(fn.Body)
		}
		r.file.Tests = append(r.file.Tests, test)
	}
}

func beginsWithSkip(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return false
	}
	stmt, ok := body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := stmt.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "Skip" || sel.Sel.Name == "Skipf" || sel.Sel.Name == "SkipNow")
}

// isTestName follows "go help testfunc": the prefix, then nothing or something
// that does not begin in lower case.
func isTestName(name string) bool {
	for _, prefix := range []string{"Test", "Fuzz", "Benchmark", "Example"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && name != "TestMain" {
			first, _ := utf8.DecodeRuneInString(rest)
			return !unicode.IsLower(first)
		}
	}
	return false
}

func takesTesting(fn *ast.FuncDecl) bool {
	params := fn.Type.Params.List
	if strings.HasPrefix(fn.Name.Name, "Example") {
		return len(params) == 0
	}
	if len(params) != 1 || len(params[0].Names) > 1 {
		return false
	}
	star, ok := params[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && (sel.Sel.Name == "T" || sel.Sel.Name == "B" || sel.Sel.Name == "F")
}

// subtests finds the names passed to t.Run on the first level: a literal, or a
// field or key of a table that is in the function, or in a variable of the file
// that the function ranges over.
func (r *reader) subtests(body *ast.BlockStmt) []string {
	var names []string
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "Run" || len(call.Args) != 2 {
			return true
		}
		if _, ok := call.Args[1].(*ast.FuncLit); !ok {
			return true
		}
		switch arg := call.Args[0].(type) {
		case *ast.BasicLit:
			if name, ok := stringLit(arg); ok {
				names = append(names, name)
			}
		case *ast.SelectorExpr:
			names = append(names, r.tableNames(body, arg.Sel.Name)...)
		case *ast.Ident:
			names = append(names, r.tableNames(body, "")...)
		}
		return false // what runs inside is a second level
	})
	return names
}

// tableNames extracts the names from the tables that body contains or ranges
// over: the values of a struct field, or, with field "", the keys of maps and
// the elements of string lists.
func (r *reader) tableNames(body *ast.BlockStmt, field string) []string {
	var names []string
	inspect := func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok {
			return true
		}
		got := literalNames(lit, field)
		names = append(names, got...)
		return len(got) == 0
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if rng, ok := n.(*ast.RangeStmt); ok {
			if id, ok := rng.X.(*ast.Ident); ok && id.Obj != nil && isPackageLevel(id) {
				if spec, ok := id.Obj.Decl.(*ast.ValueSpec); ok {
					ast.Inspect(spec, inspect)
				}
			}
		}
		if fn, ok := n.(*ast.FuncLit); ok && fn != nil {
			return false // tables inside subtests name other things
		}
		return inspect(n)
	})
	return names
}

func literalNames(lit *ast.CompositeLit, field string) []string {
	if field == "" {
		return keyNames(lit)
	}
	index := positional(lit.Type, field)
	var names []string
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		row, ok := e.(*ast.CompositeLit)
		if !ok {
			continue
		}
		for i, cell := range row.Elts {
			if kv, ok := cell.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); !ok || key.Name != field {
					continue
				}
				cell = kv.Value
			} else if i != index {
				continue
			}
			if name, ok := stringLit(cell); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// positional returns the position of a field in a table whose rows are written
// without keys; -1 if unknown.
func positional(t ast.Expr, field string) int {
	array, ok := t.(*ast.ArrayType)
	if !ok {
		return -1
	}
	elt := array.Elt
	if id, ok := elt.(*ast.Ident); ok && id.Obj != nil {
		if spec, ok := id.Obj.Decl.(*ast.TypeSpec); ok {
			elt = spec.Type
		}
	}
	var names []string
	if st, ok := elt.(*ast.StructType); ok {
		for _, f := range st.Fields.List {
			names = append(names, fieldNames(f)...)
		}
	}
	return slices.Index(names, field)
}

func keyNames(lit *ast.CompositeLit) []string {
	var names []string
	switch lit.Type.(type) {
	case *ast.MapType:
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if name, ok := stringLit(kv.Key); ok {
					names = append(names, name)
				}
			}
		}
	case *ast.ArrayType:
		for _, e := range lit.Elts {
			if name, ok := stringLit(e); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

func stringLit(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
