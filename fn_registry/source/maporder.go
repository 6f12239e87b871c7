package source

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// mapOrder looks for a loop over a map whose order affects a result: it returns
// or keeps the first or last element, writes, sends or calls during the loop,
// concatenates text or adds floating-point numbers, or appends to a slice that
// is not sorted later. Anything else a loop does with a map gives the same
// result in any order, as far as syntax shows.
func (c *collector) mapOrder(loop *ast.RangeStmt) {
	typ := c.typeOf(loop.X)
	if call, ok := ast.Unparen(loop.X).(*ast.CallExpr); ok {
		if sel, ok := instantiated(call.Fun).(*ast.SelectorExpr); ok {
			if pkg, name, ok := c.imported(sel); ok && pkg == "maps" && mapSequence[name] {
				c.anyOrder([]ast.Expr{call}) // what the loop does with it is decisive
				typ = "map["
			}
		}
	}
	if typ == "" || loop.Key == nil {
		return
	}
	l := mapLoop{collector: c, loop: loop, own: map[*object]bool{}}
	for _, e := range []ast.Expr{loop.Key, loop.Value} {
		if id, ok := e.(*ast.Ident); ok && id.Obj != nil {
			l.own[id.Obj] = true
		}
	}
	typ = origin(typ)
	if strings.HasPrefix(typ, "map[") || mapTypes[typ] {
		typ = ""
	} else if strings.ContainsAny(typ, "[]{} ") || universe[typ] {
		return // another type
	}
	if l.block(loop.Body, nil) {
		c.effectIf(typ, "a loop over a map, whose order differs from run to run", loop.Pos())
	}
}

// mapTypes are the standard library's named map types that code ranges over.
var mapTypes = names("http.Header url.Values textproto.MIMEHeader mail.Header")

// mapLoop is a loop over a map under examination.
type mapLoop struct {
	*collector
	loop *ast.RangeStmt
	own  map[*object]bool // its key and value, and what the body sets from them
}

// block reports whether a part of the body has an effect that depends on the
// order; conditions are the enclosing ones.
func (l *mapLoop) block(body ast.Node, conditions []ast.Expr) bool {
	found := false
	ast.Inspect(body, func(n ast.Node) bool {
		if found {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt:
			inner := append(slices.Clip(conditions), n.Cond)
			found = n.Init != nil && l.block(n.Init, conditions) || l.block(&ast.ExprStmt{X: n.Cond}, conditions) ||
				l.block(n.Body, inner) || n.Else != nil && l.block(n.Else, inner)
			return false
		case *ast.SwitchStmt:
			found = n.Init != nil && l.block(n.Init, conditions)
			for _, c := range n.Body.List {
				clause := c.(*ast.CaseClause)
				inner := append(slices.Clip(conditions), clause.List...)
				for _, e := range clause.List {
					if n.Tag != nil {
						inner = append(inner, &ast.BinaryExpr{X: n.Tag, Op: token.EQL, Y: e})
					}
				}
				for _, stmt := range clause.Body {
					found = found || l.block(stmt, inner)
				}
			}
			return false
		case *ast.ReturnStmt:
			found = slices.ContainsFunc(n.Results, func(e ast.Expr) bool { return mentions(e, l.own) })
		case *ast.SendStmt:
			found = mentions(n.Value, l.own)
		case *ast.AssignStmt:
			found = l.assign(n, conditions)
		case *ast.CallExpr:
			found = l.calls(n)
		}
		return !found
	})
	return found
}

// calls reports whether a call passes elements to a writer, or to a function
// that the code was given.
func (l *mapLoop) calls(call *ast.CallExpr) bool {
	if !slices.ContainsFunc(call.Args, func(e ast.Expr) bool { return mentions(e, l.own) }) {
		return false
	}
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		return (strings.HasPrefix(fun.Sel.Name, "Write") || strings.HasPrefix(fun.Sel.Name, "Fprint")) && !l.writesInside(fun, call)
	case *ast.Ident:
		return fun.Name == "yield" && fun.Obj != nil // others mostly judge or convert
	}
	return false
}

