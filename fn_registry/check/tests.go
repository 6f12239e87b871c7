package check

import "fnregistry.dev/fn_registry/spec"

var testsRule = derivedList("tests", "tests", "tests are the tests of the unit's test file",
	"For `TestFooBar_Case` the name is `Case`; for a test with subtests, the subtests' names; a fuzz test keeps its whole name. A listed test that does not exist promises what nothing "+
		"checks; one that is not listed is not found by whoever reads the spec.",
	func(s *spec.Spec) []string { return s.Tests })
