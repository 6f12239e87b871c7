package check

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/source"
)

var cycleRule = &Rule{
	Name: "cycle", Severity: Error, Summary: "functions do not use one another in a cycle",
	Explanation: "Units that need each other can't be understood, tested or split up one at a time. Move what both need into a third unit.",
	tree: func(p *pass) {
		for _, group := range p.catalog.Cycles(p.scope.ownUnits()) {
			if !slices.ContainsFunc(group, p.scope.owns) {
				continue
			}
			var ids []string
			for _, u := range group {
				ids = append(ids, u.ID)
			}
			u := group[0]
			file, pos := u.File, source.Pos{Line: 1, Column: 1}
			if u.Code != nil { // otherwise its spec was trusted
				file, pos = u.Code.File, u.Code.Pos
			}
			p.at(u, u.Dir.Root, file, pos.Line, pos.Column, nil, "these units use each other in a cycle: %s", strings.Join(ids, ", "))
		}
	},
}
