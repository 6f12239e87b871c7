package check

import (
	"slices"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/source"
)

var forbiddenImportsRule = &Rule{
	Name: "forbidden-imports", Severity: Error, Summary: "nothing links its forbidden_imports, and no unit links a driver outside the driver's folder",
	Explanation: "`forbidden_imports` keeps a light program light, and a unit that light programs import. `drivers` in fn_registry.yaml says it for all units at once: each driver has a folder, and units elsewhere do " +
		"not link it. The linter follows imports through this repository's packages, into the standard library, and reports the chain; what the standard library and third-party modules import among themselves is checked by " +
		"`make sizes`, which asks the go command. An entry also covers the packages below it; an entry that nothing can import is reported.",
	unit: func(p *pass, u *catalog.Unit) {
		if len(u.Spec.ForbiddenImports) > 0 {
			for i, chain := range p.linked(u, u.Spec.ForbiddenImports) {
				switch path := u.Spec.ForbiddenImports[i]; {
				case chain != "":
					p.item("forbidden_imports", i, nil, "%s is linked: %s", path, chain)
				case path != "" && !p.importable(path):
					p.item("forbidden_imports", i, nil, "neither the standard library nor this repository has a package %s: nothing can import it; use a complete import path", path)
				}
			}
		}
		if u.IsApp() {
			return // a program may link any drivers
		}
		for _, d := range p.catalog.Roots[u.Dir.Root].Config.Forbidden(u.Dir.Path) {
			for i, chain := range p.linked(u, d.Imports) {
				if chain != "" && !slices.Contains(u.Spec.ForbiddenImports, d.Imports[i]) { // one cause, one finding
					p.key("file_path", nil, "%s, a driver of %s, is linked: %s", d.Imports[i], d.Folder, chain)
				}
			}
		}
	},
}

// importable reports whether a package can exist at or below a path: in another
// module one always can.
func (p *pass) importable(path string) bool {
	if p.catalog.Package(path) != nil {
		return true
	}
	if p.catalog.Local(path) {
		return slices.ContainsFunc(
			p.catalog.Dirs,
			func(d *catalog.Dir) bool { return d.ImportPath != "" && config.Under(d.ImportPath, path) },
		)
	}
	return !source.IsStandard(path) || source.KnownStandard(path)
}

// linked finds for each of the forbidden paths a shortest chain of imports from
// the unit's package, or from any of a program's packages, to a package at or
// below the path; "" if there is none.
func (p *pass) linked(u *catalog.Unit, forbidden []string) []string {
	type step struct {
		dir   *catalog.Dir
		chain string
	}
	chains := make([]string, len(forbidden))
	var queue []step
	seen := map[*catalog.Dir]bool{}
	begin := []*catalog.Dir{u.Dir}
	if u.IsApp() {
		begin = p.catalog.AppPackages(u)
	}
	for _, d := range begin {
		seen[d] = true
		queue = append(queue, step{d, d.Path})
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		meet := func(path string) {
			for i, f := range forbidden {
				if chains[i] == "" && config.Under(path, f) {
					chains[i] = at.chain + " -> " + path
				}
			}
		}
		for _, path := range at.dir.Standard {
			meet(path)
		}
		for _, imp := range at.dir.Imports {
			if imp.Test || imp.Ignored {
				continue
			}
			meet(imp.Path)
			if next := p.catalog.Package(imp.Path); next != nil && !seen[next] {
				seen[next] = true
				queue = append(queue, step{next, at.chain + " -> " + imp.Path})
			}
		}
	}
	return chains
}
