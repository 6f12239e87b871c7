package check

import (
	"strings"
	"unicode"
)

var specMissingRule = &Rule{
	Name: "spec-missing", Severity: Error, Summary: "an exported function of a units folder has a spec",
	Explanation: "Under the `units` folders of fn_registry.yaml every exported function is a unit. Write its spec (`fn new` makes one), or do not export it. Code in `internal` folders and in package main owes none, " +
		"methods and types neither.",
	tree: func(p *pass) {
		for _, d := range p.scope.dirs() {
			for _, e := range d.Exports {
				if e.Owes && p.scope.exports(d, e.Code.File) {
					hint := ""
					if strings.ContainsFunc(e.Code.Symbol, func(r rune) bool { return r > unicode.MaxASCII }) {
						hint = ", and can't have one: a unit's name consists of a to z and digits; rename it, or do not export it"
					}
					p.at(nil, d.Root, e.Code.File, e.Code.Pos.Line, e.Code.Pos.Column, nil, "exported function %s.%s has no spec%s", d.Package, e.Code.Symbol, hint)
				}
			}
		}
	},
}
