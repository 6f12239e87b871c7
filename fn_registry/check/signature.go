package check

import (
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/source"
)

var signatureRule = &Rule{
	Name: "signature", Severity: Error, Summary: "signature is the declaration in the code",
	Explanation: "The Go declaration without its body, as `go doc` prints it. How parameters are grouped (`a, b int` or `a int, b int`) and spaced does not matter. For a struct or an interface: `type Name struct`.\n\n`-fix` writes it.",
	unit: func(p *pass, u *catalog.Unit) {
		if u.Code == nil || p.reported("signature") || u.Spec.Signature == u.Code.Signature {
			return
		}
		says, err := source.ParseSignature(u.Spec.Signature)
		if err != nil {
			p.key("signature", p.set("signature", u.Code.Signature), "signature is not a Go declaration: %v", err)
			return
		}
		real, err := source.ParseSignature(u.Code.Signature)
		if err != nil {
			return // what the reader printed always parses; a test ensures it
		}
		if diff := signatureDiff(says, real); diff != "" {
			p.key("signature", p.set("signature", u.Code.Signature), "signature differs from the code: %s", diff)
		}
	},
}

// signatureDiff describes the first difference, or is empty.
func signatureDiff(says, real *source.Decl) string {
	if says.Kind != real.Kind {
		return fmt.Sprintf("it is a %s, the code has a %s", kindWord(says), kindWord(real))
	}
	if says.Name != real.Name {
		return fmt.Sprintf("the name is %s, the code has %s", says.Name, real.Name)
	}
	if says.Receiver != real.Receiver {
		return fmt.Sprintf("the receiver is %s, the code has %s", orNothing(says.Receiver), orNothing(real.Receiver))
	}
	if diff := fieldsDiff("type parameter", says.TypeParams, real.TypeParams, true); diff != "" {
		return diff
	}
	if diff := fieldsDiff("parameter", says.Params, real.Params, true); diff != "" {
		return diff
	}
	if diff := fieldsDiff("result", says.Results, real.Results, false); diff != "" {
		return diff
	}
	if says.Kind == source.Type && collapse(says.Signature) != collapse(real.Signature) {
		return "the code has " + real.Signature
	}
	return ""
}

func fieldsDiff(what string, says, real []source.Field, named bool) string {
	for i := range min(len(says), len(real)) {
		if says[i].Type != real[i].Type {
			return fmt.Sprintf("%s %d is %s, the code has %s", what, i+1, describe(says[i]), describe(real[i]))
		}
		if named && says[i].Name != real[i].Name {
			return fmt.Sprintf("%s %d is called %s, the code has %s", what, i+1, orNothing(says[i].Name), orNothing(real[i].Name))
		}
	}
	if len(says) != len(real) {
		plural := what + "s"
		if len(says) == 1 {
			plural = what
		}
		return fmt.Sprintf("it has %d %s, the code has %d", len(says), plural, len(real))
	}
	if !named && !slices.EqualFunc(says, real, func(a, b source.Field) bool { return a.Name == b.Name && a.Embedded == b.Embedded }) {
		return "the results have other names in the code"
	}
	return ""
}

func describe(f source.Field) string {
	if f.Embedded || f.Name == "" {
		return f.Type
	}
	return f.Name + " " + f.Type
}

func kindWord(d *source.Decl) string {
	switch d.Kind {
	case source.Type:
		return "type"
	case source.Method:
		return "method"
	}
	return "function"
}

func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }
