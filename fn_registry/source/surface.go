package source

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// Package is what callers can see of a package's functions and types, by name;
// a method is a part of its receiver's type. Add its files, then Resolve.
type Package map[string]*Surface

// Surface is what a caller can see of a function or a type.
type Surface struct {
	Parts []Part
	Types []string // the package's own types that the parts mention, each once

	alias        string   // Type: the type it is another name for
	value        string   // Const: its value, if it is a literal
	embeds       []string // the package's own types that it embeds, with the * of a pointer
	holds        []string // the package's own types that a value of it contains
	incomparable bool     // its values can't be compared with ==
	sealed       bool     // an interface with unexported methods
}

// Part is one thing that callers rely on.
type Part struct {
	// Name is "signature", "type parameters", "type", "field F", "method M",
	// "constant C", Comparison or Sealed.
	Name string
	// Text is what it is, by meaning: packages by import path, aliases by what
	// they stand for, without the names of parameters and results, type
	// parameters by number.
	Text string
	// Wanted says that others must have the part, too: adding a method to an
	// interface that they can implement breaks them.
	Wanted bool
	// Pointer says that a method is that of a pointer alone.
	Pointer bool
}

// Names of parts that are not declarations.
const (
	Comparison = "comparison" // a struct's values can be compared with ==
	Sealed     = "sealed"     // an interface that no other package can implement
)

// Add reads a file.
func (p Package) Add(path string, src []byte) error {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return parseError(err)
	}
	r := &reader{lines: fset.File(tree.FileStart), tree: tree, file: &File{}}
	r.readImports()
	s := surfaces{reader: r, found: p}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			s.function(d)
		case *ast.GenDecl:
			if d.Tok == token.CONST {
				s.constants(d)
			}
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					s.typeSpec(t)
				}
			}
		}
	}
	return nil
}

type surfaces struct {
	*reader
	found Package
}

// meaning formats expressions by what they mean. If nil, they are formatted as
// written.
type meaning struct {
	qualifiers map[string]string
	params     map[string]string // type parameters
	types      []string          // the package's own types found so far
}

// Stands for a name of the package until all files are known: the name, and the
// package of a dot import that may provide it.
const (
	nameBegin = "\x01"
	nameDot   = "\x02"
	nameEnd   = "\x03"
)

// sameType lists the predeclared aliases.
var sameType = map[string]string{"byte": "uint8", "rune": "int32"}

func (m *meaning) ident(name string) string {
	if m == nil {
		return name
	}
	if as, ok := m.params[name]; ok {
		return as
	}
	if universe[name] {
		return cmp.Or(sameType[name], name)
	}
	if !slices.Contains(m.types, name) {
		m.types = append(m.types, name)
	}
	return nameBegin + name + nameDot + m.qualifiers["."] + nameEnd
}

func (m *meaning) qualifier(e ast.Expr) (path string, ok bool) {
	id, isIdent := e.(*ast.Ident)
	if m == nil || !isIdent {
		return "", false
	}
	path, ok = m.qualifiers[id.Name]
	return path, ok
}

// means returns a formatter for expressions in the scope of type parameters.
func (s *surfaces) means(lists ...*ast.FieldList) *meaning {
	m := &meaning{qualifiers: s.qualifiers, params: map[string]string{}}
	for _, list := range lists {
		if list == nil {
			continue
		}
		for _, f := range list.List {
			for _, name := range f.Names {
				m.params[name.Name] = "$" + strconv.Itoa(len(m.params))
			}
		}
	}
	return m
}

func (s *surfaces) of(name string) *Surface {
	if s.found[name] == nil {
		s.found[name] = &Surface{}
	}
	return s.found[name]
}

func (s *Surface) add(m *meaning, p Part) {
	s.Parts = append(s.Parts, p)
	for _, name := range m.types {
		if !slices.Contains(s.Types, name) {
			s.Types = append(s.Types, name)
		}
	}
}

func (s *surfaces) function(d *ast.FuncDecl) {
	if d.Recv == nil || len(d.Recv.List) != 1 {
		m := s.means(d.Type.TypeParams)
		w := writer{meaning: m}
		w.funcTail(d.Type)
		s.of(d.Name.Name).add(m, Part{Name: "signature", Text: w.String()})
		return
	}
	if !d.Name.IsExported() {
		return
	}
	recv := d.Recv.List[0].Type
	m := &meaning{qualifiers: s.qualifiers, params: receiverParams(recv)}
	w := writer{meaning: m}
	w.funcTail(d.Type)
	_, pointer := recv.(*ast.StarExpr)
	s.of(BaseName(recv)).add(m, Part{Name: "method " + d.Name.Name, Text: w.String(), Pointer: pointer})
}

// receiverParams numbers the type parameters named by a receiver.
func receiverParams(recv ast.Expr) map[string]string {
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	var names []ast.Expr
	switch t := recv.(type) {
	case *ast.IndexExpr:
		names = []ast.Expr{t.Index}
	case *ast.IndexListExpr:
		names = t.Indices
	}
	params := map[string]string{}
	for i, e := range names {
		if id, ok := e.(*ast.Ident); ok {
			params[id.Name] = "$" + strconv.Itoa(i)
		}
	}
	return params
}

func (s *surfaces) typeSpec(t *ast.TypeSpec) {
	surface, m := s.of(t.Name.Name), s.means(t.TypeParams)
	text := func(e ast.Expr) string {
		w := writer{meaning: m}
		w.expr(e)
		return w.String()
	}
	if t.TypeParams != nil {
		w := writer{meaning: m}
		w.typeParams(t.TypeParams)
		surface.add(m, Part{Name: "type parameters", Text: w.String()})
	}
	prefix := ""
	if t.Assign != token.NoPos {
		prefix = "= "
	}
	switch u := t.Type.(type) {
	case *ast.StructType:
		surface.add(m, Part{Name: "type", Text: prefix + "struct"})
		surface.hold(u)
		for _, f := range u.Fields.List {
			if local := ownType(f.Type); local != "" && len(f.Names) == 0 {
				surface.embeds = append(surface.embeds, local)
			}
			for _, name := range fieldNames(f) {
				if ast.IsExported(name) {
					surface.add(m, Part{Name: "field " + name, Text: text(f.Type)})
				}
			}
		}
	case *ast.InterfaceType:
		surface.add(m, Part{Name: "type", Text: prefix + "interface"})
		for _, f := range u.Methods.List {
			switch local := ownType(f.Type); {
			case len(f.Names) == 1 && !f.Names[0].IsExported():
				surface.sealed = true
			case len(f.Names) == 1:
				surface.add(m, Part{Name: "method " + f.Names[0].Name, Text: text(f.Type)})
			case local != "":
				surface.embeds = append(surface.embeds, local)
			default:
				surface.add(m, Part{Name: "element " + text(f.Type)})
			}
		}
	default:
		of := text(t.Type)
		if prefix != "" && t.TypeParams == nil {
			surface.alias = of
		}
		surface.add(m, Part{Name: "type", Text: prefix + of})
	}
}

// ownType returns the name of a type of the package itself, with the * of a
// pointer; "" for any other.
func ownType(e ast.Expr) string {
	star := ""
	if p, ok := e.(*ast.StarExpr); ok {
		star, e = "*", p.X
	}
	if ix, ok := e.(*ast.IndexExpr); ok {
		e = ix.X
	}
	if id, ok := e.(*ast.Ident); ok && !universe[id.Name] {
		return star + id.Name
	}
	return ""
}

// hold records what decides whether values of a struct can be compared.
func (s *Surface) hold(u *ast.StructType) {
	for _, f := range u.Fields.List {
		e := f.Type
		for {
			array, ok := e.(*ast.ArrayType)
			if !ok || array.Len == nil {
				break
			}
			e = array.Elt
		}
		switch t := e.(type) {
		case *ast.ArrayType, *ast.MapType, *ast.FuncType:
			s.incomparable = true
		case *ast.StructType:
			s.hold(t)
		case *ast.Ident:
			s.holds = append(s.holds, t.Name)
		}
	}
}

// constants records the exported constants of the package's own types, and the
// values of those that are literals.
func (s *surfaces) constants(d *ast.GenDecl) {
	var last *ast.ValueSpec // what a line without values repeats
	for n, spec := range d.Specs {
		v := spec.(*ast.ValueSpec)
		if len(v.Values) > 0 { // the parser wants them in the first
			last = v
		}
		for i, name := range v.Names[:min(len(v.Names), len(last.Values))] {
			value, typ := last.Values[i], ""
			if lit, ok := value.(*ast.BasicLit); ok {
				s.of(name.Name).value = lit.Value
			}
			if call, ok := value.(*ast.CallExpr); ok {
				typ = ownType(call.Fun)
			}
			if last.Type != nil {
				typ = ownType(last.Type)
			}
			if typ == "" || !name.IsExported() {
				continue
			}
			m := s.means()
			w := writer{meaning: m}
			w.expr(value)
			text := strings.ReplaceAll(w.String(), "iota", "iota of "+strconv.Itoa(n))
			of := s.of(typ)
			of.Parts = append(of.Parts, Part{Name: "constant " + name.Name, Text: text})
		}
	}
}

// fieldNames lists the names of a field, for an embedded one its type's.
func fieldNames(f *ast.Field) []string {
	if len(f.Names) == 0 {
		return []string{BaseName(f.Type)}
	}
	var names []string
	for _, n := range f.Names {
		names = append(names, n.Name)
	}
	return names
}
