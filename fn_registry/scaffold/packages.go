package scaffold

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"fnregistry.dev/fn_registry/source"
)

// packageSource is what the scaffold needs to know of a package that the
// catalogue does not keep: all names, and the comments.
type packageSource struct {
	names    map[string]bool
	types    map[string]*ast.TypeSpec
	funcs    map[string]bool
	comments map[string]string // doc comments of functions and types, by name
	exported int               // how many exported functions it has, methods not counted
	examples map[string]example
}

// example is a testable Example function of a package.
type example struct {
	fset *token.FileSet
	file *ast.File
	body *ast.BlockStmt
}

// packageSource reads a folder's Go files. What does not parse is left out: the
// linter reports it.
func (m *maker) packageSource(dir string) *packageSource {
	if p := m.packages[dir]; p != nil {
		return p
	}
	p := &packageSource{names: map[string]bool{}, types: map[string]*ast.TypeSpec{}, funcs: map[string]bool{}, comments: map[string]string{}, examples: map[string]example{}}
	m.packages[dir] = p
	folder := m.root.Path(dir)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return p // a new folder
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || e.IsDir() {
			continue
		}
		fset := token.NewFileSet()
		if f, err := parser.ParseFile(fset, filepath.Join(folder, e.Name()), nil, parser.ParseComments|parser.SkipObjectResolution); err == nil {
			p.add(fset, f, strings.HasSuffix(e.Name(), "_test.go"))
		}
	}
	return p
}

func (p *packageSource) add(fset *token.FileSet, f *ast.File, test bool) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			switch {
			case d.Recv != nil:
			case !test:
				p.addFunc(d)
			case strings.HasPrefix(d.Name.Name, "Example") && d.Body != nil:
				p.examples[strings.TrimPrefix(d.Name.Name, "Example")] = example{fset, f, d.Body}
			case !strings.HasSuffix(f.Name.Name, "_test"):
				p.names[d.Name.Name] = true // a test of the same package may not declare a name twice either
			}
		case *ast.GenDecl:
			if !test || !strings.HasSuffix(f.Name.Name, "_test") {
				p.addDecl(d)
			}
		}
	}
}

func (p *packageSource) addFunc(d *ast.FuncDecl) {
	if d.Name.IsExported() && !p.names[d.Name.Name] { // one that has a variant for each platform counts once
		p.exported++
	}
	p.names[d.Name.Name], p.funcs[d.Name.Name] = true, true
	if p.comments[d.Name.Name] == "" {
		p.comments[d.Name.Name] = d.Doc.Text()
	}
}

func (p *packageSource) addDecl(d *ast.GenDecl) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			p.names[s.Name.Name] = true
			p.types[s.Name.Name] = s
			p.comments[s.Name.Name] = cmp.Or(s.Doc.Text(), d.Doc.Text())
		case *ast.ValueSpec:
			for _, name := range s.Names {
				p.names[name.Name] = true
			}
		}
	}
}

// field is an exported field of a struct with its comment on one line.
type field struct{ name, typ, comment string }

// fields lists the exported fields of a struct of the package, or nothing.
func (p *packageSource) fields(name string) []field {
	spec := p.types[name]
	if spec == nil {
		return nil
	}
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		return nil
	}
	var all []field
	for _, f := range st.Fields.List {
		comment := f.Doc.Text()
		if comment == "" {
			comment = f.Comment.Text()
		}
		names := f.Names
		if len(names) == 0 {
			names = []*ast.Ident{{Name: source.BaseName(f.Type)}}
		}
		for _, n := range names {
			if n.IsExported() {
				all = append(all, field{name: n.Name, typ: exprText(f.Type), comment: oneLine(comment)})
			}
		}
	}
	return all
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
