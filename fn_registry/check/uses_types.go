package check

import "fnregistry.dev/fn_registry/spec"

var usesTypesRule = derivedList("uses-types", "uses_types", "uses_types are the registered types that the code names",
	"Registered types are those with a spec of kind type; they are found as functions are (see uses-functions).",
	func(s *spec.Spec) []string { return s.UsesTypes })
