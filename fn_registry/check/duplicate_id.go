package check

import (
	"path/filepath"

	"fnregistry.dev/fn_registry/catalog"
)

var duplicateIDRule = &Rule{
	Name: "duplicate-id", Severity: Error, Summary: "an ID belongs to one unit",
	Explanation: "Name, lang and domain make the ID under which everything else refers to a unit. Two specs with one ID: rename one, or delete the one that the other replaced.",
	unit: func(p *pass, u *catalog.Unit) {
		if first := p.catalog.Unit(u.ID); first != nil && first != u {
			where := first.File
			if first.Dir.Root != u.Dir.Root {
				where += " of " + filepath.Base(p.catalog.Roots[first.Dir.Root].Dir)
			}
			p.key("name", nil, "the ID %s is taken by %s", u.ID, where)
		}
		for _, v := range u.Dir.Units {
			if v != u && v.File < u.File && u.Code != nil && v.Code != nil && v.Code.Symbol == u.Code.Symbol && v.ID != u.ID {
				p.key("name", nil, "%s describes %s already; each symbol has one spec, and signature says which", v.File, u.Code.Symbol)
				break
			}
		}
	},
}
