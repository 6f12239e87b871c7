package source

import (
	"go/ast"
	"go/token"
	"sync"
)

// object is what an identifier stands for, where its file declares it: a local
// name, or one of the package.
//
//lint:ignore SA1019 The field holds the reader's own resolution.
type object = ast.Object

// packageLevel marks, in their Data, objects that are not local.
const packageLevel = "package level"

// resolver walks a file's declarations once, in text order. It links
// identifiers to the file's declarations, by scope, and records for each
// declaration what must be examined once all names are known. That takes half
// the time of go/parser's resolution and a second walk.
type resolver struct {
	qualifiers map[string]string // local package name -> import path
	imported   bool              // there are imports
	symbols    map[string]int    // see symbol
	scopes     []symbol          // the open ones, the innermost last
	objects    []object          // the used ones of a block
	codes      []code            // of the functions, types and values, in order
	mentions   []mention         // of all code values
	acts       []ast.Node        // of all code values
	code       code              // the current one, not yet closed
	literals   int               // function literals around the current statement
	seen       map[mention]bool  // the mentions of the current code, if they are many
}

// symbol is a declared name; symbols has, by name, the index of the innermost
// one plus one.
type symbol struct {
	object *object
	outer  int // index plus one of the symbol it shadows
}

// code is the names and effects of a declaration, as ranges of mentions and
// acts.
type code struct {
	mentions, acts struct{ from, to int }
	nilNil         *ast.ReturnStmt // see Decl.NilNil
}

// mention is a name from outside of the declaration, recorded once, at its
// first position.
type mention struct {
	pkg, name string // as in Ref
	pos       token.Pos
}

// resolvers keeps what a resolver has allocated for the next file.
var resolvers = sync.Pool{New: func() any {
	return &resolver{symbols: map[string]int{}, seen: map[mention]bool{}}
}}

// mostKept limits how much a resolver keeps for the next file.
const mostKept = 4096

func newResolver(qualifiers map[string]string, imported bool) *resolver {
	r := resolvers.Get().(*resolver)
	r.qualifiers, r.imported = qualifiers, imported
	return r
}

// release returns the resolver for reuse. Its objects must no longer be
// referenced.
func (r *resolver) release() {
	if len(r.symbols) > mostKept || len(r.mentions) > mostKept || len(r.acts) > mostKept {
		return
	}
	clear(r.symbols)
	clear(r.objects)
	clear(r.acts)
	r.scopes, r.objects, r.codes, r.mentions, r.acts = r.scopes[:0], r.objects[:0], r.codes[:0], r.mentions[:0], r.acts[:0]
	r.qualifiers, r.code = nil, code{}
	resolvers.Put(r)
}

// file walks a whole file.
func (r *resolver) file(tree *ast.File) {
	r.declarePackage(tree)
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			r.function(d)
			r.closeCode()
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					r.values(s)
					r.closeCode()
				case *ast.TypeSpec:
					r.typeSpec(s)
					r.closeCode()
				}
			}
		}
	}
}

func (r *resolver) closeCode() {
	r.code.mentions.to, r.code.acts.to = len(r.mentions), len(r.acts)
	r.codes = append(r.codes, r.code)
	next := code{}
	next.mentions.from, next.acts.from = len(r.mentions), len(r.acts)
	r.code = next
	clear(r.seen)
}

// fewMentions is the number up to which a linear search is used.
const fewMentions = 32

func (r *resolver) mention(pkg, name string, at token.Pos) {
	known := r.mentions[r.code.mentions.from:]
	if len(known) < fewMentions {
		for i := range known {
			if m := &known[i]; m.name == name && m.pkg == pkg {
				return
			}
		}
	} else if r.isSeen(known, mention{pkg: pkg, name: name}) {
		return
	}
	r.mentions = append(r.mentions, mention{pkg, name, at})
}

// isSeen reports whether a mention was already met, ignoring its position.
func (r *resolver) isSeen(known []mention, m mention) bool {
	if len(r.seen) == 0 {
		for _, k := range known {
			r.seen[mention{pkg: k.pkg, name: k.name}] = true
		}
	}
	was := r.seen[m]
	r.seen[m] = true
	return was
}

// act records a statement or a call that may have an effect, see
// collector.statement.
func (r *resolver) act(n ast.Node) { r.acts = append(r.acts, n) }

