package source

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Effect is something that makes code impure although it names nothing impure
// from elsewhere.
type Effect struct {
	What string // "a go statement"
	Pos  Pos
	// IfMap, if set, is the type of something that a loop ranges over, as the
	// file tells it: the effect is none unless that is a map. It is a type as
	// written, or steps from a name of the package: "Set", "conf.Table",
	// "tables()", "store.All()".
	IfMap string
}

// Write is a change of a package-level variable, or of what it holds.
type Write struct {
	Name string
	Pos  Pos
	// Alias: through a local variable that was set from it. Field: to a field
	// of that, which leaves the variable alone unless it is a pointer.
	Alias, Field bool
	// Method, if set, is called on the variable: a change if that method
	// changes its receiver.
	Method string
	// Func, if set, is called with the variable as its argument number Arg: a
	// change if that function changes its parameter.
	Func string
	Arg  int
}

func (c *collector) effect(what string, at token.Pos) { c.effectIf("", what, at) }

// effectIf records an effect that is one only if a type is a map's.
func (c *collector) effectIf(ifMap, what string, at token.Pos) {
	for _, e := range c.decl.Effects {
		if e.What == what && e.IfMap == ifMap {
			return
		}
	}
	c.decl.Effects = append(c.decl.Effects, Effect{What: what, Pos: c.pos(at), IfMap: ifMap})
}

// function examines properties of a function as a whole.
func (c *collector) function(d *ast.FuncDecl) {
	if d.Body == nil {
		c.effect("code that is not Go: "+d.Name.Name+" has no body", d.Name.Pos())
	}
	if c.linknames[d.Name.Name] {
		c.effect("a go:linkname of "+d.Name.Name, d.Name.Pos())
	}
	if d.Recv != nil && len(d.Recv.List) == 1 && len(d.Recv.List[0].Names) == 1 {
		c.receiver = d.Recv.List[0].Names[0].Obj
	}
	c.body = d.Body
	for _, field := range d.Type.Params.List {
		for _, name := range field.Names {
			c.params = append(c.params, name.Obj)
		}
	}
}

// statement examines the effects of a statement or an expression.
func (c *collector) statement(n ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.effect("a go statement", n.Pos())
	case *ast.SelectStmt:
		channels := 0
		for _, clause := range n.Body.List {
			if clause.(*ast.CommClause).Comm != nil {
				channels++
			}
		}
		if channels > 1 {
			c.effect("a select among channels, which takes any that is ready", n.Pos())
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, e := range n.Lhs {
				c.write(e)
			}
		}
		if len(n.Lhs) == len(n.Rhs) {
			for i, e := range n.Lhs {
				c.alias(e, n.Rhs[i])
			}
		} else if len(n.Lhs) == 2 && len(n.Rhs) == 1 { // x, ok := m[k]
			c.alias(n.Lhs[0], n.Rhs[0])
		}
	case *ast.SendStmt:
		c.change(n.Chan)
	case *ast.SelectorExpr:
		if pkg, name, ok := c.imported(n); ok && pkg == "maps" && mapSequence[name] && n != c.called {
			c.effect("maps."+name+", whose order differs from call to call", n.Pos())
		}
	case *ast.ValueSpec:
		if len(n.Names) == 2 && len(n.Values) == 1 {
			c.alias(n.Names[0], n.Values[0])
		}
		for i, name := range n.Names {
			if i < len(n.Values) {
				c.alias(name, n.Values[i])
			}
		}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			c.write(n.Key)
			c.write(n.Value)
		}
		if n.Value != nil {
			c.alias(n.Value, n.X)
		}
		c.mapOrder(n)
	case *ast.IncDecStmt:
		c.write(n.X)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			c.write(n.X)
		}
		if n.Op == token.ARROW {
			c.change(n.X)
		}
	case *ast.CallExpr:
		c.call(n)
	}
}

// changesFirst are functions of the standard library that modify what their
// first argument refers to.
var changesFirst = regexp.MustCompile(`^(sort\.(Ints|Strings|Float64s|Slice|SliceStable|Sort|Stable)|` +
	`slices\.(Sort\w*|Reverse|Delete\w*|Compact\w*|Insert|Replace|Grow|AppendSeq)|maps\.(Copy|DeleteFunc|Insert)|` +
	`encoding/binary\.(Put\w+|Append\w*|Encode|Write)|container/heap\.\w+)$`)

