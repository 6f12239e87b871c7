package source

import (
	"bytes"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/scanner"
	"go/token"
	"strconv"
	"strings"
)

// Parse reads one file. The error is an *Error with the position of the first
// syntax error; the File is then nil.
func Parse(path string, src []byte) (*File, error) {
	fset := token.NewFileSet()
	mode := parser.SkipObjectResolution // see resolver
	if hasDirectives(src) {
		mode |= parser.ParseComments
	}
	tree, err := parser.ParseFile(fset, path, src, mode)
	if err != nil {
		return nil, parseError(err)
	}
	r := &reader{lines: fset.File(tree.FileStart), tree: tree, file: &File{
		Path:      path,
		Package:   tree.Name.Name,
		Test:      strings.HasSuffix(path, "_test.go"),
		Generated: ast.IsGenerated(tree),
	}}
	r.readConstraint()
	r.readLinknames()
	r.readImports()
	r.file.Decls = make([]Decl, 0, len(tree.Decls))
	r.names = newResolver(r.qualifiers, len(r.file.Imports) > 0)
	defer r.names.release()
	r.names.file(tree)
	r.codes = r.names.codes
	for _, d := range tree.Decls {
		r.readDecl(d)
	}
	if r.file.Test {
		r.readTests()
	}
	return r.file, nil
}

// hasDirectives reports whether a file may contain comments that matter: all
// others are omitted from the tree.
func hasDirectives(src []byte) bool {
	return bytes.Contains(src, []byte("//go:")) || bytes.Contains(src, []byte("Code generated"))
}

func parseError(err error) *Error {
	first := err.(scanner.ErrorList)[0] // the parser has no other errors
	return &Error{Pos: Pos{max(first.Pos.Line, 1), max(first.Pos.Column, 1)}, Message: first.Msg}
}

// reader holds one file while it is being read.
type reader struct {
	lines      *token.File
	tree       *ast.File
	file       *File
	qualifiers map[string]string // local package name -> import path
	linknames  map[string]bool   // functions named by a go:linkname
	names      *resolver
	codes      []code    // those of names that are still to be read
	collector  collector // used for one declaration after the other
}

func (r *reader) pos(p token.Pos) Pos {
	at := r.lines.PositionFor(p, false) // false: //line comments don't move findings to other files
	return Pos{at.Line, at.Column}
}

func (r *reader) readConstraint() {
	for _, group := range r.tree.Comments {
		if group.Pos() > r.tree.Package {
			return
		}
		for _, c := range group.List {
			if constraint.IsGoBuild(c.Text) {
				r.file.Constraint = strings.TrimSpace(strings.TrimPrefix(c.Text, "//go:build"))
				return
			}
		}
	}
}

func (r *reader) readLinknames() {
	for _, group := range r.tree.Comments {
		for _, c := range group.List {
			if rest, ok := strings.CutPrefix(c.Text, "//go:linkname "); ok {
				if words := strings.Fields(rest); len(words) > 0 {
					if r.linknames == nil {
						r.linknames = map[string]bool{}
					}
					r.linknames[words[0]] = true
				}
			}
		}
	}
}

func (r *reader) readImports() {
	r.qualifiers = make(map[string]string, len(r.tree.Imports))
	for _, spec := range r.tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value) // the parser refuses others
		imp := Import{Path: path, Pos: r.pos(spec.Path.Pos())}
		if spec.Name != nil {
			imp.Name = spec.Name.Name
			r.qualifiers[imp.Name] = path
		} else {
			r.qualifiers[GuessPackageName(path)] = path
		}
		r.file.Imports = append(r.file.Imports, imp)
	}
}

// GuessPackageName guesses the package name that an import path most likely
// has: its last element, without a major version, a "go-" before it or a ".v3"
// behind it.
func GuessPackageName(path string) string {
	rest, last := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		rest, last = path[:i], path[i+1:]
	}
	if len(last) > 1 && last[0] == 'v' && strings.Trim(last[1:], "0123456789") == "" && rest != "" {
		return GuessPackageName(rest)
	}
	if i := strings.LastIndex(last, ".v"); i > 0 {
		last = last[:i]
	}
	last = strings.TrimPrefix(last, "go-")
	last = strings.TrimSuffix(last, "-go")
	return strings.ReplaceAll(last, "-", "_")
}

func (r *reader) readDecl(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		r.readFunc(d)
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				r.readType(s)
			case *ast.ValueSpec:
				r.readValues(d.Tok, s)
			}
		}
	}
}

