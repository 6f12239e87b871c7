package check

import "fnregistry.dev/fn_registry/spec"

var importsRule = derivedList("imports", "imports", "imports are the third-party packages of the unit's code",
	"`imports` is what a program takes in with the unit: every import of its Go file, and every package that its code reaches through other files of its own package, that is neither the standard library's nor this repository's.",
	func(s *spec.Spec) []string { return s.Imports })