// declare declares names in the innermost scope. With again set, a name that
// the scope already has keeps its object, as in :=.
func (r *resolver) declare(decl any, scope int, again bool, names ...*ast.Ident) {
	for _, id := range names {
		known := r.symbols[id.Name]
		if again && known > scope {
			id.Obj = r.scopes[known-1].object
			continue
		}
		id.Obj = r.object(id.Name, decl)
		if id.Name == "_" || known > scope { // declared twice: the first one counts
			continue
		}
		r.scopes = append(r.scopes, symbol{id.Obj, known})
		r.symbols[id.Name] = len(r.scopes)
	}
}

// objectBlock is how many objects are allocated at once.
const objectBlock = 64

func (r *resolver) object(name string, decl any) *object {
	if len(r.objects) == cap(r.objects) {
		r.objects = make([]object, 0, objectBlock)
	}
	r.objects = append(r.objects, object{Name: name, Decl: decl})
	return &r.objects[len(r.objects)-1]
}

// open returns the mark of a new scope, for declare and close.
func (r *resolver) open() int { return len(r.scopes) }

func (r *resolver) close(scope int) {
	for i := len(r.scopes) - 1; i >= scope; i-- {
		r.symbols[r.scopes[i].object.Name] = r.scopes[i].outer
	}
	r.scopes = r.scopes[:scope]
}

// lookup links an identifier to its object, if the file has one.
func (r *resolver) lookup(id *ast.Ident) {
	if at := r.symbols[id.Name]; at > 0 && id.Name != "_" {
		id.Obj = r.scopes[at-1].object
	}
}

// use handles an identifier that stands for a value, a type or a package.
func (r *resolver) use(id *ast.Ident) {
	r.lookup(id)
	if isPackageLevel(id) {
		r.mention("", id.Name, id.Pos())
	}
}

// isPackageLevel reports whether an identifier names something at package
// level, of this file or another one.
func isPackageLevel(id *ast.Ident) bool {
	if id.Obj != nil {
		return id.Obj.Data == packageLevel
	}
	return id.Name != "_" && !universe[id.Name]
}

// declaredAt returns the position of an object's name in its declaration.
func declaredAt(o *object) token.Pos {
	loop, ok := o.Decl.(*ast.RangeStmt)
	switch {
	case !ok:
		return o.Pos()
	case isOf(loop.Key, o):
		return loop.Key.Pos()
	default:
		return loop.Value.Pos()
	}
}

// isOf reports whether an expression is an object's name.
func isOf(e ast.Expr, o *object) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Obj == o
}

// declarePackage declares the file's package-level names.
func (r *resolver) declarePackage(tree *ast.File) {
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name != "init" {
				r.declare(d, 0, false, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					r.declareValues(d.Tok, s, 0)
				case *ast.TypeSpec:
					r.declare(s, 0, false, s.Name)
				}
			}
		}
	}
	for _, s := range r.scopes {
		s.object.Data = packageLevel
	}
}

func (r *resolver) function(d *ast.FuncDecl) {
	scope := r.open()
	r.receiver(d.Recv)
	r.signature(d.Type)
	if d.Recv != nil {
		for _, f := range d.Recv.List {
			r.declare(f, scope, false, f.Names...)
		}
	}
	r.params(d.Type, scope)
	if d.Body != nil {
		r.stmts(d.Body.List, scope)
	}
	r.close(scope)
}

// receiver declares the type parameters that a receiver names.
func (r *resolver) receiver(recv *ast.FieldList) {
	if recv == nil || len(recv.List) == 0 {
		return
	}
	e := recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	var params []ast.Expr
	switch t := e.(type) {
	case *ast.IndexExpr:
		e, params = t.X, []ast.Expr{t.Index}
	case *ast.IndexListExpr:
		e, params = t.X, t.Indices
	}
	r.expr(e)
	for _, p := range params {
		if id, ok := p.(*ast.Ident); ok {
			r.declare(id, r.open(), false, id)
		}
	}
}

// signature walks a function's types. Type parameters are declared first, since
// constraints, parameters and results may name them.
func (r *resolver) signature(t *ast.FuncType) {
	r.typeParams(t.TypeParams)
	r.fieldTypes(t.Params)
	r.fieldTypes(t.Results)
}

// params declares a function's parameters and results.
func (r *resolver) params(t *ast.FuncType, scope int) {
	for _, list := range []*ast.FieldList{t.Params, t.Results} {
		if list != nil {
			for _, f := range list.List {
				r.declare(f, scope, false, f.Names...)
			}
		}
	}
}

