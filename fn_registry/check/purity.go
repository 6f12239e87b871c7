package check

import (
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

var purityRule = &Rule{
	Name: "purity", Severity: Error, Summary: "a unit called pure is pure",
	Explanation: "Pure: same input, same output; no I/O, clock, randomness, environment, goroutine or package state, in its own code and in everything that it calls. The chain from the unit to the evidence is printed. " +
		"Third-party packages count as impure unless `pure_imports` in fn_registry.yaml lists them. Call the unit impure, or pass the impure part as a parameter (the time, a random number).",
	unit: func(p *pass, u *catalog.Unit) {
		if u.Spec.Purity != spec.PurityPure {
			return
		}
		if chain := p.catalog.Impurity(u); chain != nil {
			p.key("purity", nil, "purity is pure, but %s (%s:%d)", chain, chain.Evidence.File, chain.Evidence.Pos.Line)
		}
	},
}
