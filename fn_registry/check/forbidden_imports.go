package check

import (
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
)

var forbiddenImportsRule = &Rule{
	Name: "forbidden-imports", Severity: Error, Summary: "a program links nothing that its forbidden_imports name",
	Explanation: "`forbidden_imports` keeps a light program light. The linter follows imports through this repository's packages and tells the chain; what third-party modules import among themselves is checked by " +
		"`make sizes`, which asks the go command. An entry covers the packages below it.",
	unit: func(p *pass, u *catalog.Unit) {
		if !u.IsApp() {
			return
		}
		for i, forbidden := range u.Spec.ForbiddenImports {
			if chain := p.linked(u, forbidden); chain != "" {
				p.item("forbidden_imports", i, nil, "%s is linked: %s", forbidden, chain)
			}
		}
	},
}

// linked finds a shortest chain of imports from the program to a package at or below the forbidden path.
func (p *pass) linked(app *catalog.Unit, forbidden string) string {
	type step struct {
		dir   *catalog.Dir
		chain string
	}
	var queue []step
	seen := map[*catalog.Dir]bool{}
	for _, d := range p.catalog.AppPackages(app) {
		seen[d] = true
		queue = append(queue, step{d, d.Path})
	}
	for ; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, imp := range at.dir.Imports {
			if imp.Test {
				continue
			}
			chain := at.chain + " -> " + imp.Path
			if config.Under(imp.Path, forbidden) {
				return chain
			}
			if next := p.catalog.Package(imp.Path); next != nil && !seen[next] {
				seen[next] = true
				queue = append(queue, step{next, chain})
			}
		}
	}
	return ""
}
