package source

import "go/ast"

// collect fills in what a declaration refers to, writes and starts.
func (r *reader) collect(decl *Decl, node ast.Node) {
	if r.collector.skip == nil {
		r.collector = collector{
			reader: r, seen: map[[2]string]bool{}, skip: map[*ast.Ident]bool{},
			aliases: map[*object]string{}, sorted: map[*ast.CallExpr]bool{},
			params: map[*object]int{}, called: map[*ast.SelectorExpr]bool{},
		}
	}
	c := &r.collector
	c.decl, c.body, c.receiver = decl, nil, nil
	clear(c.seen)
	clear(c.skip)
	clear(c.aliases)
	clear(c.sorted)
	clear(c.params)
	clear(c.called)
	ast.Inspect(node, c.visit)
}

type collector struct {
	*reader
	decl *Decl
	seen map[[2]string]bool
	skip map[*ast.Ident]bool // identifiers that are no references: selectors, field names, labels, keys

	body     *ast.BlockStmt  // of the function
	receiver *object         // of the method
	params   map[*object]int // of the function, by number
	called   map[*ast.SelectorExpr]bool
	aliases  map[*object]string     // local variables set from package-level ones
	sorted   map[*ast.CallExpr]bool // calls whose result's order does not matter
}

func (c *collector) visit(n ast.Node) bool {
	c.statement(n)
	switch n := n.(type) {
	case *ast.FuncDecl:
		c.skip[n.Name] = true
		c.function(n)
	case *ast.TypeSpec:
		c.skip[n.Name] = true
	case *ast.ValueSpec:
		for _, name := range n.Names {
			c.skip[name] = true
		}
	case *ast.Field:
		for _, name := range n.Names {
			c.skip[name] = true
		}
	case *ast.LabeledStmt:
		c.skip[n.Label] = true
	case *ast.BranchStmt:
		if n.Label != nil {
			c.skip[n.Label] = true
		}
	case *ast.CompositeLit:
		c.skipKeys(n)
	case *ast.SelectorExpr:
		c.skip[n.Sel] = true
		if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil {
			c.qualified(x, n.Sel)
		}
	case *ast.Ident:
		if !c.skip[n] && c.packageLevel(n) {
			c.add(&c.decl.Refs, Ref{Name: n.Name, Pos: c.pos(n.Pos())})
		}
	}
	return true
}

// skipKeys passes over the field names of struct literals. The keys of maps and arrays go with them: functions
// and types, the names that matter here, can't be keys.
func (c *collector) skipKeys(lit *ast.CompositeLit) {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok {
				c.skip[key] = true
			}
		}
	}
}

// qualified records pkg.Name. A qualifier that no import's path explains is kept as "?q" for the catalogue, which
// knows the packages' real names. A variable of another file of the package looks the same: then no import fits.
func (c *collector) qualified(x, sel *ast.Ident) {
	path, ok := c.qualifiers[x.Name]
	if !ok {
		if c.tree.Scope.Lookup(x.Name) != nil || len(c.file.Imports) == 0 {
			return
		}
		path = "?" + x.Name
	} else {
		c.skip[x] = true
	}
	c.add(&c.decl.Refs, Ref{Pkg: path, Name: sel.Name, Pos: c.pos(x.Pos())})
}

// packageLevel reports whether an identifier names something at package level, of this file or another one.
func (c *collector) packageLevel(id *ast.Ident) bool {
	if id.Name == "_" || universe[id.Name] {
		return id.Obj != nil && c.tree.Scope.Lookup(id.Name) == id.Obj
	}
	return id.Obj == nil || c.tree.Scope.Lookup(id.Name) == id.Obj
}

func (c *collector) add(list *[]Ref, ref Ref) {
	key := [2]string{ref.Pkg, ref.Name}
	if !c.seen[key] {
		c.seen[key] = true
		*list = append(*list, ref)
	}
}

// universe holds the predeclared names (The Go Programming Language Specification, "Predeclared identifiers").
var universe = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range []string{
		"any", "bool", "byte", "comparable", "complex64", "complex128", "error", "float32", "float64", "int", "int8",
		"int16", "int32", "int64", "rune", "string", "uint", "uint8", "uint16", "uint32", "uint64", "uintptr", "true",
		"false", "iota", "nil", "append", "cap", "clear", "close", "complex", "copy", "delete", "imag", "len", "make",
		"max", "min", "new", "panic", "print", "println", "real", "recover",
	} {
		m[name] = true
	}
	return m
}()
