package scaffold

import (
	"cmp"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
)

// shape is a declaration that is to be written, with all that its file, its
// test and its example need to know.
type shape struct {
	symbol  string
	fn      *ast.FuncDecl     // of a function
	spec    *ast.TypeSpec     // of a type
	imports map[string]string // qualifier of the signature -> import path
	stubs   []string          // types that the signature names and nobody declares: SlugMakeConfig
	args    map[string]string // type parameter -> a type that it can stand for
	local   bool              // it names a type of the package that is no unit; what that reaches only the catalogue can tell
}

// funcShape reads a function's declaration out of what the draft says.
func (m *maker) funcShape(to place, text string) (*shape, error) {
	sh := &shape{symbol: m.symbol(m.draft.Name), imports: map[string]string{}, args: map[string]string{}}
	fn, err := parseFunc(text, sh.symbol)
	if err != nil {
		return nil, err
	}
	if catalog.Squash(fn.Name.Name) != catalog.Squash(m.draft.Name) {
		return nil, wrong("the signature is of "+fn.Name.Name+", the name is "+m.draft.Name, "name and symbol are equal without underscores and case: "+sh.symbol)
	}
	sh.symbol, sh.fn = fn.Name.Name, fn
	nameParams(fn.Type.Params)
	if err := m.instantiate(sh, to, fn.Type.TypeParams); err != nil {
		return nil, err
	}
	if err := m.resolveTypes(sh, to, fn.Type); err != nil {
		return nil, err
	}
	return sh, sh.checkNames()
}

// checkNames refuses names that stand twice, or that hide what the body needs.
func (sh *shape) checkNames() error {
	taken := map[string]bool{}
	for _, f := range slices.Concat(single(sh.fn.Type.TypeParams), sh.params(), sh.results()) {
		for _, n := range f.Names {
			switch {
			case n.Name == "_":
			case taken[n.Name]:
				return wrong("the signature has the name "+n.Name+" twice", "rename one")
			case sh.imports[n.Name] != "" || hidden[n.Name]:
				return wrong("the name "+n.Name+" in the signature hides another that the function needs", "rename it")
			}
			taken[n.Name] = true
		}
	}
	return nil
}

// hidden are the names that the body of a stub uses.
var hidden = words("errors fmt nil false panic")

func parseFunc(text, symbol string) (*ast.FuncDecl, error) {
	text = strings.TrimSpace(text)
	rest, ok := strings.CutPrefix(text, "func")
	if !ok {
		return nil, wrong("the signature "+quote(text)+" is no function's", "write it as in Go: func(ctx context.Context, name string) (int, error)")
	}
	var first error
	for _, candidate := range []string{text, "func " + symbol + strings.TrimLeft(rest, " ")} {
		f, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+candidate+"\n", parser.SkipObjectResolution)
		if err != nil {
			if first == nil || candidate != text {
				first = err
			}
			continue
		}
		fn, ok := onlyDecl(f).(*ast.FuncDecl)
		switch {
		case !ok || fn.Body != nil:
			return nil, wrong("the signature "+quote(text)+" is more than one", "write the declaration without its body")
		case fn.Recv != nil:
			return nil, wrong("the signature "+quote(text)+" is a method's", "make the unit of its type, and write methods in its file")
		case !fn.Name.IsExported():
			return nil, wrong("the function "+fn.Name.Name+" is not exported", "call it "+symbol)
		}
		return fn, nil
	}
	return nil, wrong("the signature "+quote(text)+" does not parse: "+parseMessage(first), "write it as in Go: func(ctx context.Context, name string) (int, error)")
}

// onlyDecl is a file's one declaration; nil where it has none or several.
func onlyDecl(f *ast.File) ast.Decl {
	if len(f.Decls) != 1 {
		return nil
	}
	return f.Decls[0]
}

// parseMessage is a syntax error without the place, which is one in a made-up
// file.
func parseMessage(err error) string {
	_, message, ok := strings.Cut(err.Error(), ": ")
	if !ok {
		message = err.Error()
	}
	message, _, _ = strings.Cut(message, " (and ")
	return message
}

// nameParams gives the parameters names where they have none, since a spec
// describes them by name.
func nameParams(list *ast.FieldList) {
	taken := map[string]bool{}
	for _, f := range list.List {
		for _, n := range f.Names {
			taken[n.Name] = true
		}
	}
	for _, f := range list.List {
		if len(f.Names) == 0 {
			f.Names = []*ast.Ident{ast.NewIdent("_")}
		}
		for _, n := range f.Names {
			for try := 0; n.Name == "_"; try++ {
				if name := paramName(f.Type, try); !taken[name] {
					n.Name, taken[name] = name, true
				}
			}
		}
	}
}

// paramName makes up a name: ctx for a context, else the first letter of the
// type; from the second try on with a number.
func paramName(t ast.Expr, try int) string {
	text := exprText(t)
	name := "ctx"
	if text != "context.Context" {
		base := text[strings.LastIndexAny(text, ".]*")+1:]
		name = "v"
		if base != "" && base[0]|0x20 >= 'a' && base[0]|0x20 <= 'z' {
			name = strings.ToLower(base[:1])
		}
	}
	if try > 0 {
		name += strconv.Itoa(try + 1)
	}
	return name
}

