package source

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
)

// Surface is what a caller can see of a function or a type.
type Surface struct {
	Parts []Part
	Types []string // the package's own types that the parts mention, each once
}

// Part is one thing that callers rely on.
type Part struct {
	// Name is "signature", "type parameters", "type", "field F" or "method M".
	Name string
	// Text is what it is, by meaning: packages by import path, without the
	// names of parameters and results, type parameters by number.
	Text string
	// Wanted says that others must have the part, too: adding a method to an
	// interface that they can implement breaks them.
	Wanted bool
}

// Surfaces reads a file for what callers see of its functions and types, by
// name; a method is a part of its receiver's type. A type that is declared in
// another file has its methods alone.
func Surfaces(path string, src []byte) (map[string]*Surface, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, parseError(err)
	}
	r := &reader{lines: fset.File(tree.FileStart), tree: tree, file: &File{}}
	r.readImports()
	s := surfaces{reader: r, found: map[string]*Surface{}}
	for _, d := range tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			s.function(d)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if t, ok := spec.(*ast.TypeSpec); ok {
					s.typeSpec(t)
				}
			}
		}
	}
	return s.found, nil
}

type surfaces struct {
	*reader
	found map[string]*Surface
}

// meaning is how an expression is written by what it means. A nil one writes it
// as it is.
type meaning struct {
	qualifiers map[string]string
	params     map[string]string // type parameters
	types      []string          // the package's own types that were met
}

func (m *meaning) ident(name string) string {
	if m == nil {
		return name
	}
	if as, ok := m.params[name]; ok {
		return as
	}
	if !universe[name] && !slices.Contains(m.types, name) {
		m.types = append(m.types, name)
	}
	return name
}

func (m *meaning) qualifier(e ast.Expr) (path string, ok bool) {
	id, isIdent := e.(*ast.Ident)
	if m == nil || !isIdent {
		return "", false
	}
	path, ok = m.qualifiers[id.Name]
	return path, ok
}

// means returns what writes expressions in the scope of type parameters.
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
	if _, pointer := recv.(*ast.StarExpr); pointer {
		w.WriteByte('*')
	}
	w.funcTail(d.Type)
	s.of(BaseName(recv)).add(m, Part{Name: "method " + d.Name.Name, Text: w.String()})
}

// receiverParams numbers the type parameters that a receiver names.
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
	switch u := t.Type.(type) {
	case *ast.StructType:
		surface.add(m, Part{Name: "type", Text: "struct"})
		for _, f := range u.Fields.List {
			for _, name := range fieldNames(f) {
				if ast.IsExported(name) {
					surface.add(m, Part{Name: "field " + name, Text: text(f.Type)})
				}
			}
		}
	case *ast.InterfaceType:
		surface.add(m, Part{Name: "type", Text: "interface"})
		open := true // for others to implement
		for _, f := range u.Methods.List {
			open = open && (len(f.Names) == 0 || f.Names[0].IsExported())
		}
		for _, f := range u.Methods.List {
			part := Part{Name: "element " + text(f.Type), Wanted: open}
			if len(f.Names) == 1 {
				if part.Name, part.Text = "method "+f.Names[0].Name, text(f.Type); !f.Names[0].IsExported() {
					continue
				}
			}
			surface.add(m, part)
		}
	default:
		of := text(t.Type)
		if t.Assign != token.NoPos {
			of = "= " + of
		}
		surface.add(m, Part{Name: "type", Text: of})
	}
}

// fieldNames lists the names of a field, of an embedded one its type's.
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