func (r *resolver) typeParams(list *ast.FieldList) {
	if list == nil {
		return
	}
	scope := r.open()
	for _, f := range list.List {
		r.declare(f, scope, false, f.Names...)
	}
	r.fieldTypes(list)
}

func (r *resolver) fieldTypes(list *ast.FieldList) {
	if list == nil {
		return
	}
	for _, f := range list.List {
		r.expr(f.Type)
	}
}

// typeSpec walks a type's declaration; its own name is declared.
func (r *resolver) typeSpec(s *ast.TypeSpec) {
	scope := r.open()
	r.typeParams(s.TypeParams)
	r.expr(s.Type)
	r.close(scope)
}

// values walks the right side of a const or var, without declaring its names.
func (r *resolver) values(s *ast.ValueSpec) {
	r.act(s)
	if s.Type != nil {
		r.expr(s.Type)
	}
	r.exprs(s.Values)
}

func (r *resolver) declareValues(tok token.Token, s *ast.ValueSpec, scope int) {
	r.declare(s, scope, false, s.Names...)
	if tok == token.CONST {
		for _, name := range s.Names {
			name.Obj.Kind = ast.Con
		}
	}
}

// local handles declarations inside a function.
func (r *resolver) local(d *ast.GenDecl, scope int) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			r.values(s)
			r.declareValues(d.Tok, s, scope)
		case *ast.TypeSpec: // it may name itself
			r.declare(s, scope, false, s.Name)
			r.typeSpec(s)
		}
	}
}

func (r *resolver) exprs(list []ast.Expr) {
	for _, e := range list {
		r.expr(e)
	}
}

func (r *resolver) expr(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Ident:
		r.use(e)
	case *ast.BasicLit:
	case *ast.SelectorExpr:
		r.selector(e)
	case *ast.CallExpr:
		r.act(e)
		r.expr(e.Fun)
		r.exprs(e.Args)
	case *ast.BinaryExpr:
		r.expr(e.X)
		r.expr(e.Y)
	case *ast.UnaryExpr:
		if e.Op == token.AND || e.Op == token.ARROW {
			r.act(e)
		}
		r.expr(e.X)
	case *ast.StarExpr:
		r.expr(e.X)
	case *ast.ParenExpr:
		r.expr(e.X)
	case *ast.IndexExpr:
		r.expr(e.X)
		r.expr(e.Index)
	case *ast.IndexListExpr:
		r.expr(e.X)
		r.exprs(e.Indices)
	case *ast.SliceExpr:
		r.expr(e.X)
		r.exprs([]ast.Expr{e.Low, e.High, e.Max})
	case *ast.TypeAssertExpr:
		r.expr(e.X)
		r.expr(e.Type)
	case *ast.CompositeLit:
		r.expr(e.Type)
		r.elements(e.Elts)
	case *ast.FuncLit:
		scope := r.open()
		r.signature(e.Type)
		r.params(e.Type, scope)
		r.literals++
		r.stmts(e.Body.List, scope)
		r.literals--
		r.close(scope)
	case *ast.FuncType:
		r.signature(e)
	case *ast.ArrayType:
		r.expr(e.Len)
		r.expr(e.Elt)
	case *ast.MapType:
		r.expr(e.Key)
		r.expr(e.Value)
	case *ast.ChanType:
		r.expr(e.Value)
	case *ast.Ellipsis:
		r.expr(e.Elt)
	case *ast.StructType:
		r.fieldTypes(e.Fields)
	case *ast.InterfaceType:
		r.fieldTypes(e.Methods)
	}
}

// selector records pkg.Name. A qualifier that no import path explains is kept
// as "?q" for the catalog, which knows the packages' real names. A variable in
// another file of the package looks the same: then no import matches.
func (r *resolver) selector(e *ast.SelectorExpr) {
	x, ok := e.X.(*ast.Ident)
	if !ok {
		r.expr(e.X)
		return
	}
	if r.lookup(x); x.Obj == nil {
		if path, ok := r.qualifiers[x.Name]; ok {
			if path == "maps" { // its order may be a map's, called or not
				r.act(e)
			}
			r.mention(path, e.Sel.Name, x.Pos())
			return
		}
		if r.imported {
			r.mention("?"+x.Name, e.Sel.Name, x.Pos())
		}
	}
	if isPackageLevel(x) {
		r.mention("", x.Name, x.Pos())
	}
}