// instantiate finds a type for each type parameter, so that the test can call
// the function.
func (m *maker) instantiate(sh *shape, to place, list *ast.FieldList) error {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		arg := m.meeting(f.Type, to, sh.args)
		if arg == "" {
			return wrong("no type is known that meets the constraint "+exprText(f.Type), "use any, comparable, cmp.Ordered or a union as ~int | ~float64 here, and write the other in the Go file")
		}
		for _, n := range f.Names {
			sh.args[n.Name] = arg
		}
	}
	return nil
}

// known are the constraints of the standard library and of
// golang.org/x/exp/constraints, with a type that meets them.
var known = map[string]string{
	"any": "string", "comparable": "string", "cmp.Ordered": "string", "constraints.Ordered": "string", "constraints.Integer": "int",
	"constraints.Signed": "int", "constraints.Unsigned": "uint", "constraints.Float": "float64", "constraints.Complex": "complex128",
}

// meeting finds a type that meets a constraint, or "". Type parameters before
// it are replaced by their own types. above are the package's constraints that
// it is part of: one that is part of itself, which Go refuses, is met by
// nothing.
func (m *maker) meeting(e ast.Expr, to place, args map[string]string, above ...string) string {
	if arg := known[exprText(e)]; arg != "" {
		return arg
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return cmp.Or(m.meeting(e.X, to, args, above...), m.meeting(e.Y, to, args, above...))
	case *ast.UnaryExpr:
		return m.meeting(e.X, to, args, above...)
	case *ast.InterfaceType:
		if len(e.Methods.List) == 0 {
			return "string"
		}
		if first := e.Methods.List[0]; len(e.Methods.List) == 1 && len(first.Names) == 0 {
			return m.meeting(first.Type, to, args, above...)
		}
	case *ast.Ident:
		if predeclared[e.Name] && e.Name != "error" {
			return e.Name
		}
		if t := m.packageSource(to.dir).types[e.Name]; t != nil && t.TypeParams == nil && !slices.Contains(above, e.Name) {
			if _, ok := t.Type.(*ast.InterfaceType); ok {
				return m.meeting(t.Type, to, nil, append(above, e.Name)...)
			}
		}
	case *ast.ArrayType, *ast.MapType:
		return replaceNames(e, args)
	}
	return ""
}

// replaceNames writes a type with names replaced; "" if it names anything but
// those and what Go itself declares.
func replaceNames(e ast.Expr, names map[string]string) string {
	clone, err := parser.ParseExpr(exprText(e))
	if err != nil {
		return ""
	}
	ok := true
	eachType(clone, func(id *ast.Ident, qualifier string) {
		if names[id.Name] != "" {
			id.Name = names[id.Name]
		} else {
			ok = ok && qualifier == "" && predeclared[id.Name]
		}
	})
	if !ok {
		return ""
	}
	return exprText(clone)
}

var predeclared = words("any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64 rune string uint uint8 uint16 uint32 uint64 uintptr")

// resolveTypes finds out where every type of the signature comes from.
func (m *maker) resolveTypes(sh *shape, to place, node ast.Node) error {
	var failed error
	eachType(node, func(id *ast.Ident, qualifier string) {
		switch {
		case failed != nil:
		case qualifier != "":
			if sh.imports[qualifier] != "" {
				return
			}
			p, err := m.importOf(to, qualifier, id.Name)
			if err != nil {
				failed = err
			} else {
				sh.imports[qualifier] = p
			}
		case predeclared[id.Name] || sh.args[id.Name] != "" || id.Name == sh.symbol && sh.spec != nil:
		case m.packageSource(to.dir).types[id.Name] != nil:
			sh.local = sh.local || m.symbols[symbolKey{to.importPath, id.Name}] == nil
		case slices.Contains(sh.stubs, id.Name):
		case strings.HasPrefix(id.Name, sh.symbol) && sh.fn != nil:
			sh.stubs = append(sh.stubs, id.Name)
		default:
			failed = wrong("the signature's type "+id.Name+" is not declared in "+to.dir, "a type of another package is written as in Go, pkg."+id.Name+
				"; one of the unit's own begins with its symbol, as "+sh.symbol+"Config, and is declared with it")
		}
	})
	return failed
}

// eachType calls f for every name of a type in a type expression, with its
// qualifier.
func eachType(node ast.Node, f func(id *ast.Ident, qualifier string)) {
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if q, ok := n.X.(*ast.Ident); ok {
				f(n.Sel, q.Name)
			}
			return false
		case *ast.Field:
			if fn, ok := n.Type.(*ast.FuncType); ok && len(n.Names) > 0 {
				eachType(fn, f)
			} else {
				eachType(n.Type, f)
			}
			return false
		case *ast.Ident:
			f(n, "")
		}
		return true
	})
}

// exprText writes an expression as gofmt does.
func exprText(e ast.Expr) string {
	var b strings.Builder
	if err := format.Node(&b, token.NewFileSet(), e); err != nil {
		return ""
	}
	return b.String()
}