// zoned are the methods of a time.Time whose results depend on its location.
var zoned = names("String GoString Format AppendFormat Date Clock Year Month Day Hour Minute Second YearDay Weekday ISOWeek Location Zone AddDate MarshalJSON MarshalText")

// keepsZone are the methods that return a time in the same location.
var keepsZone = names("Add AddDate Round Truncate")

// pointerVerb matches a verb of fmt's that prints an address.
var pointerVerb = regexp.MustCompile(`(^|[^%])(%%)*%[-+# 0-9.*\[\]]*p`)

// mapSequence are the functions of package maps that expose a map's order.
var mapSequence = names("Keys Values All")

// instantiated returns a generic function without its type arguments.
func instantiated(fun ast.Expr) ast.Expr {
	switch f := ast.Unparen(fun).(type) {
	case *ast.IndexExpr:
		return ast.Unparen(f.X)
	case *ast.IndexListExpr:
		return ast.Unparen(f.X)
	default:
		return f
	}
}

// impureMethods are impure methods, by the package that must be imported for a
// value to have them.
var impureMethods = map[string]string{
	"crypto/ecdh":   "GenerateKey",
	"crypto/mlkem":  "Encapsulate",
	"html/template": "ParseFiles ParseGlob ParseFS",
	"reflect":       "UnsafeAddr UnsafePointer Pointer MapKeys MapRange",
	"text/template": "ParseFiles ParseGlob ParseFS",
}

func (c *collector) call(n *ast.CallExpr) {
	switch fun := instantiated(n.Fun).(type) {
	case *ast.Ident:
		if !universe[fun.Name] && isPackageLevel(fun) {
			c.arguments(fun.Name, n.Args)
			return
		}
		if fun.Obj != nil || !universe[fun.Name] || len(n.Args) == 0 && fun.Name != "println" && fun.Name != "print" {
			return
		}
		switch fun.Name {
		case "delete", "clear", "copy", "append", "close":
			c.change(n.Args[0])
		case "print", "println":
			c.effect(fun.Name+", which writes to standard error", n.Pos())
		case "uintptr":
			if c.names(n.Args[0], "unsafe", "Pointer") {
				c.effect("an address as a uintptr", n.Pos())
			}
		}
	case *ast.SelectorExpr:
		if pkg, name, ok := c.imported(fun); ok {
			c.called = fun
			c.callImported(n, pkg, name)
			return
		}
		if !slices.Contains(c.decl.Calls, fun.Sel.Name) {
			c.decl.Calls = append(c.decl.Calls, fun.Sel.Name)
		}
		for _, imp := range c.file.Imports {
			if hasWord(impureMethods[imp.Path], fun.Sel.Name) && !(strings.HasPrefix(fun.Sel.Name, "Map") && c.sortedLater(n)) {
				c.effect("a method "+fun.Sel.Name+" of "+imp.Path, fun.Sel.Pos())
			}
		}
		if fun.Sel.Name == "Local" && len(n.Args) == 0 && c.imports("time") {
			c.effect("Local, which reads the local time zone", fun.Sel.Pos())
		}
		if c.putsBytes(fun) && len(n.Args) > 0 {
			c.change(n.Args[0])
		}
		if zoned[fun.Sel.Name] && c.isLocalTime(fun.X) {
			c.effect(fun.Sel.Name+" of a time.Unix, which is in the local time zone", fun.Sel.Pos())
		}
		if x, ok := ast.Unparen(fun.X).(*ast.Ident); ok && isPackageLevel(x) && !c.isQualifier(x.Name) {
			c.decl.Writes = append(c.decl.Writes, Write{Name: x.Name, Pos: c.pos(x.Pos()), Method: fun.Sel.Name})
		}
	}
}

// putsBytes reports whether a method is one of encoding/binary's byte orders
// that writes into its first argument.
func (c *collector) putsBytes(method *ast.SelectorExpr) bool {
	order, ok := ast.Unparen(method.X).(*ast.SelectorExpr)
	if !ok || !strings.HasPrefix(method.Sel.Name, "Put") && !strings.HasPrefix(method.Sel.Name, "Append") {
		return false
	}
	pkg, _, ok := c.imported(order)
	return ok && pkg == "encoding/binary"
}

