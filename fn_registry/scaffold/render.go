package scaffold

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strings"
)

// outside writes a type as another package sees it: names of the package
// qualified, type parameters replaced.
func (sh *shape) outside(t ast.Expr, pkg string) string {
	clone, err := parser.ParseExpr(exprText(t))
	if err != nil {
		return exprText(t) // an ellipsis, which nobody asks for
	}
	eachType(clone, func(id *ast.Ident, qualifier string) {
		switch {
		case qualifier != "":
		case sh.args[id.Name] != "":
			id.Name = sh.args[id.Name]
		case !predeclared[id.Name]:
			id.Name = pkg + "." + id.Name
		}
	})
	return exprText(clone)
}

// zero is an expression for a type's zero value, written inside the package; ""
// where only a variable will do.
func zero(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.InterfaceType:
		return "nil"
	case *ast.ArrayType:
		if t.Len == nil {
			return "nil"
		}
	case *ast.Ident:
		switch {
		case t.Name == "string":
			return `""`
		case t.Name == "bool":
			return "false"
		case t.Name == "error" || t.Name == "any":
			return "nil"
		case predeclared[t.Name] && t.Name != "comparable":
			return "0"
		}
	case *ast.SelectorExpr:
		if exprText(t) == "time.Duration" {
			return "0"
		}
	}
	return ""
}

// params lists the parameters one by one: "a, b int" gives two.
func (sh *shape) params() []*ast.Field { return single(sh.fn.Type.Params) }

// results lists the results one by one.
func (sh *shape) results() []*ast.Field { return single(sh.fn.Type.Results) }

func single(list *ast.FieldList) []*ast.Field {
	if list == nil {
		return nil
	}
	var all []*ast.Field
	for _, f := range list.List {
		if len(f.Names) == 0 {
			all = append(all, f)
		}
		for _, n := range f.Names {
			all = append(all, &ast.Field{Names: []*ast.Ident{n}, Type: f.Type})
		}
	}
	return all
}

// failing reports whether the last result is an error, with which the function
// can say that it is not written.
func (sh *shape) failing() bool {
	results := sh.results()
	return len(results) > 0 && exprText(results[len(results)-1].Type) == "error"
}

// call writes a call of the function from another package with zero values, and
// notes the packages that it needs. contextExpr is what stands for a context.
func (sh *shape) call(pkg, contextExpr string, need func(qualifier string)) string {
	var args []string
	for _, p := range sh.params() {
		if _, variadic := p.Type.(*ast.Ellipsis); variadic {
			continue
		}
		text := sh.outside(p.Type, pkg)
		expr, _ := parser.ParseExpr(text)
		switch {
		case text == "context.Context":
			args = append(args, contextExpr)
			if q, _, ok := strings.Cut(contextExpr, "."); ok && q == "context" {
				need(q)
			}
		case expr != nil && zero(expr) != "":
			args = append(args, zero(expr))
		default:
			args = append(args, sh.zeroOutside(p.Type, text))
			eachType(p.Type, func(_ *ast.Ident, q string) {
				if q != "" {
					need(q)
				}
			})
		}
	}
	return pkg + "." + sh.symbol + sh.instantiation() + "(" + strings.Join(args, ", ") + ")"
}

// zeroOutside writes the zero value of a type that has no literal: T{} for a
// struct that is declared with the unit.
func (sh *shape) zeroOutside(t ast.Expr, text string) string {
	if id, ok := t.(*ast.Ident); ok {
		for _, s := range sh.stubs {
			if s == id.Name {
				return text + "{}"
			}
		}
	}
	return "*new(" + text + ")"
}

// instantiation writes the type arguments: "[string, int]".
func (sh *shape) instantiation() string {
	var args []string
	for _, f := range single(sh.fn.Type.TypeParams) {
		args = append(args, sh.args[f.Names[0].Name])
	}
	if len(args) == 0 {
		return ""
	}
	return "[" + strings.Join(args, ", ") + "]"
}

// goFile formats a file's text. A text that does not parse is a defect of this
// package.
func goFile(text string) (string, error) {
	src, err := format.Source([]byte(text))
	if err != nil {
		return "", fmt.Errorf("the scaffold wrote Go that does not parse: %w\n%s", err, text)
	}
	return string(src), nil
}

// funcText is the declaration without its body, on one line.
func (sh *shape) funcText() string {
	var b strings.Builder
	decl := *sh.fn
	decl.Doc = nil
	if err := format.Node(&b, token.NewFileSet(), &decl); err != nil {
		return ""
	}
	return oneLine(b.String())
}
