package check

import (
	"fnregistry.dev/fn_registry/spec"
)

var testedRule = derivedScalar("tested", "tested", "tested reports whether there are tests",
	"True where the unit's test file has at least one test.",
	func(s *spec.Spec) bool { return s.Tested },
	func(_ *pass, says, _ bool) string {
		if says {
			return "tested is true, and no test was found"
		}
		return "tested is false, and there are tests"
	})
