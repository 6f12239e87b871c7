package scaffold

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

// references are the units that a new file is to name, so that it imports just
// their packages and compiles before anything calls them.
type references struct {
	m     *maker
	to    place // of the file
	plain []*catalog.Unit
	typed []typedUnit // with type parameters
}

// typedUnit is a unit that can only be named inside a function with the same
// type parameters.
type typedUnit struct {
	unit   *catalog.Unit
	params *ast.FieldList
}

// references sorts the draft's units by how they can be named.
func (m *maker) references(to place) (*references, error) {
	r := &references{m: m, to: to}
	for _, u := range m.uses {
		if !m.visible(u.Dir, to) {
			return nil, wrong(u.ID+" is in an internal package that "+to.dir+" may not import", "")
		}
		if u.Dir.Package == "main" || u.Dir.ImportPath == "" {
			return nil, wrong(u.ID+" is in a package that nothing can import", "")
		}
		params, err := typeParams(u.Code.Signature)
		if err != nil {
			return nil, err
		}
		if params == nil {
			r.plain = append(r.plain, u)
		} else {
			r.typed = append(r.typed, typedUnit{u, params})
		}
	}
	return r, nil
}

// typeParams reads the type parameters out of a signature, nil without any.
func typeParams(signature string) (*ast.FieldList, error) {
	if strings.HasPrefix(signature, "type ") && (strings.HasSuffix(signature, " struct") || strings.HasSuffix(signature, " interface")) {
		signature += "{}"
	}
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+signature, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	switch d := f.Decls[0].(type) {
	case *ast.FuncDecl:
		return d.Type.TypeParams, nil
	case *ast.GenDecl:
		return d.Specs[0].(*ast.TypeSpec).TypeParams, nil
	}
	return nil, nil
}

// text writes the references and adds what they import. It is empty without
// any.
func (r *references) text(imports importSet) string {
	var b strings.Builder
	if len(r.plain) > 0 {
		b.WriteString("var (\n")
		for _, u := range r.plain {
			b.WriteString("\t" + mention(u, r.name(u, imports)) + "\n")
		}
		b.WriteString(")\n")
	}
	for _, t := range r.typed {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		b.WriteString(r.typedText(t, imports))
	}
	return b.String()
}

// name is how the file calls the unit's symbol.
func (r *references) name(u *catalog.Unit, imports importSet) string {
	if u.Dir.ImportPath == r.to.importPath {
		return u.Code.Symbol
	}
	return imports.add(u.Dir.ImportPath, localName(u.Dir)) + "." + u.Code.Symbol
}

// localName is a package's name in a new file: another one where the standard
// library has one of that name, which the file may well need, too.
func localName(d *catalog.Dir) string {
	if standardByName[d.Package] != "" {
		return "fn" + d.Package
	}
	return d.Package
}

func mention(u *catalog.Unit, name string) string {
	if u.Spec.Kind == spec.KindType {
		return "_ " + name
	}
	return "_ = " + name
}

// typedText names a generic unit inside a blank function that has its type
// parameters, so that no type has to be chosen for them.
func (r *references) typedText(t typedUnit, imports importSet) string {
	own := map[string]bool{}
	var args []string
	for _, f := range single(t.params) {
		own[f.Names[0].Name] = true
		args = append(args, f.Names[0].Name)
	}
	var constraints []string
	for _, f := range single(t.params) {
		eachType(f.Type, func(id *ast.Ident, qualifier string) {
			switch {
			case qualifier != "":
				if p, err := r.m.importOf(placeOf(t.unit.Dir), qualifier, id.Name); err == nil {
					imports.add(p, qualifier)
				}
			case !own[id.Name] && !predeclared[id.Name] && t.unit.Dir.ImportPath != r.to.importPath:
				id.Name = imports.add(t.unit.Dir.ImportPath, localName(t.unit.Dir)) + "." + id.Name
			}
		})
		constraints = append(constraints, f.Names[0].Name+" "+exprText(f.Type))
	}
	name := r.name(t.unit, imports) + "[" + strings.Join(args, ", ") + "]"
	line := mention(t.unit, name)
	if t.unit.Spec.Kind == spec.KindType {
		line = "var " + line
	}
	return "func _[" + strings.Join(constraints, ", ") + "]() { " + line + " }\n"
}

func placeOf(d *catalog.Dir) place {
	return place{dir: d.Path, pkg: d.Package, importPath: d.ImportPath}
}
