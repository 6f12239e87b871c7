package check

import "fnregistry.dev/fn_registry/spec"

var importsRule = derivedList("imports", "imports", "imports are the third-party packages of the unit's file",
	"`imports` is what a program takes in with the unit: every import of its Go file that is neither the standard library's nor this repository's.",
	func(s *spec.Spec) []string { return s.Imports })