// writesInside reports whether the target of a call's writes is declared in the
// loop.
func (l *mapLoop) writesInside(fun *ast.SelectorExpr, call *ast.CallExpr) bool {
	writer := fun.X
	if _, _, function := l.imported(fun); function { // fmt.Fprint, io.WriteString
		writer = call.Args[0]
	}
	root, _, _ := l.root(writer)
	return root != nil && root.Obj != nil && l.inside(root.Obj)
}

func (l *mapLoop) assign(n *ast.AssignStmt, conditions []ast.Expr) bool {
	for i, lhs := range n.Lhs {
		rhs := n.Rhs[min(i, len(n.Rhs)-1)]
		if !mentions(rhs, l.own) && !slices.ContainsFunc(n.Rhs, func(e ast.Expr) bool { return isAppend(e) }) {
			continue
		}
		root, _, _ := l.root(lhs)
		if root == nil || root.Obj == nil {
			continue
		}
		if l.inside(root.Obj) {
			l.own[root.Obj] = true
			continue
		}
		if l.ordered(n.Tok, lhs, rhs, root, conditions) {
			return true
		}
	}
	return false
}

// inside reports whether a variable is declared in the loop.
func (l *mapLoop) inside(v *object) bool {
	at := declaredAt(v)
	return at >= l.loop.Pos() && at < l.loop.End()
}

// ordered reports whether an assignment to a variable outside the loop has a
// result that depends on the order.
func (l *mapLoop) ordered(tok token.Token, lhs, rhs ast.Expr, root *ast.Ident, conditions []ast.Expr) bool {
	target := map[*object]bool{root.Obj: true}
	_, whole := lhs.(*ast.Ident)
	typ := ""
	if whole {
		typ = l.typeOf(lhs)
	}
	switch {
	case isAppend(rhs):
		if whole {
			return !l.sortedAfter(l.loop.End(), root.Obj)
		}
		return !l.sortedAfter(l.loop.End(), nil) // groups of a map are sorted one at a time, under another name
	case tok == token.ADD_ASSIGN:
		return typ == "string" || typ == "float64" || typ == "float32"
	case tok != token.ASSIGN:
		return false
	case mentions(rhs, target): // n = max(n, v)
		return typ == "string" && !calls(rhs)
	case whole:
		// if v > most { most = v } is the same in any order
		return !slices.ContainsFunc(conditions, func(e ast.Expr) bool { return mentions(e, target) || l.onlyOne(e) })
	}
	if at, ok := lhs.(*ast.IndexExpr); ok && !mentions(at.Index, l.own) && !l.isMapOf(at.X) { // all[i] = k; i++
		if _, literal := at.Index.(*ast.BasicLit); !literal {
			return !l.sortedAfter(l.loop.End(), root.Obj)
		}
	}
	return false
}

// onlyOne reports whether a condition selects a single element of the map: it
// compares the key with ==.
func (l *mapLoop) onlyOne(e ast.Expr) bool {
	key, ok := l.loop.Key.(*ast.Ident)
	b, isBinary := ast.Unparen(e).(*ast.BinaryExpr)
	if !ok || !isBinary || key.Obj == nil {
		return false
	}
	if b.Op == token.LAND {
		return l.onlyOne(b.X) || l.onlyOne(b.Y)
	}
	is := func(e ast.Expr) bool { id, ok := ast.Unparen(e).(*ast.Ident); return ok && id.Obj == key.Obj }
	return b.Op == token.EQL && (is(b.X) || is(b.Y))
}

func (l *mapLoop) isMapOf(e ast.Expr) bool { return strings.HasPrefix(l.typeOf(e), "map[") }

func calls(e ast.Expr) bool {
	_, ok := ast.Unparen(e).(*ast.CallExpr)
	return ok
}

func isAppend(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	fun, ok := call.Fun.(*ast.Ident)
	return ok && fun.Name == "append" && fun.Obj == nil
}

// typeOf returns the type of an expression as far as its file shows it: as
// written, or in the form of Effect.IfMap; "" if it does not.
func (c *collector) typeOf(e ast.Expr) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		return c.written(x.Type)
	case *ast.BasicLit:
		return map[token.Token]string{token.STRING: "string", token.FLOAT: "float64", token.INT: "int"}[x.Kind]
	case *ast.StarExpr:
		return strings.TrimPrefix(c.typeOf(x.X), "*")
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return c.typeOf(x.X)
		}
	case *ast.SelectorExpr:
		if _, _, ok := c.imported(x); !ok {
			return step(c.typeOf(x.X), x.Sel.Name)
		}
	case *ast.CallExpr:
		return c.resultOf(x)
	case *ast.IndexExpr:
		return elementOf(c.typeOf(x.X))
	case *ast.Ident:
		return c.variable(x)
	}
	return ""
}

