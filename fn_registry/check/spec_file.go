package check

import (
	"path"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

var specFileRule = &Rule{
	Name: "spec-file", Severity: Error, Summary: "a spec's file is named after its unit",
	Explanation: "The spec of `add` is `add.md`: one search for the name finds spec, code and test, and while a spec can't be read, its file name still gives the unit's ID. " +
		"Rename the file, with its test, or correct the name.",
	unit: func(p *pass, u *catalog.Unit) {
		want := u.Spec.Name + ".md"
		if !spec.IsName(u.Spec.Name) || p.reported("name") || path.Base(u.File) == want {
			return
		}
		p.key("name", nil, "the spec of %s is in %s; it should be in %s", u.Spec.Name, path.Base(u.File), want)
	},
}