func (r *reader) readFunc(d *ast.FuncDecl) {
	decl := Decl{
		Kind:       Func,
		Name:       d.Name.Name,
		Pos:        r.pos(d.Name.Pos()),
		Signature:  funcSignature(d),
		TypeParams: r.fields(d.Type.TypeParams),
		Params:     r.fields(d.Type.Params),
		Results:    r.fields(d.Type.Results),
	}
	if d.Recv != nil && len(d.Recv.List) == 1 {
		decl.Kind = Method
		decl.Receiver = typeText(d.Recv.List[0].Type)
		decl.Recv = BaseName(d.Recv.List[0].Type)
	}
	r.collect(&decl, r.nextCode(), d)
	r.file.Decls = append(r.file.Decls, decl)
}

func (r *reader) readType(s *ast.TypeSpec) {
	decl := Decl{
		Kind:       Type,
		Name:       s.Name.Name,
		Pos:        r.pos(s.Name.Pos()),
		Signature:  typeSignature(s),
		TypeParams: r.fields(s.TypeParams),
		Alias:      s.Assign != token.NoPos,
	}
	if st, ok := s.Type.(*ast.StructType); ok {
		decl.Struct = true
		decl.Fields = r.fields(st.Fields)
	}
	r.collect(&decl, r.nextCode(), nil)
	r.file.Decls = append(r.file.Decls, decl)
}

func (r *reader) readValues(tok token.Token, s *ast.ValueSpec) {
	kind := Var
	if tok == token.CONST {
		kind = Const
	}
	code := r.nextCode()
	for i, name := range s.Names {
		decl := Decl{Kind: kind, Name: name.Name, Pos: r.pos(name.Pos()), Unset: kind == Var && len(s.Values) == 0}
		r.collect(&decl, code, nil)
		if s.Type != nil {
			decl.Fields = []Field{{Type: typeText(s.Type)}}
		} else if i < len(s.Values) && len(s.Values) == len(s.Names) {
			if t := literalType(s.Values[i]); t != "" {
				decl.Fields = []Field{{Type: t}}
			}
		}
		r.file.Decls = append(r.file.Decls, decl)
	}
}

// literalType returns the type of a composite literal, its address, a make or a
// new; "" for any other expression.
func literalType(e ast.Expr) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		return typeText(x.Type)
	case *ast.UnaryExpr:
		if lit, ok := ast.Unparen(x.X).(*ast.CompositeLit); ok && x.Op == token.AND {
			return "*" + typeText(lit.Type)
		}
	case *ast.CallExpr:
		fun, ok := x.Fun.(*ast.Ident)
		if !ok || fun.Obj != nil || len(x.Args) == 0 {
			return ""
		}
		switch fun.Name {
		case "make":
			return typeText(x.Args[0])
		case "new":
			return "*" + typeText(x.Args[0])
		}
	}
	return ""
}

// fields lists the members of a list one by one: "a, b int" gives two.
func (r *reader) fields(list *ast.FieldList) []Field {
	if list == nil {
		return nil
	}
	var all []Field
	for _, f := range list.List {
		text := typeText(f.Type)
		if len(f.Names) == 0 {
			all = append(all, Field{Name: BaseName(f.Type), Type: text, Embedded: true, Pos: r.pos(f.Type.Pos())})
		}
		for _, n := range f.Names {
			all = append(all, Field{Name: n.Name, Type: text, Pos: r.pos(n.Pos())})
		}
	}
	return all
}

// BaseName returns a type's own name: Store for *pkg.Store[K]. A field of an
// embedded type is called by it.
func BaseName(e ast.Expr) string {
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.ParenExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.SelectorExpr:
			return t.Sel.Name
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

// ParseSignature reads a declaration without its body, as Decl.Signature writes
// it.
func ParseSignature(text string) (*Decl, error) {
	src := "package p\n" + text
	if fields := strings.Fields(text); len(fields) > 0 && fields[0] == "type" && (fields[len(fields)-1] == "struct" || fields[len(fields)-1] == "interface") {
		src += "{}"
	}
	file, err := Parse("signature.go", []byte(src))
	if err != nil {
		return nil, err
	}
	if len(file.Decls) != 1 || len(file.Imports) > 0 || file.Decls[0].Kind > Type {
		return nil, &Error{Pos: Pos{1, 1}, Message: "not one function or type"}
	}
	return &file.Decls[0], nil
}