func (c *collector) callImported(n *ast.CallExpr, pkg, name string) {
	switch {
	case pkg == "maps" && mapSequence[name]:
		if !c.sorted[n] {
			c.effect("maps."+name+", whose order differs from call to call", n.Pos())
		}
	case pkg == "slices" && (strings.HasPrefix(name, "Sorted") || name == "Collect" && c.sortedLater(n)):
		c.anyOrder(n.Args)
	case pkg == "maps" && (name == "Collect" || name == "Insert"): // a map built from a map has no order
		c.anyOrder(n.Args)
	case pkg == "fmt":
		for _, arg := range n.Args {
			if pointerVerb.MatchString(constantText(arg)) {
				c.effect("%p, which prints an address", arg.Pos())
			}
			if c.isLocalTime(arg) {
				c.effect("the text of a time.Unix, which is in the local time zone", arg.Pos())
			}
		}
	}
	if len(n.Args) > 0 && changesFirst.MatchString(pkg+"."+name) {
		c.change(n.Args[0])
	}
}

// anyOrder marks calls whose results' order does not matter.
func (c *collector) anyOrder(args []ast.Expr) {
	for _, arg := range args {
		if call, ok := ast.Unparen(arg).(*ast.CallExpr); ok {
			if c.sorted == nil {
				c.sorted = map[*ast.CallExpr]bool{}
			}
			c.sorted[call] = true
		}
	}
}

// constantText returns the text of a literal, or of a constant of the file with
// a literal value.
func constantText(e ast.Expr) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
			return text
		}
	case *ast.Ident:
		if x.Obj == nil || x.Obj.Kind != ast.Con {
			return ""
		}
		if v, ok := x.Obj.Decl.(*ast.ValueSpec); ok {
			for i, name := range v.Names {
				if name.Name == x.Name && i < len(v.Values) {
					if lit, ok := v.Values[i].(*ast.BasicLit); ok {
						return constantText(lit)
					}
				}
			}
		}
	}
	return ""
}

// arguments records the package variables that are passed to a function of the
// package.
func (c *collector) arguments(fun string, args []ast.Expr) {
	for i, arg := range args {
		root, _, _ := c.root(arg)
		if root == nil || c.isQualifier(root.Name) {
			continue
		}
		name := ""
		if isPackageLevel(root) && !universe[root.Name] {
			name = root.Name
		} else {
			name = c.aliases[root.Obj]
		}
		if name != "" {
			c.decl.Writes = append(c.decl.Writes, Write{Name: name, Pos: c.pos(arg.Pos()), Func: fun, Arg: i})
		}
	}
}

// isLocalTime reports whether an expression is a call of time.Unix or similar,
// or a variable declared with one.
func (c *collector) isLocalTime(e ast.Expr) bool {
	switch x := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		sel, ok := x.Fun.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		pkg, name, ok := c.imported(sel)
		if !ok && keepsZone[sel.Sel.Name] {
			return c.isLocalTime(sel.X)
		}
		return ok && pkg == "time" && (name == "Unix" || name == "UnixMilli" || name == "UnixMicro")
	case *ast.Ident:
		if x.Obj == nil {
			return false
		}
		set, ok := x.Obj.Decl.(*ast.AssignStmt)
		if !ok || len(set.Lhs) != len(set.Rhs) {
			return false
		}
		for i, lhs := range set.Lhs {
			if id, ok := lhs.(*ast.Ident); ok && id.Obj == x.Obj {
				_, isCall := set.Rhs[i].(*ast.CallExpr)
				return isCall && c.isLocalTime(set.Rhs[i])
			}
		}
	}
	return false
}

// write records an assignment to a package-level variable, or to a part of it.
func (c *collector) write(e ast.Expr) {
	if e == nil {
		return
	}
	if _, plain := ast.Unparen(e).(*ast.Ident); plain {
		c.note(e, false)
		return
	}
	c.note(e, true)
}

// change records that something an expression refers to is modified: an element
// of a map or a slice.
func (c *collector) change(e ast.Expr) { c.note(e, true) }

