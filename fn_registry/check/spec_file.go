package check

import (
	"path"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

var specFileRule = &Rule{
	Name: "spec-file", Severity: Error, Summary: "a spec's file is called as its unit",
	Explanation: "The spec of `add` is `add.md`: one search for the name finds spec, code and test, and a spec that can't be read for a moment keeps its unit's ID by its file's name. " +
		"Rename the file, with its test, or correct the name.",
	unit: func(p *pass, u *catalog.Unit) {
		want := u.Spec.Name + ".md"
		if !spec.IsName(u.Spec.Name) || p.reported("name") || path.Base(u.File) == want {
			return
		}
		p.key("name", nil, "the spec of %s is in %s; it should be in %s", u.Spec.Name, path.Base(u.File), want)
	},
}
