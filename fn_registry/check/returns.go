package check

import "fnregistry.dev/fn_registry/spec"

var returnsRule = derivedList("returns", "returns", "returns are the registered types among the results",
	"A pointer to a registered type or a slice of it counts as well. `error` does not: error_type says what it is.",
	func(s *spec.Spec) []string { return s.Returns })
