package check

import (
	"fnregistry.dev/fn_registry/spec"
)

var returnsOptionalRule = derivedScalar("returns-optional", "returns_optional", "returns_optional reports whether no answer is a normal answer",
	"True where a nil, or a false next to the value, without an error is a normal outcome that every caller must expect. Where the code leaves it open (a slice, a map, an interface), the "+
		"spec is believed.",
	func(s *spec.Spec) bool { return s.ReturnsOptional },
	func(p *pass, says, _ bool) string {
		d, _ := p.derive()
		if says {
			return "returns_optional is true, but " + d.OptionalReason
		}
		return "returns_optional is false, but " + d.OptionalReason
	})
