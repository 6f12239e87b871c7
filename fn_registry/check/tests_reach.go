package check

import (
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
)

var testsReachRule = &Rule{
	Name: "tests-reach", Severity: Error, Summary: "the unit's tests run, and run the unit",
	Explanation: "A test that begins with `t.Skip` tests nothing, and a test that never reaches the unit, not even through helpers, tests something else. " +
		"Calls are followed by name, within the package: a test that reaches its unit through another package counts as one that does not.",
	unit: func(p *pass, u *catalog.Unit) {
		if u.Code == nil || u.Code.TestFile == "" || len(u.Code.Tests) == 0 {
			return
		}
		skipped := 0
		for _, t := range u.Code.Tests {
			if t.Skips {
				skipped++
			}
		}
		switch first := u.Code.Tests[0]; {
		case skipped == len(u.Code.Tests):
			p.at(u, u.Dir.Root, u.Code.TestFile, first.Pos.Line, first.Pos.Column, nil, "all tests of %s skip", u.Spec.Name)
		case !u.Code.Reached && u.Code.Kind != source.Type:
			p.at(u, u.Dir.Root, u.Code.TestFile, first.Pos.Line, first.Pos.Column, nil, "no test leads to %s", u.Code.Symbol)
		}
	},
}
