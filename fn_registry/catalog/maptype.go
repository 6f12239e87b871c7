package catalog

import (
	"strings"

	"fnregistry.dev/fn_registry/source"
)

// maxSteps is how many types are followed that refer to each other, to stop at
// cycles in code that does not compile.
const maxSteps = 16

// isMap reports whether source.Effect.IfMap describes a map, according to the
// folder's files.
func (f *folder) isMap(text string) bool {
	first, steps, _ := strings.Cut(text, ".")
	typ := f.nameType(first)
	for steps != "" {
		var step string
		step, steps, _ = strings.Cut(steps, ".")
		typ = f.member(typ, step)
	}
	for range maxSteps {
		if strings.HasPrefix(typ, "map[") {
			return true
		}
		typ, _, _ = strings.Cut(typ, "[") // an instance of a generic type
		found := f.decls[typ]
		if len(found) == 0 || found[0].decl.Kind != source.Type {
			return false
		}
		typ = underlying(found[0].decl)
	}
	return false
}

// nameType returns the type of a variable, of a call ("name()"), or the type
// itself.
func (f *folder) nameType(name string) string {
	name, isCall := strings.CutSuffix(name, "()")
	found := f.decls[name]
	if len(found) == 0 {
		return ""
	}
	switch d := found[0].decl; {
	case d.Kind == source.Type:
		return name
	case d.Kind == source.Var:
		return strings.TrimLeft(variableType(d), "*")
	case d.Kind == source.Func && isCall && len(d.Results) > 0:
		return strings.TrimLeft(d.Results[0].Type, "*")
	}
	return ""
}

// member returns the type of a field, or of the result of a method ("name()").
func (f *folder) member(typ, name string) string {
	typ, _, _ = strings.Cut(typ, "[")
	if method, ok := strings.CutSuffix(name, "()"); ok {
		for _, m := range f.methods[typ] {
			if m.decl.Name == method && len(m.decl.Results) > 0 {
				return strings.TrimLeft(m.decl.Results[0].Type, "*")
			}
		}
		return ""
	}
	for _, at := range f.decls[typ] {
		for _, field := range at.decl.Fields {
			if field.Name == name {
				return strings.TrimLeft(field.Type, "*")
			}
		}
	}
	return ""
}

// underlying returns the declared type, unless that is a struct or an
// interface.
func underlying(d *source.Decl) string {
	_, text, _ := strings.Cut(d.Signature, "type "+d.Name)
	if strings.HasPrefix(text, "[") && len(d.TypeParams) > 0 {
		_, text, _ = strings.Cut(text, "] ")
	}
	return strings.TrimPrefix(strings.TrimSpace(text), "= ")
}
