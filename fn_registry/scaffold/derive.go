package scaffold

import (
	"cmp"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
	"fnregistry.dev/fn_registry/spec"
)

// functionSpec fills in what the linter will read off the new file.
func (m *maker) functionSpec(to place, sh *shape, file *source.File) *spec.Spec {
	decl := &file.Decls[slices.IndexFunc(file.Decls, func(d source.Decl) bool { return d.Name == sh.symbol && d.Kind == source.Func })]
	s := m.baseSpec(to, file)
	s.Signature = decl.Signature
	s.Description = cmp.Or(oneLine(m.draft.Description), "Not written yet: it refuses every call.")
	s.Output = "Nothing yet but an error that wraps errors.ErrUnsupported."
	if !sh.failing() {
		s.Output = "Nothing yet: it panics."
	}
	s.Params = m.paramEntries(to, decl)
	s.Returns = m.returned(to, sh)
	if results := decl.Results; len(results) > 1 && results[len(results)-1].Type == "bool" {
		s.ReturnsOptional = true
	}
	if slices.ContainsFunc(decl.Results, func(f source.Field) bool { return f.Type == "error" }) {
		s.ErrorType = m.errorType(s)
	}
	return s
}

// baseSpec fills in what all kinds of code units have.
func (m *maker) baseSpec(to place, file *source.File) *spec.Spec {
	s := &spec.Spec{
		Name: m.draft.Name, Kind: m.draft.Kind, Lang: spec.LangGo, Domain: m.draft.Domain, Version: "0.1.0", Purity: spec.PurityImpure,
		Tags: append(slices.Clone(m.draft.Tags), spec.TagStub), Tested: true, FilePath: file.Path, TestFilePath: strings.TrimSuffix(file.Path, ".go") + "_test.go",
	}
	if m.draft.Pure {
		s.Purity = spec.PurityPure
	}
	for _, u := range m.usedBy(to, file) {
		if u.Spec.Kind == spec.KindType {
			s.UsesTypes = append(s.UsesTypes, u.ID)
		} else {
			s.UsesFunctions = append(s.UsesFunctions, u.ID)
		}
	}
	for _, imp := range file.Imports {
		if !source.IsStandard(imp.Path) && !m.c.Local(imp.Path) {
			s.Imports = append(s.Imports, imp.Path)
		}
	}
	slices.Sort(s.Imports)
	return s
}

// usedBy lists the registered units that a new file names, sorted by ID.
func (m *maker) usedBy(to place, file *source.File) []*catalog.Unit {
	var used []*catalog.Unit
	for i := range file.Decls {
		for _, ref := range file.Decls[i].Refs {
			pkg := cmp.Or(ref.Pkg, to.importPath)
			if q, ok := strings.CutPrefix(pkg, "?"); ok {
				for _, imp := range file.Imports { // the package's name differs from its folder's
					if imp.Name == q || m.packageNames()[imp.Path] == q {
						pkg = imp.Path
					}
				}
			}
			if u := m.symbols[symbolKey{pkg, ref.Name}]; u != nil && !slices.Contains(used, u) {
				used = append(used, u)
			}
		}
	}
	slices.SortFunc(used, func(a, b *catalog.Unit) int { return strings.Compare(a.ID, b.ID) })
	return used
}

// paramEntries describes each parameter by its type, and the fields of a config
// struct that is there already by their comments.
func (m *maker) paramEntries(to place, decl *source.Decl) []spec.Param {
	params := []spec.Param{}
	for _, p := range decl.Params {
		name := strings.TrimPrefix(p.Type, "*")
		fields := m.packageSource(to.dir).fields(name)
		if m.symbols[symbolKey{to.importPath, name}] != nil {
			fields = nil // registered: it has a spec of its own
		}
		for _, f := range fields {
			params = append(params, spec.Param{Name: p.Name + "." + f.name, Desc: cmp.Or(f.comment, f.typ)})
		}
		if len(fields) == 0 {
			desc := "Of type " + p.Type + "."
			if p.Type == "context.Context" {
				desc = "Context of the call."
			}
			params = append(params, spec.Param{Name: p.Name, Desc: desc})
		}
	}
	return params
}

// returned lists the registered types among the results, as the linter reads
// them.
func (m *maker) returned(to place, sh *shape) []string {
	var ids []string
	for _, r := range sh.results() {
		name := strings.TrimLeft(exprText(r.Type), "*[]")
		name, _, _ = strings.Cut(name, "[")
		pkg := to.importPath
		if q, bare, ok := strings.Cut(name, "."); ok {
			pkg, name = sh.imports[q], bare
		}
		if u := m.symbols[symbolKey{pkg, name}]; u != nil && u.Spec.Kind == spec.KindType {
			ids = append(ids, u.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// errorType is what the linter will read off: an error type that the unit
// names, else one of those that the units it uses return.
func (m *maker) errorType(s *spec.Spec) string {
	var ids []string
	for _, id := range s.UsesTypes {
		if u := m.c.Unit(id); u.Code.IsError {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		for _, id := range s.UsesFunctions {
			if d, ok := m.c.Derive(m.c.Unit(id)); ok {
				ids = append(ids, d.ErrorTypes...)
			}
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return slices.Min(ids)
}

// checkPure refuses the word pure where the linter would.
func (m *maker) checkPure(file *source.File) error {
	if !m.draft.Pure {
		return nil
	}
	for _, u := range m.uses {
		if u.Spec.Kind != spec.KindType && u.Spec.Purity != spec.PurityPure {
			return wrong("it uses "+u.ID+", which is impure, so it can't be pure", "leave pure out")
		}
	}
	for i := range file.Decls {
		for _, p := range file.Decls[i].Params {
			if source.ImpureType(p.Type) {
				return wrong("its parameter "+p.Name+" of type "+p.Type+" does I/O, so it can't be pure", "leave pure out, or take the data and not the stream")
			}
		}
		for _, ref := range file.Decls[i].Refs {
			if impure, known := source.Impure(ref.Pkg, ref.Name); ref.Pkg != "" && (impure || !known && !m.c.Local(ref.Pkg) && !m.listedPure(ref.Pkg)) {
				return wrong("it names "+ref.Pkg+"."+ref.Name+", which does not count as pure", "leave pure out, or list the package in pure_imports of fn_registry.yaml")
			}
		}
	}
	return nil
}

func (m *maker) listedPure(pkg string) bool {
	return slices.ContainsFunc(m.root.Config.PureImports, func(p string) bool { return config.Match(p, pkg, "", false) })
}
