package check

import "strings"

var cycleRule = &Rule{
	Name: "cycle", Severity: Error, Summary: "functions do not use one another in a circle",
	Explanation: "Units that need each other can't be understood, tested or taken apart one by one. Move what both need into a third unit.",
	tree: func(p *pass) {
		for _, group := range p.catalog.Cycles() {
			var ids []string
			inScope := false
			for _, u := range group {
				ids = append(ids, u.ID)
				inScope = inScope || p.scope.file(u.File) || p.scope.file(u.Code.File)
			}
			if inScope {
				u := group[0]
				p.at(u, u.Dir.Root, u.Code.File, u.Code.Pos.Line, u.Code.Pos.Column, nil, "these units use one another in a circle: %s", strings.Join(ids, ", "))
			}
		}
	},
}
