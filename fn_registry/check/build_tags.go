package check

import "fnregistry.dev/fn_registry/spec"

var buildTagsRule = derivedList("build-tags", "build_tags", "build_tags are those that the file or its test needs",
	"A tag counts when the file is not built without it. What the toolchain sets by itself (platforms, cgo, Go versions) does not.",
	func(s *spec.Spec) []string { return s.BuildTags })
