package search

import (
	"errors"
	"go/ast"
	"strings"
)

// converter converts the syntax of types into typ.
type converter struct {
	source string         // what was parsed, for the text of literals
	base   int            // position of source's first byte
	vars   map[string]int // type parameters
	query  bool           // accepts holes, and single capitals as type parameters
	typed  int            // a query's length: a name that ends there may be incomplete
}

var (
	errTooDeep = errors.New("types are nested too deep")
	errTooMany = errors.New("too many parameters or results")
)

// contextType is the type of a query's parameter that is only named ctx.
var contextType = &typ{kind: kindNamed, pkg: "context", name: "Context"}

// declare registers a name as a type parameter.
func (c *converter) declare(name string) (int, error) {
	n, ok := c.vars[name]
	if !ok {
		n = len(c.vars)
		if n == maxParameters {
			return 0, errTooMany
		}
		c.vars[name] = n
	}
	return n, nil
}

func (c *converter) declareAll(list *ast.FieldList) error {
	if list == nil {
		return nil
	}
	for _, f := range list.List {
		for _, n := range f.Names {
			if _, err := c.declare(n.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// declareReceiver declares the T of a receiver (l *List[T]).
func (c *converter) declareReceiver(x ast.Expr) error {
	var args []ast.Expr
	switch x := x.(type) {
	case *ast.StarExpr:
		return c.declareReceiver(x.X)
	case *ast.ParenExpr:
		return c.declareReceiver(x.X)
	case *ast.IndexExpr:
		args = []ast.Expr{x.Index}
	case *ast.IndexListExpr:
		args = x.Indices
	}
	for _, a := range args {
		if id, ok := a.(*ast.Ident); ok {
			if _, err := c.declare(id.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// fields converts a parameter or result list, one type for each name.
func (c *converter) fields(list *ast.FieldList, depth int) ([]*typ, error) {
	var out []*typ
	if list == nil {
		return nil, nil
	}
	for _, f := range list.List {
		t, err := c.typ(f.Type, depth)
		if err != nil {
			return nil, err
		}
		for i := range max(1, len(f.Names)) {
			named := t
			if c.query && i < len(f.Names)-1 && f.Names[i].Name == "ctx" {
				named = contextType // func(ctx, path string)
			}
			if out = append(out, named); len(out) > maxTypes {
				return nil, errTooMany
			}
		}
	}
	return out, nil
}

func (c *converter) typ(x ast.Expr, depth int) (*typ, error) {
	if depth++; depth > maxTypeDepth {
		return nil, errTooDeep
	}
	switch x := x.(type) {
	case *ast.ParenExpr:
		return c.typ(x.X, depth)
	case *ast.Ident:
		t, err := c.ident(x.Name)
		return c.unend(t, x), err
	case *ast.SelectorExpr:
		if pkg, ok := x.X.(*ast.Ident); ok {
			return c.unend(&typ{kind: kindNamed, pkg: pkg.Name, name: x.Sel.Name}, x), nil
		}
	case *ast.StarExpr:
		return c.wrap(&typ{kind: kindPointer}, depth, x.X)
	case *ast.Ellipsis:
		return c.wrap(&typ{kind: kindVariadic}, depth, x.Elt)
	case *ast.ArrayType:
		if x.Len == nil {
			return c.wrap(&typ{kind: kindSlice}, depth, x.Elt)
		}
		return c.wrap(&typ{kind: kindArray, name: c.text(x.Len)}, depth, x.Elt)
	case *ast.MapType:
		return c.wrap(&typ{kind: kindMap}, depth, x.Key, x.Value)
	case *ast.ChanType:
		return c.wrap(&typ{kind: kindChan, aux: int(x.Dir)}, depth, x.Value)
	case *ast.FuncType:
		return c.function(x, depth)
	case *ast.InterfaceType:
		if x.Methods == nil || len(x.Methods.List) == 0 {
			return &typ{kind: kindAny}, nil
		}
		return &typ{kind: kindOpaque, name: c.text(x)}, nil
	case *ast.StructType:
		return &typ{kind: kindOpaque, name: c.text(x)}, nil
	case *ast.IndexExpr:
		return c.instance(x.X, []ast.Expr{x.Index}, depth)
	case *ast.IndexListExpr:
		return c.instance(x.X, x.Indices, depth)
	}
	return nil, errors.New("not a type: " + c.text(x))
}

func (c *converter) wrap(t *typ, depth int, elems ...ast.Expr) (*typ, error) {
	for _, x := range elems {
		e, err := c.typ(x, depth)
		if err != nil {
			return nil, err
		}
		t.elems = append(t.elems, e)
	}
	return t, nil
}

func (c *converter) function(x *ast.FuncType, depth int) (*typ, error) {
	params, err := c.fields(x.Params, depth)
	if err != nil {
		return nil, err
	}
	results, err := c.fields(x.Results, depth)
	if err != nil {
		return nil, err
	}
	return &typ{kind: kindFunc, aux: len(params), elems: append(params, results...)}, nil
}

func (c *converter) instance(x ast.Expr, args []ast.Expr, depth int) (*typ, error) {
	t, err := c.typ(x, depth)
	if err != nil {
		return nil, err
	}
	if t.kind != kindNamed || len(args) > maxParameters {
		return nil, errors.New("not a generic type: " + c.text(x))
	}
	return c.wrap(&typ{kind: kindNamed, pkg: t.pkg, name: t.name}, depth, args...)
}

func (c *converter) ident(name string) (*typ, error) {
	if n, ok := c.vars[name]; ok {
		return &typ{kind: kindVar, aux: n}, nil
	}
	switch name {
	case "any":
		return &typ{kind: kindAny}, nil
	case "uint8":
		name = "byte"
	case "rune":
		name = "int32"
	case "_":
		if c.query {
			return &typ{kind: kindHole}, nil
		}
	}
	if c.query && name == "ctx" {
		return contextType, nil
	}
	if c.query && len(name) == 1 && 'A' <= name[0] && name[0] <= 'Z' {
		n, err := c.declare(name)
		return &typ{kind: kindVar, aux: n}, err
	}
	return &typ{kind: kindNamed, name: name}, nil
}

// unend marks a name at the very end of a query as possibly incomplete, unless
// it is predeclared.
func (c *converter) unend(t *typ, x ast.Expr) *typ {
	if c.query && t != nil && t.kind == kindNamed && t != contextType && int(x.End())-c.base == c.typed {
		t.unended = t.pkg != "" || !predeclared[t.name]
	}
	return t
}

// text returns an expression's source with white space collapsed.
func (c *converter) text(x ast.Expr) string {
	from, to := int(x.Pos())-c.base, int(x.End())-c.base
	if from < 0 || to > len(c.source) || from > to {
		return "?"
	}
	return strings.Join(strings.Fields(c.source[from:to]), " ")
}
