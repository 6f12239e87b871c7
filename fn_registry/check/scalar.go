package check

import (
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

// derivedScalar is a rule that compares a single value in the spec with the
// code.
func derivedScalar[T comparable](name, key, summary, explanation string, stated func(*spec.Spec) T, message func(p *pass, says, want T) string) *Rule {
	return &Rule{Name: name, Severity: Error, Summary: summary, Explanation: explanation + "\n\n`-fix` writes it.", unit: func(p *pass, u *catalog.Unit) {
		value, ok := p.value(key)
		if !ok || p.reported(key) {
			return
		}
		want, says := value.(T), stated(&u.Spec)
		if says != want {
			p.key(key, p.set(key, want), "%s", message(p, says, want))
		}
	}}
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