// note records a write to the variable at the root of an expression. deep means
// that a part of its content is written, which it shares with the variables it
// was set from.
func (c *collector) note(e ast.Expr, deep bool) {
	root, foreign, field := c.root(e)
	if foreign != "" {
		c.effect(foreign+", a variable of another package, which it changes", e.Pos())
	}
	if root == nil {
		return
	}
	w := Write{Pos: c.pos(root.Pos())}
	switch {
	case c.isQualifier(root.Name):
	case isPackageLevel(root):
		w.Name = root.Name
		c.decl.Writes = append(c.decl.Writes, w)
	case root.Obj == nil:
	case root.Obj == c.receiver && deep:
		c.decl.ChangesReceiver = true
	case deep && slices.Contains(c.params, root.Obj):
		if n := slices.Index(c.params, root.Obj); !slices.Contains(c.decl.ChangesParams, n) {
			c.decl.ChangesParams = append(c.decl.ChangesParams, n)
		}
	case deep && c.aliases[root.Obj] != "":
		w.Name, w.Alias, w.Field = c.aliases[root.Obj], true, field
		c.decl.Writes = append(c.decl.Writes, w)
	}
}

// alias records that a local variable was set from a package-level one.
func (c *collector) alias(to, from ast.Expr) {
	local, ok := to.(*ast.Ident)
	if !ok || local.Obj == nil || isPackageLevel(local) {
		return
	}
	if lit, ok := ast.Unparen(from).(*ast.CompositeLit); ok {
		from = c.stateIn(lit)
	}
	root, _, _ := c.root(from)
	switch {
	case root == nil || c.isQualifier(root.Name):
		delete(c.aliases, local.Obj)
	case isPackageLevel(root):
		c.setAlias(local.Obj, root.Name)
	case root.Obj != nil:
		if name := c.aliases[root.Obj]; name != "" {
			c.setAlias(local.Obj, name)
		} else {
			delete(c.aliases, local.Obj)
		}
	}
}

func (c *collector) setAlias(local *object, name string) {
	if c.aliases == nil {
		c.aliases = map[*object]string{}
	}
	c.aliases[local] = name
}

// stateIn returns the first element of a literal that is a package variable, or
// an alias of one; nil if there is none.
func (c *collector) stateIn(lit *ast.CompositeLit) ast.Expr {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		if id, ok := ast.Unparen(e).(*ast.Ident); ok && !universe[id.Name] && (isPackageLevel(id) || c.aliases[id.Obj] != "") {
			return id
		}
	}
	return nil
}

// root returns the variable that an expression is a part of, or, for another
// package's variable, its import path and name. field reports whether the
// outermost step to it is a field.
func (c *collector) root(e ast.Expr) (root *ast.Ident, foreign string, field bool) {
	first := true
	step := func(isField bool) {
		if first {
			field = isField
		}
		first = false
	}
	for {
		switch x := e.(type) {
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			step(false)
			e = x.X
		case *ast.IndexExpr:
			step(false)
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.TypeAssertExpr:
			e = x.X
		case *ast.UnaryExpr:
			if x.Op != token.AND {
				return nil, "", false
			}
			e = x.X
		case *ast.SelectorExpr:
			if pkg, name, ok := c.imported(x); ok {
				return nil, pkg + "." + name, false
			}
			step(true)
			e = x.X
		case *ast.Ident:
			return x, "", field
		default:
			return nil, "", false
		}
	}
}

func (c *collector) isQualifier(name string) bool {
	_, ok := c.qualifiers[name]
	return ok
}

// imported resolves a selector to a name of an imported package.
func (c *collector) imported(sel *ast.SelectorExpr) (pkg, name string, ok bool) {
	x, isIdent := sel.X.(*ast.Ident)
	if !isIdent || x.Obj != nil {
		return "", "", false
	}
	pkg, ok = c.qualifiers[x.Name]
	return pkg, sel.Sel.Name, ok
}

func (c *collector) imports(path string) bool {
	for _, imp := range c.file.Imports {
		if imp.Path == path {
			return true
		}
	}
	return false
}

// names reports whether an expression mentions a name of a package.
func (c *collector) names(e ast.Expr, pkg, name string) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if p, s, ok := c.imported(sel); ok && p == pkg && s == name {
				found = true
			}
		}
		return !found
	})
	return found
}
