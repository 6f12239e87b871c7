package check

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

var codeMissingRule = &Rule{
	Name: "code-missing", Severity: Error, Summary: "a spec has code",
	Explanation: "The unit's exported Go symbol is its name without underscores and case: `sse_handler` is `SSEHandler`, in sse_handler.go beside sse_handler.md (a method as `StoreGet` for `Store.Get`). " +
		"A program's folder has a main package.",
	unit: func(p *pass, u *catalog.Unit) {
		if _, ok := p.derive(); ok || u.Spec.Name == "" || !slices.Contains([]string{spec.KindFunction, spec.KindType, spec.KindPipeline, spec.KindApp}, u.Spec.Kind) {
			return
		}
		beside := strings.TrimSuffix(u.File, ".md") + ".go"
		if slices.ContainsFunc(u.Dir.Faults, func(f catalog.Fault) bool { return f.File == beside }) {
			return // its code exists but can't be read: reported by the rule that says why
		}
		switch {
		case u.IsApp():
			p.key("name", nil, "there is no Go code in %s or below", u.Dir.Path)
		case u.Spec.Kind == spec.KindType:
			p.key("name", nil, "no exported type named %s (ignoring underscores and case) in %s", u.Spec.Name, u.Dir.Path)
		default:
			p.key("name", nil, "no exported function named %s (ignoring underscores and case) in %s", u.Spec.Name, u.Dir.Path)
		}
	},
}
