package source

import "go/ast"

// nextCode returns the names and effects of the declaration that is read next.
func (r *reader) nextCode() code {
	next := r.codes[0]
	r.codes = r.codes[1:]
	return next
}

// collect fills in what a declaration refers to, writes and starts. fn is nil
// unless it is a function.
func (r *reader) collect(decl *Decl, code code, fn *ast.FuncDecl) {
	if mentions := r.names.mentions[code.mentions.from:code.mentions.to]; len(mentions) > 0 {
		decl.Refs = make([]Ref, len(mentions))
		for i, m := range mentions {
			decl.Refs[i] = Ref{Pkg: m.pkg, Name: m.name, Pos: r.pos(m.pos)}
		}
	}
	if code.nilNil != nil {
		at := r.pos(code.nilNil.Pos())
		decl.NilNil = &at
	}
	c := &r.collector
	c.reader, c.decl, c.body, c.receiver = r, decl, nil, nil
	c.params, c.called = c.params[:0], nil
	clear(c.aliases)
	clear(c.sorted)
	if fn != nil {
		c.function(fn)
	}
	for _, n := range r.names.acts[code.acts.from:code.acts.to] {
		c.statement(n)
	}
}

// collector examines what a declaration does.
type collector struct {
	*reader
	decl     *Decl
	body     *ast.BlockStmt         // of the function
	receiver *object                // of the method
	params   []*object              // of the function, none where they have no names
	called   *ast.SelectorExpr      // the function of the previous call
	aliases  map[*object]string     // local variables set from package-level ones
	sorted   map[*ast.CallExpr]bool // calls whose result's order does not matter
}

// universe holds the predeclared names (The Go Programming Language
// Specification, "Predeclared identifiers").
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