// elements walks a composite literal. A key that is a name is assumed to be a
// field; keys of maps and arrays are dropped with them: functions and types,
// the names that matter here, can't be keys.
func (r *resolver) elements(list []ast.Expr) {
	for _, e := range list {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			r.expr(e)
			continue
		}
		if key, ok := kv.Key.(*ast.Ident); ok {
			r.lookup(key)
		} else {
			r.expr(kv.Key)
		}
		r.expr(kv.Value)
	}
}

// stmts walks statements that share a scope.
func (r *resolver) stmts(list []ast.Stmt, scope int) {
	for _, s := range list {
		r.stmt(s, scope)
	}
}

// block walks statements with a scope of their own.
func (r *resolver) block(list []ast.Stmt) {
	scope := r.open()
	r.stmts(list, scope)
	r.close(scope)
}

func (r *resolver) stmt(s ast.Stmt, scope int) {
	switch s := s.(type) {
	case *ast.ExprStmt:
		r.expr(s.X)
	case *ast.AssignStmt:
		r.assign(s, scope)
	case *ast.ReturnStmt:
		if r.code.nilNil == nil && r.literals == 0 && isNilNil(s) {
			r.code.nilNil = s
		}
		r.exprs(s.Results)
	case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt:
		inner := r.open()
		r.control(s, inner)
		r.close(inner)
	case *ast.BlockStmt:
		r.block(s.List)
	case *ast.CaseClause:
		r.exprs(s.List)
		r.block(s.Body)
	case *ast.CommClause:
		inner := r.open()
		r.stmt(s.Comm, inner)
		r.stmts(s.Body, inner)
		r.close(inner)
	case *ast.SelectStmt:
		r.act(s)
		r.stmts(s.Body.List, scope)
	case *ast.DeclStmt:
		if d, ok := s.Decl.(*ast.GenDecl); ok {
			r.local(d, scope)
		}
	case *ast.DeferStmt:
		r.expr(s.Call)
	case *ast.GoStmt:
		r.act(s)
		r.expr(s.Call)
	case *ast.IncDecStmt:
		r.act(s)
		r.expr(s.X)
	case *ast.SendStmt:
		r.act(s)
		r.expr(s.Chan)
		r.expr(s.Value)
	case *ast.LabeledStmt:
		r.stmt(s.Stmt, scope)
	}
}

// isNilNil reports whether a statement returns several values, all nil.
func isNilNil(s *ast.ReturnStmt) bool {
	for _, e := range s.Results {
		if id, ok := e.(*ast.Ident); !ok || id.Name != "nil" {
			return false
		}
	}
	return len(s.Results) > 1
}

func (r *resolver) assign(s *ast.AssignStmt, scope int) {
	r.act(s)
	if s.Tok != token.DEFINE {
		r.exprs(s.Lhs)
		r.exprs(s.Rhs)
		return
	}
	r.exprs(s.Rhs) // does not see the new names
	r.define(s, scope, s.Lhs...)
}

// define declares the names on the left side of :=.
func (r *resolver) define(decl any, scope int, left ...ast.Expr) {
	for _, e := range left {
		if id, ok := e.(*ast.Ident); ok {
			r.declare(decl, scope, true, id)
		}
	}
}

// control walks a statement whose header may declare names.
func (r *resolver) control(s ast.Stmt, scope int) {
	switch s := s.(type) {
	case *ast.IfStmt:
		r.stmt(s.Init, scope)
		r.expr(s.Cond)
		r.block(s.Body.List)
		r.stmt(s.Else, scope)
	case *ast.ForStmt:
		r.stmt(s.Init, scope)
		r.expr(s.Cond)
		r.stmt(s.Post, scope)
		r.block(s.Body.List)
	case *ast.RangeStmt:
		r.act(s)
		if s.Tok == token.DEFINE {
			r.expr(s.X)
			r.define(s, scope, s.Key, s.Value)
		} else {
			r.exprs([]ast.Expr{s.Key, s.Value, s.X})
		}
		r.block(s.Body.List)
	case *ast.SwitchStmt:
		r.stmt(s.Init, scope)
		r.expr(s.Tag)
		r.stmts(s.Body.List, scope)
	case *ast.TypeSwitchStmt:
		r.stmt(s.Init, scope)
		r.block([]ast.Stmt{s.Assign, s.Body})
	}
}
