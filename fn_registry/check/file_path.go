package check

import (
	"fmt"

	"fnregistry.dev/fn_registry/spec"
)

var filePathRule = derivedScalar("file-path", "file_path", "file_path is where the code is",
	"The file that declares the unit's symbol, from the root. Code stands next to its spec, in a file of the same name.",
	func(s *spec.Spec) string { return s.FilePath },
	func(_ *pass, says, want string) string {
		return fmt.Sprintf("file_path says %s; the code is in %s", orNothing(says), want)
	})