// step is a field or a method of a type.
func step(typ, name string) string {
	typ = origin(strings.TrimLeft(typ, "*"))
	if typ == "" || strings.ContainsAny(typ, "[]{} ") {
		return ""
	}
	return typ + "." + name
}

// origin returns the generic type of an instance, and any other type itself.
func origin(typ string) string {
	if base, _, ok := strings.Cut(typ, "["); ok && base != "" && base != "map" {
		return base
	}
	return typ
}

// elementOf returns the written element type of a map or a slice.
func elementOf(typ string) string {
	depth := 0
	for i, r := range typ {
		switch r {
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 && (strings.HasPrefix(typ, "map[") || typ[0] == '[') {
				return typ[i+1:]
			}
		}
	}
	return ""
}

func (c *collector) resultOf(call *ast.CallExpr) string {
	switch fun := instantiated(call.Fun).(type) {
	case *ast.MapType: // a conversion
		return c.written(fun)
	case *ast.Ident:
		if (fun.Name == "make" || fun.Name == "new") && fun.Obj == nil && len(call.Args) > 0 {
			return c.written(call.Args[0])
		}
		if !universe[fun.Name] && isPackageLevel(fun) {
			return fun.Name + "()"
		}
	case *ast.SelectorExpr:
		if pkg, name, ok := c.imported(fun); !ok {
			if of := step(c.typeOf(fun.X), fun.Sel.Name); of != "" {
				return of + "()"
			}
		} else if pkg == "maps" && (name == "Clone" || name == "Collect") {
			return "map["
		}
	}
	return ""
}

// written returns a type as written; for a type parameter its constraint.
func (c *collector) written(e ast.Expr) string {
	if e == nil {
		return ""
	}
	if id, ok := e.(*ast.Ident); ok && id.Obj != nil {
		if param, ok := id.Obj.Decl.(*ast.Field); ok {
			return strings.TrimPrefix(typeText(param.Type), "~")
		}
	}
	return strings.TrimPrefix(typeText(e), "*")
}

func (c *collector) variable(x *ast.Ident) string {
	if x.Obj == nil {
		if universe[x.Name] || c.isQualifier(x.Name) {
			return ""
		}
		return x.Name // of another file
	}
	switch d := x.Obj.Decl.(type) {
	case *ast.Field:
		return c.written(d.Type)
	case *ast.ValueSpec:
		if d.Type != nil {
			return c.written(d.Type)
		}
		for i, name := range d.Names {
			if name.Obj == x.Obj && i < len(d.Values) {
				return c.typeOf(d.Values[i])
			}
		}
	case *ast.AssignStmt:
		for i, lhs := range d.Lhs {
			id, ok := lhs.(*ast.Ident)
			if !ok || id.Obj != x.Obj {
				continue
			}
			if len(d.Lhs) != len(d.Rhs) && i > 0 {
				continue
			}
			if mentions(d.Rhs[i], map[*object]bool{x.Obj: true}) {
				return ""
			}
			return c.typeOf(d.Rhs[i])
		}
	case *ast.RangeStmt:
		if isOf(d.Value, x.Obj) {
			return elementOf(c.typeOf(d.X))
		}
	}
	return ""
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

// sortedAfter reports whether a variable, or, if it is nil, any variable, is
// passed, after a position in the function, to something whose name indicates
// sorting.
func (c *collector) sortedAfter(after token.Pos, v *object) bool {
	if c.body == nil {
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
			found = found || v == nil
			for _, arg := range call.Args {
				found = found || v != nil && mentions(arg, map[*object]bool{v: true})
			}
		}
		return !found
	})
	return found
}

// sortedLater reports whether the result of a call is assigned to a variable
// that is sorted afterwards.
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
	return to != nil && c.sortedAfter(call.End(), to)
}
