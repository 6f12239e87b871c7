package check

import (
	"fmt"

	"fnregistry.dev/fn_registry/spec"
)

var testFilePathRule = derivedScalar("test-file-path", "test_file_path", "test_file_path is where the test is",
	"The unit's test stands next to it, in a file of the same name and `_test.go`. Without one the value is empty.",
	func(s *spec.Spec) string { return s.TestFilePath },
	func(_ *pass, says, want string) string {
		if want == "" {
			return fmt.Sprintf("test_file_path says %s; there is no test file next to the spec", says)
		}
		return fmt.Sprintf("test_file_path says %s; the test is in %s", orNothing(says), want)
	})
