package check

import (
	"fmt"
	"slices"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

var errorTypeRule = derivedScalar("error-type", "error_type", "error_type is the registered error type that comes back",
	"Where the function returns an error: the registered type with an `Error() string` method that its code makes or that the units it calls return. Empty where it returns no error, or "+
		"only unregistered ones.",
	func(s *spec.Spec) string { return s.ErrorType },
	func(p *pass, says, want string) string {
		d, _ := p.derive()
		switch {
		case !d.ReturnsError:
			return fmt.Sprintf("error_type says %s; the function returns no error", says)
		case want == "":
			return fmt.Sprintf("error_type says %s; the code makes no registered error", says)
		default:
			return fmt.Sprintf("error_type says %s; the code returns %s", orNothing(says), want)
		}
	})

// errorType returns what error_type should be: its current value, if that is
// one of several possible types.
func (p *pass) errorType(d *catalog.Derived) (any, bool) {
	if slices.Contains(d.ErrorTypes, p.unit.Spec.ErrorType) {
		return p.unit.Spec.ErrorType, true
	}
	if len(d.ErrorTypes) == 0 {
		return "", true
	}
	return d.ErrorTypes[0], true
}
