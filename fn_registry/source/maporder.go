package source

import (
	"go/ast"
	"go/token"
	"strings"
)

// mapOrder looks for a loop over a map whose order reaches a result: it returns
// what it meets first, writes as it goes, or appends to a slice that nobody
// sorts. What else a loop does with a map gives the same in any order, as far
// as syntax can see; so does what it writes and appends to variables of its own.
func (c *collector) mapOrder(loop *ast.RangeStmt) {
	iterator := c.mapIterator(loop.X)
	if iterator != nil {
		c.sorted[iterator] = true // judged by what the loop does
	}
	if iterator == nil && !c.isMap(loop.X) || loop.Key == nil {
		return
	}
	outlives := func(v *object) bool {
		return v == nil || v.Pos() < loop.Body.Pos() || v.Pos() >= loop.Body.End()
	}
	own := map[*object]bool{}
	for _, e := range []ast.Expr{loop.Key, loop.Value} {
		if id, ok := e.(*ast.Ident); ok && id.Obj != nil {
			own[id.Obj] = true
		}
	}
	const what = "a loop over a map, whose order differs from run to run"
	ast.Inspect(loop.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			for _, result := range n.Results {
				if mentions(result, own) {
					c.effect(what, loop.Pos())
				}
			}
		case *ast.AssignStmt:
			if to := appendTarget(n); to != nil && outlives(to) && !c.sortedAfter(loop.End(), to) {
				c.effect(what, loop.Pos())
			}
		case *ast.ExprStmt:
			if call, ok := n.X.(*ast.CallExpr); ok {
				if to, ok := c.writesText(call); ok && outlives(to) {
					c.effect(what, loop.Pos())
				}
			}
		}
		return true
	})
}

// isMap reports whether an expression is a map: by the type that its variable
// is declared with, or the literal or make that it is set to.
func (c *collector) isMap(e ast.Expr) bool {
	switch x := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		_, ok := x.Type.(*ast.MapType)
		return ok
	case *ast.CallExpr:
		id, ok := x.Fun.(*ast.Ident)
		if !ok || id.Name != "make" || id.Obj != nil || len(x.Args) == 0 {
			return false
		}
		_, ok = x.Args[0].(*ast.MapType)
		return ok
	case *ast.Ident:
		if x.Obj == nil {
			return false
		}
		switch d := x.Obj.Decl.(type) {
		case *ast.Field:
			_, ok := d.Type.(*ast.MapType)
			return ok
		case *ast.ValueSpec:
			if _, ok := d.Type.(*ast.MapType); ok {
				return true
			}
			for i, name := range d.Names {
				if name.Obj == x.Obj && i < len(d.Values) {
					return c.isMap(d.Values[i])
				}
			}
		case *ast.AssignStmt:
			for i, lhs := range d.Lhs {
				if id, ok := lhs.(*ast.Ident); ok && id.Obj == x.Obj && len(d.Lhs) == len(d.Rhs) {
					if same, ok := d.Rhs[i].(*ast.Ident); ok && same.Obj == x.Obj {
						return false
					}
					return c.isMap(d.Rhs[i])
				}
			}
		}
	}
	return false
}

// mapIterator returns an expression that is a call of maps.Keys or the like,
// or nil.
func (c *collector) mapIterator(e ast.Expr) *ast.CallExpr {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if pkg, name, ok := c.imported(sel); !ok || !iteratesMap(pkg, name) {
		return nil
	}
	return call
}

// iteratesMap reports whether a function of the standard library returns an
// iterator over a map.
func iteratesMap(pkg, name string) bool {
	return pkg == "maps" && (name == "Keys" || name == "Values" || name == "All")
}

// mentions reports whether an expression names one of the objects.
func mentions(e ast.Expr, objects map[*object]bool) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Obj != nil && objects[id.Obj] {
			found = true
		}
		return !found
	})
	return found
}

// appendTarget is the variable x of x = append(x, ...), or nil.
func appendTarget(n *ast.AssignStmt) *object {
	if len(n.Lhs) != 1 || len(n.Rhs) != 1 {
		return nil
	}
	call, ok := n.Rhs[0].(*ast.CallExpr)
	if !ok {
		return nil
	}
	fun, ok := call.Fun.(*ast.Ident)
	to, isIdent := n.Lhs[0].(*ast.Ident)
	if !ok || !isIdent || fun.Name != "append" || fun.Obj != nil {
		return nil
	}
	return to.Obj
}

// writesText reports whether a call writes to a builder, a buffer or a writer,
// and returns the variable that holds it; nil where that is not in the file.
func (c *collector) writesText(call *ast.CallExpr) (to *object, ok bool) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(sel.Sel.Name, "Write") && !strings.HasPrefix(sel.Sel.Name, "Fprint") {
		return nil, false
	}
	writer := sel.X
	if _, _, function := c.imported(sel); function && len(call.Args) > 0 { // fmt.Fprint, io.WriteString
		writer = call.Args[0]
	}
	if root, _, _ := c.root(writer); root != nil {
		return root.Obj, true
	}
	return nil, true
}

// sortedAfter reports whether a variable is handed, behind a place of the
// function, to something whose name says that it sorts.
func (c *collector) sortedAfter(after token.Pos, v *object) bool {
	if v == nil || c.body == nil {
		return false
	}
	found := false
	ast.Inspect(c.body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || call.Pos() < after || found {
			return !found
		}
		name := ""
		switch fun := call.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			name = fun.Sel.Name
			if pkg, _, ok := c.imported(fun); ok && pkg == "sort" {
				name = "sort"
			}
		}
		if strings.Contains(strings.ToLower(name), "sort") {
			for _, arg := range call.Args {
				found = found || mentions(arg, map[*object]bool{v: true})
			}
		}
		return !found
	})
	return found
}

// sortedLater reports whether what a call returns is set to a variable that is
// sorted behind it.
func (c *collector) sortedLater(call *ast.CallExpr) bool {
	if c.body == nil {
		return false
	}
	var to *object
	ast.Inspect(c.body, func(n ast.Node) bool {
		if set, ok := n.(*ast.AssignStmt); ok && len(set.Lhs) == 1 && len(set.Rhs) == 1 && set.Rhs[0] == call {
			if id, ok := set.Lhs[0].(*ast.Ident); ok {
				to = id.Obj
			}
		}
		return to == nil
	})
	return c.sortedAfter(call.End(), to)
}
