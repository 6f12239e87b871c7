package check

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

// derivedList is a rule that compares a list in the spec with the same list
// derived from the code. Order matters only if ordered is set.
func derivedList(name, key, summary, explanation string, stated func(*spec.Spec) []string) *Rule {
	return &Rule{Name: name, Severity: Error, Summary: summary, Explanation: explanation + "\n\n`-fix` writes it.", unit: func(p *pass, u *catalog.Unit) {
		value, ok := p.value(key)
		if !ok || p.reported(key) {
			return
		}
		says, want := stated(&u.Spec), value.([]string)
		missing, extra := difference(want, says), difference(says, want)
		if len(missing)+len(extra) == 0 {
			return
		}
		var parts []string
		if len(missing) > 0 {
			parts = append(parts, "the code has "+strings.Join(missing, ", ")+", which "+key+" lacks")
		}
		if len(extra) > 0 {
			parts = append(parts, key+" lists "+strings.Join(extra, ", ")+", which the code does not have")
		}
		message := strings.Join(parts, "; ")
		if len(missing) == 0 && len(extra) > 0 {
			p.item(key, slices.Index(says, extra[0]), p.set(key, value), "%s", message)
			return
		}
		p.key(key, p.set(key, value), "%s", message)
	}}
}

// difference lists what is in a but not in b, in a's order.
func difference(a, b []string) []string {
	var only []string
	for _, s := range a {
		if !slices.Contains(b, s) && !slices.Contains(only, s) {
			only = append(only, s)
		}
	}
	return only
}
