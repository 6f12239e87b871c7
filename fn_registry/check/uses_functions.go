package check

import "fnregistry.dev/fn_registry/spec"

var usesFunctionsRule = derivedList("uses-functions", "uses_functions", "uses_functions are the registered functions that the code calls",
	"Calls are followed from the unit's file through its package's unregistered code, and stop at registered functions. For a program, all its packages count. "+
		"The graph of who breaks when something changes is built from the same facts.",
	func(s *spec.Spec) []string { return s.UsesFunctions })
